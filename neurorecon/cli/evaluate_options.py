"""Options of `neurorecon evaluate`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from neurorecon.cli.options import INPUT_PANEL, OUTPUT_PANEL
from neurorecon.cli.options import SwcUnits as SwcUnitsChoice

SCORING_PANEL = "Scoring"
BATCH_PANEL = "Many files"

Files = Annotated[
    list[str],
    typer.Argument(
        metavar="TEST GOLD | PAIRS.csv",
        help="What to score and the truth: SWC files, or stacks (formats: `neurorecon info "
        "--formats`); two folders or quoted patterns, matched by name; or one CSV with "
        "the columns test,gold (and name, swc_units, voxel_size).",
        show_default=False,
    ),
]
Tolerance = Annotated[
    float,
    typer.Option(
        "--tolerance",
        metavar="T",
        help="Trees: distance within which length agrees, in voxels (µm if the voxel size is "
        "unknown).",
        rich_help_panel=SCORING_PANEL,
    ),
]
MatchRadius = Annotated[
    float,
    typer.Option(
        "--match-radius",
        metavar="R",
        help="Trees: largest distance of a pair of forks or tips, in voxels (µm if the voxel size "
        "is unknown).",
        rich_help_panel=SCORING_PANEL,
    ),
]
Slow = Annotated[
    bool | None,
    typer.Option(
        "--slow/--no-slow",
        help="Trees: compute DIADEM, NBLAST and persistence, which take seconds or longer.",
        show_default="for one case of up to 50,000 nodes",
        rich_help_panel=SCORING_PANEL,
    ),
]
Threshold = Annotated[
    float,
    typer.Option(
        "--threshold",
        metavar="P",
        min=0.0,
        max=1.0,
        help="Stacks: probability from which a voxel is foreground, 0 to 1 (255 of a uint8 stack "
        "and 65535 of a uint16 one are 1). A stack with only one value besides 0 is a mask: no "
        "threshold.",
        rich_help_panel=SCORING_PANEL,
    ),
]
Labels = Annotated[
    bool,
    typer.Option(
        "--labels",
        help="TEST is a label volume, each value a neuron: run length, splits and merges of the "
        "neurons in GOLD (SWC files, one neuron each).",
        rich_help_panel=SCORING_PANEL,
    ),
]
Together = Annotated[
    bool,
    typer.Option(
        "--together",
        help="All SWC files of TEST are one reconstruction, and all of GOLD its truth, one neuron "
        "a file: one case, with the merges between neurons.",
        rich_help_panel=BATCH_PANEL,
    ),
]
Sort = Annotated[
    str | None,
    typer.Option(
        "--sort",
        metavar="SCORE",
        help="Order of the cases: the worst by this score first, such as length_f1, esa, dice, "
        "hd95.",
        show_default="by name",
        rich_help_panel=BATCH_PANEL,
    ),
]
Baseline = Annotated[
    str | None,
    typer.Option(
        "--baseline",
        metavar="DIR",
        help="Another method's results (folder or quoted pattern), scored on the same cases and "
        "compared case by case: difference, wins, p of Wilcoxon's signed-rank test.",
        show_default="none",
        rich_help_panel=BATCH_PANEL,
    ),
]
SwcUnits = Annotated[
    SwcUnitsChoice,
    typer.Option(
        "--swc-units",
        help="Unit of coordinates in SWC files that do not say it in a neurorecon header.",
        rich_help_panel=INPUT_PANEL,
    ),
]


class SwcOriginChoice(StrEnum):
    """Where coordinates count from in an SWC file that does not say it."""

    recording = "recording"
    stack = "stack"


SwcOrigin = Annotated[
    SwcOriginChoice,
    typer.Option(
        "--swc-origin",
        help="Where coordinates count from in SWC files without a neurorecon header: the whole "
        "recording, or the first voxel of the stack (a crop, a stage position).",
        rich_help_panel=INPUT_PANEL,
    ),
]
Details = Annotated[
    bool,
    typer.Option(
        "--details",
        help="Also print morphometry, Sholl profile, run lengths, a probability's curve over "
        "thresholds; for many cases a second table.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
AsJson = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print one JSON object with every score instead of the default table.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
AsCsv = Annotated[
    bool,
    typer.Option(
        "--csv",
        help="Print CSV, a row a case with every score, instead of the default table.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE.html",
        help="Also write a page to look at, for two trees: both in 3D, coloured by agreement, over "
        "the stack of --image; scores and Sholl profile. One file, which needs no network.",
        show_default="not written",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
Image = Annotated[
    Path | None,
    typer.Option(
        "--image",
        metavar="STACK",
        help="With --report: the stack that the trees were traced in.",
        show_default="none",
        rich_help_panel=INPUT_PANEL,
    ),
]
