"""Perfect input: gold trees drawn as tubes, traced, and compared with themselves.

    python benchmarks/tracing_perfect.py GOLD_DIR [--case thin --case flat --case own]
        [--sample N --seed S] [--largest MEGAVOXELS] [--kimimaro] [--rows FILE]

GOLD_DIR holds `<id>.swc` in voxels. Cases: `thin`, radius 1.5 on isotropic voxels; `flat`, radius
2.5 on voxels of 3 x 1 x 1; `own`, the trees' own radii (where neurites touch, they merge) on
isotropic voxels. F1 at 2 voxels, forks matched one to one within 4. Prints Markdown.

--rows FILE keeps a line of JSON for each tree and case; what is in it already is not run again,
so that long runs can be stopped and continued.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import kimimaro_peer
import numpy as np
from numpy.typing import NDArray
from tubes import THINNEST, gold_trees, merged, tube_mask

from neurorecon.metrics.tree import TreeScoring, compare_trees
from neurorecon.morphology import Morphology
from neurorecon.tracing import trace_volume
from neurorecon.volume import Grid

SCORING = TreeScoring(tolerance=2.0, match_radius=4.0)
PEER_LIMIT = 2 * 10**8  # voxels; kimimaro holds several arrays as large as the box
PEER = kimimaro_peer.Settings(scale=1.5, const=4.0)
OURS = "neurorecon"


@dataclass(frozen=True)
class Case:
    """How trees are drawn. radius: None for their own."""

    radius: float | None
    voxel_size_zyx: tuple[float, float, float]

    def radii(self, tree: Morphology) -> NDArray[np.float64]:
        if self.radius is None:
            return np.maximum(tree.radius, THINNEST)
        return np.full(len(tree), self.radius)


CASES = {
    "thin": Case(1.5, (1.0, 1.0, 1.0)),
    "flat": Case(2.5, (3.0, 1.0, 1.0)),
    "own": Case(None, (1.0, 1.0, 1.0)),
}
Tracer = Callable[[NDArray[np.uint8], Grid], list[Morphology]]


def main() -> None:
    arguments = _parse()
    rows = _read_rows(arguments.rows)
    for name, gold in gold_trees(arguments.gold, arguments.sample, arguments.seed):
        for case in arguments.case or CASES:
            for tracer in [OURS, "kimimaro"] if arguments.kimimaro else [OURS]:
                if (name, case, tracer) not in rows:
                    row = _row(name, gold, case, tracer, arguments.largest)
                    if row is not None:
                        rows[name, case, tracer] = row
                        _append(arguments.rows, row)
    names = {name for name, _ in gold_trees(arguments.gold, arguments.sample, arguments.seed)}
    chosen = [row for row in rows.values() if row["tree"] in names]
    if arguments.each:
        _print_each(chosen)
    _print_summary(chosen)
    if arguments.kimimaro:
        _print_duel(chosen)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gold", type=Path)
    parser.add_argument("--case", action="append", choices=list(CASES))
    parser.add_argument("--sample", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kimimaro", action="store_true")
    parser.add_argument("--each", action="store_true", help="a line for each tree too")
    parser.add_argument("--rows", type=Path)
    parser.add_argument("--largest", type=float, default=np.inf, help="of boxes, in 10^6 voxels")
    return parser.parse_args()


def _row(name: str, gold: Morphology, case_name: str, tracer: str, largest: float) -> dict | None:
    case = CASES[case_name]
    box = np.ptp(gold.point_zyx, axis=0) / case.voxel_size_zyx
    if np.prod(box) > largest * 1e6:
        return None
    mask, grid = tube_mask(gold, case.radii(gold), case.voxel_size_zyx)
    row = {"tree": name, "case": case_name, "tracer": tracer, "megavoxels": mask.size / 1e6}
    if tracer != OURS and mask.size > PEER_LIMIT:
        return row
    started = time.perf_counter()
    trees = _ours(mask, grid) if tracer == OURS else kimimaro_peer.trees_of(mask, grid, PEER)
    seconds = time.perf_counter() - started
    test = merged(trees)
    scores = compare_trees(test, gold, SCORING)
    forks = scores.forks
    return row | {
        "trees": len(trees),
        "f1": scores.f1,
        "precision": scores.precision,
        "recall": scores.recall,
        "fork_f1": forks.agreement.f1,
        "forks": [forks.matched, forks.test, forks.gold],
        "tip_f1": scores.tips.agreement.f1,
        "esa": scores.esa.mean,
        "radius_error": _radius_error(test, case),
        "seconds": seconds,
    }


def _ours(mask: NDArray[np.uint8], grid: Grid) -> list[Morphology]:
    return trace_volume(mask, grid).neurons


def _radius_error(test: Morphology, case: Case) -> float:
    """Median over nodes; NaN for own radii, which touching neurites do not show."""
    return float("nan") if case.radius is None else float(np.median(abs(test.radius - case.radius)))


def _read_rows(file: Path | None) -> dict[tuple[str, str, str], dict]:
    if file is None or not file.exists():
        return {}
    rows = map(json.loads, file.read_text().splitlines())
    return {(row["tree"], row["case"], row["tracer"]): row for row in rows}


def _append(file: Path | None, row: dict) -> None:
    if file is not None:
        with file.open("a") as lines:
            print(json.dumps(row), file=lines)


def _print_each(rows: list[dict]) -> None:
    print("| tree | case | tracer | F1 | P | R | fork F1 | found, told, gold | ESA | trees | s |")
    print("|" + "---|" * 11)
    for row in rows:
        if "f1" not in row:
            continue
        cells = [row["tree"], row["case"], row["tracer"]]
        cells += [f"{row[key]:.3f}" for key in ("f1", "precision", "recall", "fork_f1")]
        cells += ["/".join(map(str, row["forks"])), f"{row['esa']:.2f}", str(row["trees"])]
        print(f"| {' | '.join([*cells, format(row['seconds'], '.1f')])} |")
    print()


def _print_summary(rows: list[dict]) -> None:
    columns = ("f1", "fork_f1", "tip_f1", "esa", "radius_error", "trees", "seconds")
    print("Mean / median over trees.\n")
    print(f"| case | tracer | trees drawn | {' | '.join(columns)} | pooled fork F1 |")
    print("|" + "---|" * (len(columns) + 4))
    for case, tracer in dict.fromkeys((row["case"], row["tracer"]) for row in rows):
        done = [r for r in rows if r["case"] == case and r["tracer"] == tracer and "f1" in r]
        cells = [case, tracer, str(len(done))]
        for column in columns:
            values = [row[column] for row in done]
            cells.append(f"{np.mean(values):.3f} / {np.median(values):.3f}")
        matched, test, gold = np.sum([row["forks"] for row in done], axis=0)
        print(f"| {' | '.join(cells)} | {2 * matched / (test + gold):.3f} |")


def _print_duel(rows: list[dict]) -> None:
    print(f"\nTree by tree against kimimaro ({PEER}): share of trees where ours is better.\n")
    print("| case | trees | F1 | fork F1 | ESA | faster | total s, ours | kimimaro |")
    print("|" + "---|" * 8)
    for case in dict.fromkeys(row["case"] for row in rows):
        by_tree: dict[str, dict[str, dict]] = {}
        for row in rows:
            if row["case"] == case and "f1" in row:
                by_tree.setdefault(row["tree"], {})[row["tracer"]] = row
        pairs = [(both[OURS], both["kimimaro"]) for both in by_tree.values() if len(both) == 2]
        sign = {"f1": 1, "fork_f1": 1, "esa": -1, "seconds": -1}
        shares = [
            np.mean([sign[key] * (ours[key] - peer[key]) > 0 for ours, peer in pairs])
            for key in sign
        ]
        seconds = [sum(pair[side]["seconds"] for pair in pairs) for side in (0, 1)]
        cells = [f"{share:.0%}" for share in shares] + [f"{total:.1f}" for total in seconds]
        print(f"| {case} | {len(pairs)} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
