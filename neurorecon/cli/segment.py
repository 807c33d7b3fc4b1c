"""`neurorecon segment`."""

from __future__ import annotations

import re
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from neurorecon.cli.cluster import cluster_of
from neurorecon.cli.console import voxel_progress, warning_line
from neurorecon.cli.options import (
    COMPUTE_PANEL,
    INPUT_PANEL,
    OUTPUT_PANEL,
    Channel,
    Dask,
    Dataset,
    ModelName,
    Overwrite,
    Precision,
    PrecisionOption,
    VoxelSize,
    Workers,
)
from neurorecon.errors import InputError


class OmeZarr(StrEnum):
    """Versions of OME-Zarr that can be written."""

    v04 = "0.4"
    v05 = "0.5"


def segment(
    stack: Annotated[
        Path,
        typer.Argument(
            metavar="STACK", help="The 3D stack, in any format of `neurorecon info --formats`."
        ),
    ],
    out: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|-",
            help="Probability stack to write (uint8, 255 = certain neurite): a TIFF, an OME-Zarr "
            "if its name ends in .zarr, or - for a TIFF on standard output.",
            show_default="<stack>_seg.tif beside the stack",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None,
    model: ModelName = "default",
    voxel_size: VoxelSize = None,
    channel: Channel = None,
    dataset: Dataset = None,
    invert: Annotated[
        bool,
        typer.Option(
            "--invert",
            help="Neurites are dark on a bright background (brightfield).",
            rich_help_panel=INPUT_PANEL,
        ),
    ] = False,
    roi: Annotated[
        str | None,
        typer.Option(
            metavar="Z0:Z1,Y0:Y1,X0:X1",
            help="Segment this part only, in voxels; either end may be left out.",
            show_default="the whole stack",
            rich_help_panel=INPUT_PANEL,
        ),
    ] = None,
    device: Annotated[
        str,
        typer.Option(
            metavar="auto|cpu|cuda|mps|cuda:0,cuda:1",
            help="Where the network runs; auto takes a GPU if there is one. Several GPUs of this "
            "machine, by their numbers, share the work.",
            rich_help_panel=COMPUTE_PANEL,
        ),
    ] = "auto",
    precision: PrecisionOption = Precision.auto,
    batch_size: Annotated[
        str,
        typer.Option(
            metavar="N|auto",
            help="Windows that the network sees at once; on a GPU auto is what fits.",
            rich_help_panel=COMPUTE_PANEL,
        ),
    ] = "auto",
    overlap: Annotated[
        float,
        typer.Option(
            metavar="F",
            min=0.0,
            max=0.9,
            help="Least share of a window that its neighbour covers too.",
            rich_help_panel=COMPUTE_PANEL,
        ),
    ] = 0.25,
    tta: Annotated[
        bool,
        typer.Option(
            "--tta",
            help="Average over the eight mirror images of every window: eight times the time, a "
            "little more certain.",
            rich_help_panel=COMPUTE_PANEL,
        ),
    ] = False,
    skip: Annotated[
        bool,
        typer.Option(
            help="Leave out windows that are as dark as the background everywhere.",
            rich_help_panel=COMPUTE_PANEL,
        ),
    ] = True,
    max_memory: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Memory that the command may take, as 3G or 800M; blocks and batches adapt.",
            show_default="no limit",
            rich_help_panel=COMPUTE_PANEL,
        ),
    ] = None,
    ome_version: Annotated[
        OmeZarr,
        typer.Option(
            help="Of an OME-Zarr that is written; 0.5 is for readers of Zarr 3.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = OmeZarr.v04,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with a run that was stopped; input, model and options must be the same.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = False,
    dask: Dask = None,
    workers: Workers = None,
    overwrite: Overwrite = False,
) -> list[Path]:
    """Mark the neurites of a raw stack: every voxel gets a probability. Prints the file written."""
    batch = _parse_batch_size(batch_size)
    from neurorecon.commands.segment import SegmentRequest, default_target
    from neurorecon.commands.segment import segment as run
    from neurorecon.io.address import in_dataset

    stack = in_dataset(stack, dataset)
    target = default_target(stack) if out is None else Path(out)
    to_stdout = out == "-"
    if to_stdout and sys.stdout.isatty():
        raise InputError("--out - writes a TIFF's bytes; pipe them into a command or a file")
    request = SegmentRequest(
        stack=stack,
        target=sys.stdout.buffer if to_stdout else target,
        model=model,
        voxel_size_zyx_um=voxel_size,
        channel=channel,
        invert=invert,
        roi=roi,
        device=device,
        precision=precision.value,
        batch_size=batch,
        tta=tta,
        overlap=overlap,
        overwrite=overwrite,
        skip=skip,
        max_memory=_parse_size("--max-memory", max_memory),
        ome_version=ome_version.value,
        resume=resume,
    )
    with cluster_of(dask, workers) as cluster:
        run(request, warning_line, voxel_progress, cluster)
    if to_stdout:
        return []
    typer.echo(target)
    return [target]


def _parse_batch_size(text: str) -> int | None:
    """A whole number from 1, or None for `auto`."""
    if text == "auto":
        return None
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise InputError(f"--batch-size is {text!r}; give 'auto' or a whole number from 1")
    return int(text)


def _parse_size(option: str, text: str | None) -> int | None:
    """Bytes, from text as 3G, 800M or 1.5 GiB; None for none."""
    if text is None:
        return None
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kKmMgGtT]?)(i?)[bB]?\s*", text, re.ASCII)
    if not match or float(match[1]) == 0:
        raise InputError(f"{option} is {text!r}; give a size as 3G or 800M")
    power = " KMGT".index(match[2].upper() or " ")
    return int(float(match[1]) * (1024 if match[3] else 1000) ** power)
