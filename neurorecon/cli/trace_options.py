"""The options of `neurorecon trace`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from neurorecon.cli.options import COMPUTE_PANEL, INPUT_PANEL, OUTPUT_PANEL, complete_model

TRACING_PANEL = "Tracing (lengths in µm, or in voxels where the voxel size is unknown)"
PROOFREADING_PANEL = "Proofreading"


class InputKind(StrEnum):
    """What the values of the input mean."""

    auto = "auto"
    probability = "probability"
    mask = "mask"
    raw = "raw"


Stack = Annotated[
    Path | None,
    typer.Argument(
        metavar="[STACK]",
        help="What to trace, in any format of `neurorecon info --formats`: a segmentation "
        "(probability or mask), or a raw stack. Without it, standard input: paths, one a "
        "line, or the bytes of a TIFF.",
        show_default="standard input",
    ),
]
Out = Annotated[
    str,
    typer.Option(
        metavar="FILE.swc|DIR",
        help="SWC file of the largest neuron; further neurons get _2, _3, ... With several "
        "stacks, a directory for one file each.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
RunSegment = Annotated[
    bool,
    typer.Option(
        "--segment",
        help="The input is raw: run the network on it first, then trace its segmentation, "
        "with the raw stack as --image.",
        rich_help_panel=INPUT_PANEL,
    ),
]
Image = Annotated[
    Path | None,
    typer.Option(
        metavar="STACK",
        help="The raw stack of the segmentation: evidence in the gaps, and the picture under "
        "the preview.",
        show_default="none",
        rich_help_panel=INPUT_PANEL,
    ),
]
Input = Annotated[
    InputKind,
    typer.Option(
        "--input",
        help="What the values mean; auto: told from the file or its values, and said. uint8 "
        "0..255, uint16 0..65535 and floats 0..1 are probabilities; in a mask all but 0 is "
        "neurite; raw intensities are traced with a classical filter.",
        rich_help_panel=INPUT_PANEL,
    ),
]
Invert = Annotated[
    bool | None,
    typer.Option(
        "--invert/--no-invert",
        help="Neurites are dark on a bright background (brightfield) in the raw stack, or "
        "they are not.",
        show_default="told from the values, and said",
        rich_help_panel=INPUT_PANEL,
    ),
]
Model = Annotated[
    str,
    typer.Option(
        metavar="NAME|FILE",
        autocompletion=complete_model,
        help="With --segment: a shipped model's name, or a file that `train` wrote.",
        rich_help_panel=COMPUTE_PANEL,
    ),
]
Threshold = Annotated[
    float,
    typer.Option(
        metavar="F",
        min=0.01,
        max=1.0,
        help="Probability from which a voxel is neurite, 0 to 1 (a uint8 stack's 255 is 1).",
        rich_help_panel=TRACING_PANEL,
    ),
]
Root = Annotated[
    list[str] | None,
    typer.Option(
        metavar="Z Y X",
        help="Root at the tree's point nearest to this voxel index of the stack; only that "
        "neuron is written. Repeat it for several neurons: touching ones are divided.",
        show_default="the soma, or else the thickest end",
        rich_help_panel=TRACING_PANEL,
    ),
]
RootSwc = Annotated[
    list[str] | None,
    typer.Option(
        metavar="X Y Z",
        help="The same as a point in the coordinates and unit of the SWC.",
        show_default="as --root",
        rich_help_panel=TRACING_PANEL,
    ),
]
Somas = Annotated[
    str,
    typer.Option(
        metavar="auto|N",
        help="Cell bodies to look for; each gets a tree of its own. auto: as many as are "
        "thick and round enough; several on one neurite have to be thicker yet, and alike.",
        rich_help_panel=TRACING_PANEL,
    ),
]
MaxGap = Annotated[
    float | None,
    typer.Option(
        metavar="UM",
        min=0.0,
        help="Longest gap that is bridged, from surface to surface.",
        show_default="15 times the smallest voxel size",
        rich_help_panel=TRACING_PANEL,
    ),
]
MinLength = Annotated[
    float | None,
    typer.Option(
        metavar="UM",
        min=0.0,
        help="Shortest tree that is written.",
        show_default="a quarter of the largest tree; with --keep-fragments 4 voxels",
        rich_help_panel=TRACING_PANEL,
    ),
]
MinBranch = Annotated[
    float | None,
    typer.Option(
        metavar="UM",
        min=0.0,
        help="Shortest side branch that is kept, as far as it sticks out of its parent.",
        show_default="as far as the surface is rough: 1 to 6 times the middle voxel size",
        rich_help_panel=TRACING_PANEL,
    ),
]
KeepFragments = Annotated[
    bool,
    typer.Option(
        "--keep-fragments",
        help="Write what could not be joined as further trees, one file each.",
        rich_help_panel=TRACING_PANEL,
    ),
]
Doubts = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.csv",
        help="Also write the doubtful places, most doubtful first, with an empty verdict "
        "column; napari opens the table as points.",
        show_default="not written",
        rich_help_panel=PROOFREADING_PANEL,
    ),
]
Verdicts = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.csv",
        help="That table with `accept` or `reject` in the verdict column: trace accordingly.",
        show_default="none",
        rich_help_panel=PROOFREADING_PANEL,
    ),
]
Accept = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ID",
        help="Do what the doubt of this id is about (bridge, open, keep apart). Repeatable.",
        show_default="none",
        rich_help_panel=PROOFREADING_PANEL,
    ),
]
Reject = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ID",
        help="Do not do it. Repeatable; wins over --verdicts, as --accept does.",
        show_default="none",
        rich_help_panel=PROOFREADING_PANEL,
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.json",
        help="Also write what was found and decided: settings, timings, trees, branches, "
        "gaps bridged with their scores, what was left out, doubts.",
        show_default="not written",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
SaveSegmentation = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.tif",
        help="With --segment: keep the segmentation here, to trace it again in seconds.",
        show_default="not kept",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
