"""`neurorecon evaluate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neurorecon.cli.console import warning_line
from neurorecon.cli.options import INPUT_PANEL, OUTPUT_PANEL, Channel, SwcUnits, VoxelSize

if TYPE_CHECKING:
    from rich.table import Table

    from neurorecon.commands.evaluate import MaskEvaluation, TreeEvaluation
    from neurorecon.metrics.ratio import Agreement

SCORING_PANEL = "Scoring"
NARROWEST_TABLE = 80  # columns


def evaluate(
    test: Annotated[
        Path,
        typer.Argument(metavar="TEST", help="What to score: an SWC file, or a TIFF stack."),
    ],
    gold: Annotated[
        Path,
        typer.Argument(metavar="GOLD", help="The truth: an SWC file, or a TIFF mask."),
    ],
    tolerance: Annotated[
        float,
        typer.Option(
            metavar="T",
            help="Trees: distance within which length agrees, in voxels (µm if the voxel size is "
            "unknown).",
            rich_help_panel=SCORING_PANEL,
        ),
    ] = 4.0,
    match_radius: Annotated[
        float,
        typer.Option(
            metavar="R",
            help="Trees: largest distance of a pair of forks or tips, in voxels (µm if the voxel "
            "size is unknown).",
            rich_help_panel=SCORING_PANEL,
        ),
    ] = 12.0,
    threshold: Annotated[
        float,
        typer.Option(
            metavar="P",
            min=0.0,
            max=1.0,
            help="Stacks: probability from which a voxel is foreground, 0 to 1 (a uint8 stack's "
            "255 is 1). A stack with only one value besides 0 is a mask: no threshold.",
            rich_help_panel=SCORING_PANEL,
        ),
    ] = 0.5,
    swc_units: Annotated[
        SwcUnits,
        typer.Option(
            help="Unit of coordinates in SWC files that do not say it in a neurorecon header.",
            rich_help_panel=INPUT_PANEL,
        ),
    ] = SwcUnits.voxel,
    voxel_size: VoxelSize = None,
    channel: Channel = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one JSON object instead of the default table.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = False,
) -> None:
    """Score a tree, a mask or a probability against a gold standard.

    Two SWC files: length precision, recall and F1, ESA, DSA, PDS, forks, tips.

    Two TIFF stacks: Dice, IoU, precision, recall, clDice, HD95.

    A TIFF stack and an SWC file: the same, with the tree drawn as tubes of radius 2 voxels.

    Distances between trees are in voxels; in µm only where the voxel size is unknown.
    """
    from neurorecon.commands.evaluate import EvaluateConfig, TreeEvaluation, flat_record
    from neurorecon.commands.evaluate import evaluate as run
    from neurorecon.metrics.tree import TreeScoring

    scoring = TreeScoring(tolerance=tolerance, match_radius=match_radius)
    config = EvaluateConfig(scoring, threshold, swc_units.value, voxel_size, channel)
    evaluation = run(test, gold, config)
    if isinstance(evaluation, TreeEvaluation) and evaluation.unit == "um":
        warning_line(
            "the voxel size is unknown: distances, --tolerance and --match-radius are in µm; "
            "give --voxel-size Z Y X for scores in voxels"
        )
    if as_json:
        record = {"test": str(test), "gold": str(gold), **flat_record(evaluation)}
        if isinstance(evaluation, TreeEvaluation):
            record |= {"tolerance": tolerance, "match_radius": match_radius}
        else:
            record |= {"threshold": threshold}
        typer.echo(json.dumps(record, indent=2))
    else:
        _print_tables(evaluation, tolerance, match_radius)


def _print_tables(
    evaluation: TreeEvaluation | MaskEvaluation, tolerance: float, match_radius: float
) -> None:
    from rich.console import Console

    from neurorecon.commands.evaluate import TreeEvaluation

    if isinstance(evaluation, TreeEvaluation):
        tables = _tree_tables(evaluation, tolerance, match_radius)
    else:
        tables = [_mask_table(evaluation)]
    console = Console(highlight=False)
    console.width = max(console.width, NARROWEST_TABLE)  # a cropped number is no result
    for table in tables:
        console.print(table)


def _table(*headings: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left", no_wrap=True)
    return table


def _tree_tables(evaluation: TreeEvaluation, tolerance: float, match_radius: float) -> list[Table]:
    scores, unit = evaluation.scores, _sign(evaluation.unit)
    found = _table("agreement", "precision", "recall", "F1", f"mean distance ({unit})")
    found.add_row(f"length within {tolerance:g}", *_shares(scores.length), "")
    for name, match in (("forks", scores.forks), ("tips", scores.tips)):
        distance = "-" if match.mean_distance is None else f"{match.mean_distance:.2f}"
        found.add_row(f"{name} within {match_radius:g}", *_shares(match.agreement), distance)
    apart = _table("distance", "test to gold", "gold to test", "mean")
    for name, each, digits in (
        (f"ESA ({unit})", scores.esa, 2),
        (f"DSA ({unit})", scores.dsa, 2),
        ("PDS", scores.pds, 3),
    ):
        values = (each.test_to_gold, each.gold_to_test, each.mean)
        apart.add_row(name, *(f"{value:.{digits}f}" for value in values))
    size = _table("size", "test", "gold")
    size.add_row(f"length ({unit})", f"{scores.test.length:.1f}", f"{scores.gold.length:.1f}")
    for name, pair in (
        ("trees", (scores.test.trees, scores.gold.trees)),
        ("nodes", (scores.test.nodes, scores.gold.nodes)),
        ("forks", (scores.forks.test, scores.forks.gold)),
        ("tips", (scores.tips.test, scores.tips.gold)),
    ):
        size.add_row(name, *(str(value) for value in pair))
    return [found, apart, size]


def _shares(agreement: Agreement) -> list[str]:
    return [f"{share:.3f}" for share in (agreement.precision, agreement.recall, agreement.f1)]


def _mask_table(evaluation: MaskEvaluation) -> Table:
    scores, unit = evaluation.scores, _sign(evaluation.unit)
    table = _table("score", "value")
    for name, value in (
        ("Dice", f"{scores.dice:.4f}"),
        ("IoU", f"{scores.iou:.4f}"),
        ("precision", f"{scores.overlap.precision:.4f}"),
        ("recall", f"{scores.overlap.recall:.4f}"),
        ("clDice", f"{scores.cldice:.4f}"),
        (f"HD95 ({unit})", f"{scores.hd95:.2f}"),
        ("test voxels", str(scores.test_voxels)),
        ("gold voxels", str(scores.gold_voxels)),
    ):
        table.add_row(name, value)
    return table


def _sign(unit: str) -> str:
    return "µm" if unit == "um" else unit + "s"
