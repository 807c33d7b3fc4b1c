"""`neurorecon view`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurorecon.cli.console import warning_line
from neurorecon.cli.evaluate_options import SwcOrigin, SwcOriginChoice, SwcUnits
from neurorecon.cli.options import OUTPUT_PANEL, Channel, Dataset, Overwrite, VoxelSize
from neurorecon.cli.options import SwcUnits as SwcUnitsChoice
from neurorecon.errors import InputError


def view(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="[STACK] [SWC]...",
            help="What to show: a stack, SWC files, or both.",
            show_default=False,
        ),
    ],
    out: Annotated[
        list[Path] | None,
        typer.Option(
            "--out",
            metavar="FILE.png|FILE.html|DIR",
            help="A picture (projections along three axes), a page (3D view, slices, sizes) to "
            "open in a browser, or a directory for both. Repeatable.",
            show_default="<stack>_view.png and <stack>_view.html beside the stack",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None,
    napari: Annotated[
        bool,
        typer.Option(
            "--napari",
            help="Open stack and trees in napari; files are then written only with --out.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = False,
    voxel_size: VoxelSize = None,
    channel: Channel = None,
    dataset: Dataset = None,
    swc_units: SwcUnits = SwcUnitsChoice.voxel,
    swc_origin: SwcOrigin = SwcOriginChoice.recording,
    overwrite: Overwrite = False,
) -> list[Path]:
    """Show a stack with trees over it: a picture and a page, or napari. Prints the files written.

    The page is one file that any browser opens without a network.
    """
    trees = [path for path in files if path.suffix.lower() in (".swc", ".eswc")]
    stacks = [path for path in files if path not in trees]
    if len(stacks) > 1:
        raise InputError(
            f"{stacks[0]} and {stacks[1]} are not SWC files, so two stacks; show them one by one"
        )
    from neurorecon.commands.view import SceneRequest, ViewRequest, default_outputs
    from neurorecon.commands.view import view as run
    from neurorecon.io.address import in_dataset

    scene = SceneRequest(
        stack=in_dataset(stacks[0], dataset) if stacks else None,
        trees=trees,
        voxel_size_zyx=voxel_size,
        channel=channel,
        swc_units=swc_units.value,
        swc_origin=swc_origin.value,
    )
    names = default_outputs(scene)
    if out is not None:
        outputs = tuple(
            path
            for given in out
            for path in ([given / name.name for name in names] if given.is_dir() else [given])
        )
    else:
        outputs = () if napari else names
    run(ViewRequest(scene, outputs, overwrite), warning_line)
    for path in outputs:
        typer.echo(path)
    if napari:
        from neurorecon.napari_plugin.viewer import show

        show(scene, warning_line)
    return list(outputs[:1])
