"""Tables of one case's scores, for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from neurorecon.commands.evaluate.case import Evaluation
    from neurorecon.commands.evaluate.stacks import MaskEvaluation
    from neurorecon.commands.evaluate.trees import TreeEvaluation
    from neurorecon.metrics.curve import CurvePoint, ThresholdCurve
    from neurorecon.metrics.ratio import Agreement
    from neurorecon.metrics.tree import TreeScoring


def print_tables(tables: Iterable[Table]) -> None:
    """Tables on standard output, never cropped: a cropped number is no result."""
    from rich.console import Console
    from rich.measure import Measurement

    console = Console(highlight=False)
    room, unlimited = console.width, console.options.update(max_width=1000)
    for table in tables:
        console.width = max(room, Measurement.get(console, unlimited, table).minimum)
        console.print(table)


def plain_table(*headings: str) -> Table:
    """A table whose first column names things and whose others hold numbers."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left", no_wrap=True)
    return table


def tables_of(evaluation: Evaluation, scoring: TreeScoring, details: bool) -> list[Table]:
    """What is printed of one case."""
    from neurorecon.commands.evaluate.trees import TreeEvaluation

    if isinstance(evaluation, TreeEvaluation):
        return _tree_tables(evaluation, scoring)
    return _mask_tables(evaluation, details)


def sign_of(unit: str) -> str:
    """A unit as tables write it."""
    return "µm" if unit == "um" else unit + "s"


def _tree_tables(evaluation: TreeEvaluation, scoring: TreeScoring) -> list[Table]:
    scores, unit = evaluation.scores, sign_of(evaluation.unit)
    found = plain_table("agreement", "precision", "recall", "F1", f"mean distance ({unit})")
    found.add_row(f"length within {scoring.tolerance:g}", *_shares(scores.length), "")
    for name, match in (("forks", scores.forks), ("tips", scores.tips)):
        distance = "-" if match.mean_distance is None else f"{match.mean_distance:.2f}"
        label = f"{name} within {scoring.match_radius:g}"
        found.add_row(label, *_shares(match.agreement), distance)
    apart = plain_table("distance", "test to gold", "gold to test", "mean")
    for name, each, digits in (
        (f"ESA ({unit})", scores.esa, 2),
        (f"DSA ({unit})", scores.dsa, 2),
        ("PDS", scores.pds, 3),
    ):
        values = (each.test_to_gold, each.gold_to_test, each.mean)
        apart.add_row(name, *(f"{value:.{digits}f}" for value in values))
    size = plain_table("size", "test", "gold")
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


def _mask_tables(evaluation: MaskEvaluation, details: bool) -> list[Table]:
    scores, unit = evaluation.scores, sign_of(evaluation.unit)
    found = plain_table("agreement", "precision", "recall", "F1", "IoU")
    found.add_row("voxels (F1: Dice)", *_shares(scores.overlap), f"{scores.iou:.3f}")
    found.add_row("centrelines (F1: clDice)", *_shares(scores.centreline), "")
    apart = plain_table(f"surfaces ({unit})", "test to gold", "gold to test", "both")
    for name, distance in (
        ("mean distance", scores.surface.mean),
        ("95th percentile (HD95)", scores.surface.hd95),
        ("largest (Hausdorff)", scores.surface.hausdorff),
    ):
        values = (distance.test_to_gold, distance.gold_to_test, distance.both)
        apart.add_row(name, *(f"{value:.2f}" for value in values))
    size = plain_table("size", "test", "gold", "difference")
    for name, test, gold in (
        ("voxels", scores.test_voxels, scores.gold_voxels),
        ("components (Betti-0 error)", scores.test_components, scores.gold_components),
    ):
        size.add_row(name, str(test), str(gold), str(abs(test - gold)))
    curve = [] if evaluation.curve is None else [_curve_table(evaluation.curve, details)]
    return [found, apart, size, *curve]


def _curve_table(curve: ThresholdCurve, details: bool) -> Table:
    table = plain_table("probability", "precision", "recall", "F1 (Dice)")

    def add(name: str, point: CurvePoint) -> None:
        values = (point.precision, point.recall, point.dice)
        table.add_row(name, *(f"{value:.3f}" for value in values))

    if details:
        for point in curve.thinned():
            add(f"threshold {point.threshold:.2f}", point)
        table.add_section()
    add(f"best threshold, {curve.best.threshold:.3f}", curve.best)
    average = curve.average_precision
    table.add_row("average precision", "-" if average is None else f"{average:.3f}", "", "")
    return table
