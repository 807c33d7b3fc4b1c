"""`neurorecon convert`."""

from __future__ import annotations

import math
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from neurorecon.cli.console import note_line
from neurorecon.cli.options import INPUT_PANEL, OUTPUT_PANEL, Overwrite, SwcUnits
from neurorecon.cli.sources import make_folder
from neurorecon.errors import InputError

PLACE_PANEL = "Place (in this order)"
SHAPE_PANEL = "Shape (in this order)"

Triple = tuple[float, float, float]


class Format(StrEnum):
    """What can be written."""

    swc = "swc"
    csv = "csv"
    precomputed = "precomputed"


def convert(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE.swc...", help="Trees: one SWC file or several.")
    ],
    out: Annotated[
        str,
        typer.Option(
            metavar="FILE|DIR",
            help="What to write: .swc, .csv (a table of edges), or a folder (Neuroglancer's "
            "precomputed skeletons; with --to swc or csv, a file for each input).",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ],
    to: Annotated[
        Format | None,
        typer.Option(
            help="What to write, whatever the name of --out.",
            show_default="by the name of --out",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None,
    swc_units: Annotated[
        SwcUnits | None,
        typer.Option(
            help="Unit of files that do not say theirs.",
            show_default="not said in the output either",
            rich_help_panel=INPUT_PANEL,
        ),
    ] = None,
    voxel_size: Annotated[
        Triple | None,
        typer.Option(
            metavar="Z Y X",
            help="Coordinates are voxels of this size: they become µm.",
            show_default="coordinates keep their unit",
            rich_help_panel=INPUT_PANEL,
        ),
    ] = None,
    z_step: Annotated[
        tuple[float, float] | None,
        typer.Option(
            metavar="WAS IS",
            help="The z step that the tree was traced with, and the true one.",
            show_default=False,
            rich_help_panel=PLACE_PANEL,
        ),
    ] = None,
    scale: Annotated[
        Triple,
        typer.Option(
            metavar="Z Y X",
            help="Factors of the coordinates; radii get their geometric mean.",
            rich_help_panel=PLACE_PANEL,
        ),
    ] = (1.0, 1.0, 1.0),
    mirror: Annotated[
        str,
        typer.Option(
            metavar="AXES",
            help="Axes whose sign is reversed: x, zy, ...; --shift then moves the tree back.",
            show_default="none",
            rich_help_panel=PLACE_PANEL,
        ),
    ] = "",
    shift: Annotated[
        Triple,
        typer.Option(
            metavar="Z Y X",
            help="Added to the coordinates, in the unit of the output.",
            rich_help_panel=PLACE_PANEL,
        ),
    ] = (0.0, 0.0, 0.0),
    kind: Annotated[
        int | None,
        typer.Option(
            "--type",
            metavar="N",
            min=0,
            help="SWC type of all nodes but cell bodies: 0 undefined, 2 axon, 3 basal dendrite, "
            "4 apical dendrite, 5 and more of your own.",
            show_default="types as they are",
            rich_help_panel=SHAPE_PANEL,
        ),
    ] = None,
    join: Annotated[
        float | None,
        typer.Option(
            metavar="LENGTH",
            help="Join pieces whose ends come this near to each other, in the unit of the output.",
            show_default="pieces stay apart",
            rich_help_panel=SHAPE_PANEL,
        ),
    ] = None,
    smooth: Annotated[
        float | None,
        typer.Option(
            metavar="LENGTH",
            help="Smooth branches by a Gaussian of this standard deviation along them.",
            show_default="not smoothed",
            rich_help_panel=SHAPE_PANEL,
        ),
    ] = None,
    resample: Annotated[
        float | None,
        typer.Option(
            metavar="LENGTH",
            help="Place nodes this far apart along branches; ends, forks and cell bodies stay.",
            show_default="nodes as they are",
            rich_help_panel=SHAPE_PANEL,
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> list[Path]:
    """Repair SWC files, change them, write them as SWC, CSV or Neuroglancer skeletons.

    What is wrong in a file is repaired and told: missing parents, rings, ids used twice, wrong
    order, nodes at the place of their parent, radii of 0. Prints the files written.
    """
    for name, values, zero in (
        ("--voxel-size", voxel_size, False),
        ("--z-step", z_step, False),
        ("--scale", scale, False),
        ("--shift", shift, True),
        ("--join", join, False),
        ("--smooth", smooth, False),
        ("--resample", resample, False),
    ):
        _refuse_bad_numbers(name, values, zero)
    if kind == 1:
        raise InputError("--type 1 would make everything a cell body; give 2, 3, 4 or another type")
    if set(mirror.lower()) - set("zyx") or len(set(mirror.lower())) < len(mirror):
        raise InputError(f"--mirror is {mirror!r}; give the letters of axes: x, y, z, xy, ...")

    from neurorecon.commands.convert import ConvertRequest, To
    from neurorecon.commands.convert import convert as run

    if out.endswith("/") and to in (Format.swc, Format.csv):
        make_folder(Path(out))
    request = ConvertRequest(
        inputs=tuple(files),
        out=Path(out),
        to=None if to is None else To(to.value),
        unit=None if swc_units is None else swc_units.value,
        voxel_size_zyx=voxel_size,
        z_step=z_step,
        scale_zyx=scale,
        mirror=mirror.lower(),
        shift_zyx=shift,
        kind=kind,
        join=join,
        resample=resample,
        smooth=smooth,
        overwrite=overwrite,
    )
    written = run(request, note_line)
    for path in written:
        typer.echo(path)
    return written


def _refuse_bad_numbers(name: str, given: float | tuple[float, ...] | None, any_sign: bool) -> None:
    values = given if isinstance(given, tuple) else () if given is None else (given,)
    if not all(math.isfinite(value) and (any_sign or value > 0) for value in values):
        listed = " ".join(f"{value:g}" for value in values)
        kind = "finite numbers" if any_sign else "numbers above zero"
        cure = "; --mirror AXES reverses a sign" if name == "--scale" else ""
        raise InputError(f"{name} {listed}: expected {kind}{cure}")
