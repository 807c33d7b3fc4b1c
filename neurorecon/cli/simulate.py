"""`neurorecon simulate`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from neurorecon.cli.console import note_line
from neurorecon.cli.options import INPUT_PANEL, OUTPUT_PANEL, Overwrite, Seed, SwcUnits

IMAGE_PANEL = "Image"


class Look(StrEnum):
    """How hard the stack is to read."""

    clear = "clear"
    dense = "dense"
    varied = "varied"


class Bits(StrEnum):
    """Bits a voxel."""

    eight = "8"
    sixteen = "16"


def simulate(
    swc: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[SWC]...", help="Trees to image. None: random trees are grown."),
    ] = None,
    *,
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="Folder for NAME.tif, NAME_label.tif and NAME.swc; made if missing.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ],
    seed: Seed = 0,
    count: Annotated[
        int,
        typer.Option(metavar="N", min=1, help="Random trees to grow where no SWC is given."),
    ] = 1,
    swc_units: Annotated[
        SwcUnits,
        typer.Option(
            help="Unit of coordinates in SWC files that do not say it in a neurorecon header; "
            "voxel: of the stack to make. The SWC standard says µm.",
            rich_help_panel=INPUT_PANEL,
        ),
    ] = SwcUnits.um,
    voxel_size: Annotated[
        tuple[float, float, float],
        typer.Option(
            metavar="Z Y X",
            help="Distance between voxel centres of the stack to make, in µm.",
            rich_help_panel=IMAGE_PANEL,
        ),
    ] = (1.0, 0.4, 0.4),
    look: Annotated[
        Look,
        typer.Option(
            help="clear: a sparse label on black. dense: glowing tissue with other cells and "
            "debris. varied: something between, drawn for each stack.",
            rich_help_panel=IMAGE_PANEL,
        ),
    ] = Look.varied,
    bits: Annotated[
        Bits, typer.Option(help="Bits a voxel.", rich_help_panel=IMAGE_PANEL)
    ] = Bits.eight,
    max_voxels: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            help="Refuse to make a stack of more voxels; each takes 15 bytes of memory.",
            rich_help_panel=IMAGE_PANEL,
        ),
    ] = 100_000_000,
    overwrite: Overwrite = False,
) -> list[Path]:
    """Make labelled stacks from trees: images with their exact truth, to train and to test with.

    Writes NAME.tif, NAME_label.tif (255 inside the neuron) and NAME.swc (µm, in the frame of the
    stack) for each tree, and prints the paths of the images. `neurorecon train --data DIR` takes
    the folder as it is. The same seed gives the same bytes.
    """
    from neurorecon.commands import simulate as command

    request = command.SimulateRequest(
        swc=tuple(swc or ()),
        folder=out,
        seed=seed,
        count=count,
        look=look.value,
        voxel_size_zyx_um=voxel_size,
        swc_unit=swc_units.value,
        bit_depth=16 if bits is Bits.sixteen else 8,
        max_voxels=max_voxels,
        overwrite=overwrite,
    )
    images = command.simulate(request)
    for path in filter(command.unit_is_assumed, request.swc):
        note_line(f"{path} names no unit: read in {swc_units} (--swc-units)")
    written = []
    for image in images:
        typer.echo(image)
        written.append(image)
    return written
