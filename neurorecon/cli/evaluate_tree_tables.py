"""Tables of the scores of trees and of neurons under a segmentation, for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from neurorecon.cli.tables import plain_table, shares, sign_of

if TYPE_CHECKING:
    from rich.table import Table

    from neurorecon.commands.evaluate.trees import TreeEvaluation
    from neurorecon.metrics.morphometry import MorphometryPair
    from neurorecon.metrics.run_length import RunComparison, RunScores
    from neurorecon.metrics.tree import TreeScoring

_DECIMALS = 9  # of a µm or voxel: what is smaller is rounding
_SHOLL_ROWS = 10  # radii: enough to see where the profiles part


def tree_tables(evaluation: TreeEvaluation, scoring: TreeScoring, details: bool) -> list[Table]:
    """Agreement, distances, whole-tree scores and sizes; with `details`, all there is."""
    tables = [
        _agreement_table(evaluation, scoring, details),
        _distance_table(evaluation, details),
        _whole_table(evaluation),
    ]
    pair, unit = evaluation.morphometry, evaluation.size_unit
    if not details:
        return [*tables, _size_table(pair, unit, ("length", "trees", "nodes", "forks", "tips"))]
    names = tuple(pair.difference)
    neurons = [f"neuron {number}" for number in range(1, len(evaluation.runs.neurons) + 1)]
    return [
        *tables,
        run_table(evaluation.runs, neurons if len(neurons) > 1 else [], evaluation.unit),
        _size_table(pair, unit, names),
        _sholl_table(pair, unit),
    ]


def _agreement_table(evaluation: TreeEvaluation, scoring: TreeScoring, details: bool) -> Table:
    scores, unit = evaluation.scores, sign_of(evaluation.unit)
    table = plain_table("agreement", "precision", "recall", "F1", f"mean distance ({unit})")
    table.add_row(f"length within {scoring.tolerance:g}", *shares(scores.length), "")
    matches = [("forks", scores.forks), ("tips", scores.tips)]
    if details:
        matches.append(("critical nodes", evaluation.critical))
    for name, match in matches:
        distance = "-" if match.mean_distance is None else f"{match.mean_distance:.2f}"
        label = f"{name} within {scoring.match_radius:g}"
        table.add_row(label, *shares(match.agreement), distance)
    return table


def _distance_table(evaluation: TreeEvaluation, details: bool) -> Table:
    scores, unit = evaluation.scores, sign_of(evaluation.unit)
    table = plain_table("distance", "test to gold", "gold to test", "mean")
    rows = [(f"ESA ({unit})", scores.esa, 2), (f"DSA ({unit})", scores.dsa, 2)]
    rows.append(("PDS", scores.pds, 3))
    if details:
        rows.append((f"SSD ({unit})", evaluation.substantial.ssd, 2))
        rows.append(("SSD share", evaluation.substantial.share, 3))
    for name, each, digits in rows:
        values = (each.test_to_gold, each.gold_to_test, each.mean)
        table.add_row(name, *(f"{value:.{digits}f}" for value in values))
    return table


def _whole_table(evaluation: TreeEvaluation) -> Table:
    """Scores of the tree as a whole, each with what is best."""
    runs, slow = evaluation.runs.total, evaluation.slow
    table = plain_table("whole tree", "score", "perfect")
    table.add_row("expected run length / length", f"{runs.normalized_run_length:.3f}", "1")
    table.add_row("edges without an error", f"{runs.edge_accuracy:.3f}", "1")
    table.add_row("splits", str(runs.splits), "0")
    if len(evaluation.runs.neurons) > 1:
        table.add_row("merges", str(runs.merges), "0")
    if slow:
        blast = "-" if slow.nblast is None else f"{slow.nblast.score.mean:.3f}"
        table.add_row("DIADEM", f"{slow.diadem.score:.3f}", "1")
        table.add_row("NBLAST", blast, "1")
        table.add_row("persistence distance, relative", f"{slow.persistence.relative:.3f}", "0")
    return table


def run_table(runs: RunComparison, names: Sequence[str], unit: str) -> Table:
    """Run length and its errors of all neurons, and of each that has a name."""
    from rich.text import Text

    table = plain_table(
        "run length", "ERL", "length", "share", "splits", "merges", "omitted", "split", "merged"
    )
    rows = [*zip(names, runs.neurons, strict=False), ("all", runs.total)]
    for name, scores in rows:
        table.add_row(Text(name), *_run_cells(scores))  # a plain string could hold markup
    table.caption = f"ERL, length: {sign_of(unit)}; share: ERL/length; last three: of the edges"
    return table


def _run_cells(scores: RunScores) -> list[str]:
    edges = max(scores.edges, 1)
    errors = (scores.omitted, scores.split, scores.merged)
    return [
        f"{scores.run_length:.1f}",
        f"{scores.length:.1f}",
        f"{scores.normalized_run_length:.3f}",
        str(scores.splits),
        str(scores.merges),
        *(f"{count / edges:.3f}" for count in errors),
    ]


def _size_table(pair: MorphometryPair, unit: str, names: Sequence[str]) -> Table:
    sign = sign_of(unit)
    units = {"length": sign, "mean_radius": sign, "volume": f"{sign}\u00b3"}
    table = plain_table("size", "test", "gold", "difference")
    for name in names:
        label = name.replace("_", " ") + (f" ({units[name]})" if name in units else "")
        values = (getattr(pair.test, name), getattr(pair.gold, name))
        table.add_row(label, *map(_size, values), _size(pair.difference[name], "+"))
    return table


def _size(value: float | None, sign: str = "") -> str:
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:{sign}d}"
    value = round(value, _DECIMALS) + 0.0  # sums in another order; and no -0
    return f"{value:{sign}.1f}" if abs(value) >= 100 else f"{value:{sign}.3g}"


def _sholl_table(pair: MorphometryPair, unit: str) -> Table:
    table = plain_table(f"Sholl radius ({sign_of(unit)})", "test crossings", "gold crossings")
    rows = np.unique(np.linspace(0, len(pair.radii) - 1, _SHOLL_ROWS).astype(int))
    for row in rows:
        crossings = (pair.test_sholl[row], pair.gold_sholl[row])
        table.add_row(f"{pair.radii[row]:.4g}", *(str(int(count)) for count in crossings))
    return table
