"""Scores under stable flat names."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from neurorecon.commands.evaluate.case import Evaluation
from neurorecon.commands.evaluate.labels import LabelEvaluation
from neurorecon.commands.evaluate.stacks import MaskEvaluation
from neurorecon.commands.evaluate.trees import SlowScores, TreeEvaluation
from neurorecon.metrics.curve import ThresholdCurve
from neurorecon.metrics.matching import PointMatch
from neurorecon.metrics.morphometry import MorphometryPair
from neurorecon.metrics.ratio import Directed
from neurorecon.metrics.run_length import RunScores
from neurorecon.metrics.surface import Directions
from neurorecon.metrics.tree import TreeScores
from neurorecon.metrics.voxel import MaskScores

Record = dict[str, str | float | None]


def flat_record(evaluation: Evaluation) -> Record:
    """The scores under stable flat names, as `--json` and `--csv` print them.

    Distances and lengths are in `unit`, those of morphometry in `morphometry_unit`; shares go from
    0 to 1; None where there is no such number.
    """
    if isinstance(evaluation, TreeEvaluation):
        scores = _tree_record(evaluation)
    elif isinstance(evaluation, MaskEvaluation):
        scores = _mask_record(evaluation.scores) | _curve_record(evaluation.curve)
    else:
        scores = _run_record(evaluation.runs.total)
    return {"comparison": comparison_of(evaluation), "unit": evaluation.unit, **scores}


def comparison_of(evaluation: Evaluation) -> str:
    """What was compared, in one word."""
    if isinstance(evaluation, TreeEvaluation):
        return "tree"
    return "labels" if isinstance(evaluation, LabelEvaluation) else "mask"


def series_record(evaluation: Evaluation) -> dict[str, Any]:
    """What a single case has besides: curves, and rows for each neuron."""
    if isinstance(evaluation, MaskEvaluation):
        return {"curve": _curve_rows(evaluation.curve)} if evaluation.curve else {}
    if isinstance(evaluation, LabelEvaluation):
        neurons = zip(evaluation.golds, evaluation.runs.neurons, strict=True)
        return {"neurons": [{"gold": str(gold), **_run_record(each)} for gold, each in neurons]}
    pair = evaluation.morphometry
    return {
        "sholl": {
            "unit": evaluation.size_unit,
            "radius": pair.radii.tolist(),
            "test_crossings": pair.test_sholl.tolist(),
            "gold_crossings": pair.gold_sholl.tolist(),
        }
    }


def _tree_record(evaluation: TreeEvaluation) -> Record:
    scores = evaluation.scores
    return {
        "length_precision": scores.precision,
        "length_recall": scores.recall,
        "length_f1": scores.f1,
        **_directed("esa", scores.esa),
        **_directed("dsa", scores.dsa),
        **_directed("pds", scores.pds),
        **_directed("ssd", evaluation.substantial.ssd),
        **_directed("ssd_share", evaluation.substantial.share),
        **_match_record("fork", scores.forks),
        **_match_record("tip", scores.tips),
        **_match_record("critical", evaluation.critical),
        **_size_record(scores),
        **_run_record(evaluation.runs.total),
        **_slow_record(evaluation.slow),
        "morphometry_unit": evaluation.size_unit,
        **_morphometry_record(evaluation.morphometry),
    }


def _directed(name: str, score: Directed) -> Record:
    return {
        name: score.mean,
        f"{name}_test_to_gold": score.test_to_gold,
        f"{name}_gold_to_test": score.gold_to_test,
    }


def _match_record(name: str, match: PointMatch) -> Record:
    return {
        f"{name}_precision": match.agreement.precision,
        f"{name}_recall": match.agreement.recall,
        f"{name}_f1": match.agreement.f1,
        f"{name}_mean_distance": match.mean_distance,
        f"test_{name}s": match.test,
        f"gold_{name}s": match.gold,
    }


def _size_record(scores: TreeScores) -> Record:
    record: Record = {}
    for name, size in (("test", scores.test), ("gold", scores.gold)):
        record[f"{name}_nodes"] = size.nodes
        record[f"{name}_trees"] = size.trees
        record[f"{name}_length"] = size.length
    return record


def _run_record(runs: RunScores) -> Record:
    edges = max(runs.edges, 1)
    return {
        "run_length": runs.run_length,
        "run_length_share": runs.normalized_run_length,
        "run_length_of_all": runs.run_length_of_all,
        "edge_accuracy": runs.edge_accuracy,
        "splits": runs.splits,
        "merges": runs.merges,
        "omitted_share": runs.omitted / edges,
        "split_share": runs.split / edges,
        "merged_share": runs.merged / edges,
    }


def _slow_record(slow: SlowScores | None) -> Record:
    """The same names where they were left out: the columns of many cases stay."""
    blast = slow.nblast.score if slow and slow.nblast else None
    return {
        "diadem": slow.diadem.score if slow else None,
        "nblast": blast.mean if blast else None,
        "nblast_test_to_gold": blast.test_to_gold if blast else None,
        "nblast_gold_to_test": blast.gold_to_test if blast else None,
        "persistence": slow.persistence.relative if slow else None,
        "persistence_distance": slow.persistence.distance if slow else None,
    }


def _morphometry_record(pair: MorphometryPair) -> Record:
    record: Record = {}
    for side, sizes in (("test", asdict(pair.test)), ("gold", asdict(pair.gold))):
        record |= {f"morphometry_{side}_{name}": value for name, value in sizes.items()}
    record |= {f"morphometry_difference_{name}": v for name, v in pair.difference.items()}
    return record | {"sholl_difference": pair.sholl_difference}


def _mask_record(scores: MaskScores) -> Record:
    return {
        "dice": scores.dice,
        "iou": scores.iou,
        "precision": scores.overlap.precision,
        "recall": scores.overlap.recall,
        "cldice": scores.cldice,
        "centreline_precision": scores.centreline.precision,
        "centreline_recall": scores.centreline.recall,
        **_directions("hd95", scores.surface.hd95),
        **_directions("hausdorff", scores.surface.hausdorff),
        **_directions("surface_mean", scores.surface.mean),
        "betti0_error": scores.betti0_error,
        "test_components": scores.test_components,
        "gold_components": scores.gold_components,
        "test_voxels": scores.test_voxels,
        "gold_voxels": scores.gold_voxels,
    }


def _directions(name: str, distance: Directions) -> Record:
    return {
        name: distance.both,
        f"{name}_test_to_gold": distance.test_to_gold,
        f"{name}_gold_to_test": distance.gold_to_test,
    }


def _curve_record(curve: ThresholdCurve | None) -> Record:
    """The same names for a mask, which has no curve: the columns of many cases stay."""
    best = curve.best if curve else None
    return {
        "average_precision": curve.average_precision if curve else None,
        "best_threshold": best.threshold if best else None,
        "best_dice": best.dice if best else None,
        "best_precision": best.precision if best else None,
        "best_recall": best.recall if best else None,
    }


def _curve_rows(curve: ThresholdCurve) -> list[dict[str, float]]:
    """The curve at thresholds 0.05 apart."""
    return [asdict(point) for point in curve.thinned()]
