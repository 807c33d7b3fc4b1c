"""What is printed of one case, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neurorecon.cli.evaluate_tree_tables import run_table, tree_tables
from neurorecon.cli.tables import plain_table, shares, sign_of

if TYPE_CHECKING:
    from rich.table import Table

    from neurorecon.commands.evaluate.case import Evaluation
    from neurorecon.commands.evaluate.stacks import MaskEvaluation
    from neurorecon.metrics.curve import CurvePoint, ThresholdCurve
    from neurorecon.metrics.tree import TreeScoring


def tables_of(evaluation: Evaluation, scoring: TreeScoring, details: bool) -> list[Table]:
    """What is printed of one case.

    details: everything that was scored, not just what most people ask for.
    """
    from neurorecon.commands.evaluate.labels import LabelEvaluation
    from neurorecon.commands.evaluate.stacks import MaskEvaluation

    if isinstance(evaluation, MaskEvaluation):
        return _mask_tables(evaluation, details)
    if isinstance(evaluation, LabelEvaluation):
        names = [gold.name for gold in evaluation.golds]
        return [run_table(evaluation.runs, names if details else [], evaluation.unit)]
    return tree_tables(evaluation, scoring, details)


def _mask_tables(evaluation: MaskEvaluation, details: bool) -> list[Table]:
    scores, unit = evaluation.scores, sign_of(evaluation.unit)
    found = plain_table("agreement", "precision", "recall", "F1", "IoU")
    found.add_row("voxels (F1: Dice)", *shares(scores.overlap), f"{scores.iou:.3f}")
    found.add_row("centrelines (F1: clDice)", *shares(scores.centreline), "")
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
