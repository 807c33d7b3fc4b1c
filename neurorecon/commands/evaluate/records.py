"""Scores under stable flat names, and which of them a table of many cases shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from neurorecon.commands.evaluate.case import Evaluation
from neurorecon.commands.evaluate.stacks import MaskEvaluation
from neurorecon.commands.evaluate.trees import TreeEvaluation
from neurorecon.metrics.curve import ThresholdCurve
from neurorecon.metrics.surface import SurfaceDistance
from neurorecon.metrics.tree import TreeScores
from neurorecon.metrics.voxel import MaskScores

Record = dict[str, str | float | None]

Better = Literal["high", "low"]


@dataclass(frozen=True, slots=True)
class Measure:
    """A score that cases can be ranked by.

    key: its name in a record.
    heading: what a table calls it.
    better: whether high or low values are good.
    digits: after the decimal point, in tables.
    """

    key: str
    heading: str
    better: Better
    digits: int


TREE_MEASURES = (
    Measure("length_f1", "F1", "high", 3),
    Measure("length_precision", "precision", "high", 3),
    Measure("length_recall", "recall", "high", 3),
    Measure("esa", "ESA", "low", 2),
    Measure("dsa", "DSA", "low", 2),
    Measure("pds", "PDS", "low", 3),
    Measure("fork_f1", "forks", "high", 3),
    Measure("tip_f1", "tips", "high", 3),
)
MASK_MEASURES = (
    Measure("dice", "Dice", "high", 3),
    Measure("precision", "precision", "high", 3),
    Measure("recall", "recall", "high", 3),
    Measure("cldice", "clDice", "high", 3),
    Measure("hd95", "HD95", "low", 2),
    Measure("surface_mean", "surface", "low", 2),
    Measure("betti0_error", "Betti-0", "low", 0),
    Measure("average_precision", "AP", "high", 3),
)
"""The columns of a table of many cases."""

ALL_TREE_MEASURES = (
    *TREE_MEASURES,
    Measure("fork_precision", "fork precision", "high", 3),
    Measure("fork_recall", "fork recall", "high", 3),
    Measure("tip_precision", "tip precision", "high", 3),
    Measure("tip_recall", "tip recall", "high", 3),
)
ALL_MASK_MEASURES = (
    *MASK_MEASURES,
    Measure("iou", "IoU", "high", 3),
    Measure("hausdorff", "Hausdorff", "low", 2),
    Measure("best_dice", "best Dice", "high", 3),
)
"""What cases can be ranked by."""


def flat_record(evaluation: Evaluation) -> Record:
    """The scores under stable flat names, as `--json` and `--csv` print them.

    Distances and lengths are in `unit`; shares go from 0 to 1; None where there is no such number.
    """
    if isinstance(evaluation, TreeEvaluation):
        return {"comparison": "tree", "unit": evaluation.unit, **_tree_record(evaluation.scores)}
    return {"comparison": "mask", "unit": evaluation.unit, **_mask_record(evaluation)}


def curve_rows(evaluation: Evaluation) -> list[dict[str, float]]:
    """The curve of a probability at thresholds 0.05 apart; empty for what has none."""
    if isinstance(evaluation, TreeEvaluation) or evaluation.curve is None:
        return []
    return [
        {
            "threshold": point.threshold,
            "dice": point.dice,
            "precision": point.precision,
            "recall": point.recall,
        }
        for point in evaluation.curve.thinned()
    ]


def _tree_record(scores: TreeScores) -> Record:
    record: Record = {
        "length_precision": scores.precision,
        "length_recall": scores.recall,
        "length_f1": scores.f1,
    }
    for name, directed in (("esa", scores.esa), ("dsa", scores.dsa), ("pds", scores.pds)):
        record[name] = directed.mean
        record[f"{name}_test_to_gold"] = directed.test_to_gold
        record[f"{name}_gold_to_test"] = directed.gold_to_test
    for name, match in (("fork", scores.forks), ("tip", scores.tips)):
        record[f"{name}_precision"] = match.agreement.precision
        record[f"{name}_recall"] = match.agreement.recall
        record[f"{name}_f1"] = match.agreement.f1
        record[f"{name}_mean_distance"] = match.mean_distance
        record[f"test_{name}s"] = match.test
        record[f"gold_{name}s"] = match.gold
    for name, size in (("test", scores.test), ("gold", scores.gold)):
        record[f"{name}_nodes"] = size.nodes
        record[f"{name}_trees"] = size.trees
        record[f"{name}_length"] = size.length
    return record


def _mask_record(evaluation: MaskEvaluation) -> Record:
    return _score_record(evaluation.scores) | _curve_record(evaluation.curve)


def _score_record(scores: MaskScores) -> Record:
    return {
        "dice": scores.dice,
        "iou": scores.iou,
        "precision": scores.overlap.precision,
        "recall": scores.overlap.recall,
        "cldice": scores.cldice,
        "centreline_precision": scores.centreline.precision,
        "centreline_recall": scores.centreline.recall,
        **_surface_record(scores.surface),
        "betti0_error": scores.betti0_error,
        "test_components": scores.test_components,
        "gold_components": scores.gold_components,
        "test_voxels": scores.test_voxels,
        "gold_voxels": scores.gold_voxels,
    }


def _surface_record(surface: SurfaceDistance) -> Record:
    record: Record = {}
    for name, distance in (
        ("hd95", surface.hd95),
        ("hausdorff", surface.hausdorff),
        ("surface_mean", surface.mean),
    ):
        record[name] = distance.both
        record[f"{name}_test_to_gold"] = distance.test_to_gold
        record[f"{name}_gold_to_test"] = distance.gold_to_test
    return record


def _curve_record(curve: ThresholdCurve | None) -> Record:
    """The same names for a mask, which has no curve: the columns of a batch stay."""
    best = curve.best if curve else None
    return {
        "average_precision": curve.average_precision if curve else None,
        "best_threshold": best.threshold if best else None,
        "best_dice": best.dice if best else None,
        "best_precision": best.precision if best else None,
        "best_recall": best.recall if best else None,
    }
