"""`neurorecon trace`."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from neurorecon.cli.console import note_line, warning_line
from neurorecon.cli.options import OUTPUT_PANEL, Overwrite, Preview, VoxelSize
from neurorecon.errors import InputError

if TYPE_CHECKING:
    from neurorecon.commands.trace import TraceRequest

TRACING_PANEL = "Tracing"
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

Point = tuple[float, float, float]


def trace(
    segmentation: Annotated[
        Path | None,
        typer.Argument(
            metavar="[SEGMENTATION]",
            help="Probability stack: a TIFF, uint8 0..255 or float 0..1, or a mask. Without it, "
            "standard input: paths, one a line, or the bytes of a TIFF.",
            show_default="standard input",
        ),
    ] = None,
    out: Annotated[
        str,
        typer.Option(
            metavar="FILE.swc|DIR",
            help="SWC file of the largest neuron; further neurons get _2, _3, ... With several "
            "stacks, a directory for one file each.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = ...,  # type: ignore[assignment]  # Typer's mark of a required option
    voxel_size: VoxelSize = None,
    threshold: Annotated[
        float,
        typer.Option(
            metavar="F",
            min=0.01,
            max=1.0,
            help="Probability from which a voxel is neurite, 0 to 1 (a uint8 stack's 255 is 1).",
            rich_help_panel=TRACING_PANEL,
        ),
    ] = 0.5,
    root: Annotated[
        Point | None,
        typer.Option(
            metavar="Z Y X",
            help="Root at the tree's point nearest to this voxel index of the segmentation; only "
            "that neuron is written.",
            show_default="the soma, or else the thickest end",
            rich_help_panel=TRACING_PANEL,
        ),
    ] = None,
    root_swc: Annotated[
        Point | None,
        typer.Option(
            metavar="X Y Z",
            help="The same as a point in the coordinates and unit of the SWC.",
            show_default="as --root",
            rich_help_panel=TRACING_PANEL,
        ),
    ] = None,
    preview: Preview = None,
    overwrite: Overwrite = False,
) -> None:
    """Trace the neurons of a segmentation to SWC trees. Prints the files written.

    Two pipes work: `segment a.tif | trace --out a.swc` and
    `segment a.tif --out - | trace --out a.swc`.
    """
    if out == "-":
        raise InputError("a tree is written to a file; give its name, --out neuron.swc")
    if segmentation is None or str(segmentation) == "-":
        sources = _standard_input()
    else:
        sources = [segmentation]
    target = Path(out)
    into_folder = len(sources) > 1 or out.endswith("/") or target.is_dir()
    if root is not None and root_swc is not None:
        raise InputError("--root and --root-swc both say where the root is; give one of them")
    if len(sources) > 1 and (root is not None or root_swc is not None):
        raise InputError("a root belongs to one stack; trace the stacks one by one with --root")

    from neurorecon.commands.trace import TraceRequest, refuse_outputs, stack_name
    from neurorecon.commands.trace import trace as run

    def request(source: Path | BinaryIO) -> TraceRequest:
        swc, png = target, preview
        if isinstance(source, Path) and into_folder:
            swc = target / f"{stack_name(source)}.swc"
        if isinstance(source, Path) and preview and (len(sources) > 1 or preview.is_dir()):
            png = preview / f"{stack_name(source)}.png"
        return TraceRequest(source, swc, voxel_size, threshold, root, root_swc, png, overwrite)

    requests = [request(source) for source in sources]
    if into_folder:
        _make_folder(target)
    if len(sources) > 1 and preview:
        _make_folder(preview)
    refuse_outputs(requests)
    for one in requests:
        for path in run(one, warning_line, note_line):
            typer.echo(path)


def _standard_input() -> list[Path | BinaryIO]:
    """Stacks named on standard input, or the one whose bytes it is."""
    if sys.stdin is None or sys.stdin.isatty():
        raise InputError(
            "no segmentation given; name one (neurorecon trace a_seg.tif --out a.swc) or pipe "
            "one in (neurorecon segment a.tif | neurorecon trace --out a.swc)"
        )
    content = sys.stdin.buffer.read()
    if content.startswith(_TIFF_STARTS):
        return [io.BytesIO(content)]
    if not content.strip():
        raise InputError(
            "standard input is empty: the command before the pipe failed; see its message"
        )
    try:
        lines = content.decode().splitlines()
    except UnicodeDecodeError as error:
        raise InputError(
            "standard input is neither a TIFF nor a list of paths; pipe `neurorecon segment` in"
        ) from error
    return [Path(line.strip()) for line in lines if line.strip()]


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{folder} must be a directory for several stacks ({error.strerror}); choose another"
        ) from error
