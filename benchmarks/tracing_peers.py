"""The same masks to neurorecon and to kimimaro: DIADEM olfactory projection fibres, thresholded.

    python benchmarks/tracing_peers.py DIADEM_OP_DIR [--stack NAME ...] [--grid] [--no-timing]

DIADEM_OP_DIR holds `<stack>/stack.tif` and `<stack>/gold.swc` in voxels. Each stack is thresholded
at 10, 30, 50 and 80; both tracers get the mask and the gold's root. What counts, for both, is the
tree at the root (kimimaro gives one for each connected piece: of those at least a quarter as long
as the longest, the nearest) or all that was traced, whichever scores higher. F1 at 4 voxels; forks
and tips pooled over all stacks and thresholds. Prints Markdown.

--grid also finds kimimaro's best settings: by the mean F1 over all masks, and for each mask.
Times: array in, tree out, in process, the median of five runs after a warm-up, in turns.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import kimimaro_peer
import numpy as np
from kimimaro_peer import Settings
from numpy.typing import NDArray
from tubes import merged

from neurorecon.io.stack import read_volume
from neurorecon.io.swc import read_swc
from neurorecon.metrics.matching import match_points
from neurorecon.metrics.ratio import agreement_of_counts
from neurorecon.metrics.tree import compare_trees
from neurorecon.morphology import Morphology
from neurorecon.tracing import TraceConfig, trace_volume
from neurorecon.volume import Grid

THRESHOLDS = (10, 30, 50, 80)
TOLERANCE = 4.0
RADII = (4.0, 12.0)
WHOLE_NEURON = 0.25
GRID_OF_SETTINGS = [
    Settings(scale, const, pdrf_scale)
    for scale, const, pdrf_scale in product((1.0, 1.5, 3.0), (2.0, 5.0, 10.0), (5_000, 100_000))
]
USUAL = Settings(1.5, 5.0, 100_000)
OURS = "neurorecon"
RUNS = 5
Points = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Case:
    """One mask. root_zyx: the gold's first node, in voxels."""

    stack: str
    threshold: int
    mask: NDArray[np.uint8]
    gold: Morphology

    @property
    def root_zyx(self) -> NDArray[np.float64]:
        return self.gold.point_zyx[self.gold.roots[0]]


@dataclass(frozen=True)
class Result:
    """Scores of one tracer on one mask. counts: matched, found and gold forks or tips."""

    f1: float
    precision: float
    recall: float
    esa: float
    counts: dict[tuple[str, float], tuple[int, int, int]]


def main() -> None:
    arguments = _parse()
    cases = list(masks(arguments.data, arguments.stack))
    ours = [_best_of_ours(case) for case in cases]
    tried = {
        settings: [_best_peer(case, settings) for case in cases]
        for settings in (GRID_OF_SETTINGS if arguments.grid else [USUAL])
    }
    best = max(tried, key=lambda settings: np.mean([each.f1 for each in tried[settings]]))
    oracle = [
        max(column, key=lambda result: result.f1) for column in zip(*tried.values(), strict=True)
    ]
    rivals = {f"kimimaro, {best}": tried[best]}
    if arguments.grid:
        _print_grid(tried)
        rivals["kimimaro, best for each mask"] = oracle
    _print_masks(cases, {OURS: ours} | rivals)
    _print_stacks(cases, {OURS: ours} | rivals)
    _print_points({OURS: ours} | rivals)
    if not arguments.no_timing:
        _print_times(cases, best)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--stack", action="append")
    parser.add_argument("--grid", action="store_true")
    parser.add_argument("--no-timing", action="store_true")
    return parser.parse_args()


def masks(
    data: Path, names: list[str] | None = None, thresholds: tuple[int, ...] = THRESHOLDS
) -> Iterator[Case]:
    """Each stack at each threshold."""
    for folder in sorted(path.parent for path in data.glob("*/stack.tif")):
        if names and folder.name not in names:
            continue
        stack = read_volume(folder / "stack.tif", voxel_size_zyx=(1.0, 1.0, 1.0)).array
        gold = read_swc(folder / "gold.swc")
        for threshold in thresholds:
            mask = np.where(stack >= threshold, np.uint8(255), np.uint8(0))
            yield Case(folder.name, threshold, mask, gold)


def _best_of_ours(case: Case) -> Result:
    whole = merged(trace_volume(case.mask, Grid(), TraceConfig(keep_fragments=True)).neurons)
    return _better([_ours(case), whole], case.gold)


def _ours(case: Case) -> Morphology:
    return merged(trace_volume(case.mask, Grid(), roots_zyx=case.root_zyx).neurons)


def _best_peer(case: Case, settings: Settings) -> Result:
    trees = kimimaro_peer.trees_of(case.mask, Grid(), settings, case.root_zyx)
    least = WHOLE_NEURON * trees[0].length
    rooted = min(
        (tree for tree in trees if tree.length >= least),
        key=lambda tree: np.linalg.norm(tree.point_zyx - case.root_zyx, axis=1).min(),
    )
    return _better([rooted, merged(trees)], case.gold)


def _better(found: list[Morphology], gold: Morphology) -> Result:
    return max((_result(test, gold) for test in found), key=lambda result: result.f1)


def _result(test: Morphology, gold: Morphology) -> Result:
    scores = compare_trees(test, gold, TOLERANCE)
    counts = {}
    for (name, found, true), radius in product(
        (("forks", test.forks, gold.forks), ("tips", test.tips, gold.tips)), RADII
    ):
        match = match_points(test.point_zyx[found], gold.point_zyx[true], radius)
        counts[name, radius] = (match.matched, match.test, match.gold)
    return Result(scores.f1, scores.precision, scores.recall, scores.esa.mean, counts)


def _print_grid(tried: dict[Settings, list[Result]]) -> None:
    print("kimimaro's settings by the mean F1 over all masks.\n")
    print("| settings | mean F1 |\n|---|---|")
    for settings in sorted(tried, key=lambda key: -np.mean([each.f1 for each in tried[key]])):
        print(f"| {settings} | {np.mean([each.f1 for each in tried[settings]]):.3f} |")
    print()


def _print_masks(cases: list[Case], results: dict[str, list[Result]]) -> None:
    print("F1 (precision, recall; ESA) of each mask.\n")
    print(f"| stack | threshold | {' | '.join(results)} |")
    print("|" + "---|" * (len(results) + 2))
    for number, case in enumerate(cases):
        cells = []
        for each in (column[number] for column in results.values()):
            cells.append(f"{each.f1:.3f} ({each.precision:.3f}, {each.recall:.3f}; {each.esa:.1f})")
        print(f"| {case.stack} | {case.threshold} | {' | '.join(cells)} |")


def _print_stacks(cases: list[Case], results: dict[str, list[Result]]) -> None:
    print("\nMean F1 over the thresholds.\n")
    print(f"| stack | {' | '.join(results)} |\n|" + "---|" * (len(results) + 1))
    names = [case.stack for case in cases]
    for stack in [*dict.fromkeys(names), "all"]:
        means = [
            np.mean(
                [
                    each.f1
                    for each, name in zip(column, names, strict=True)
                    if stack in (name, "all")
                ]
            )
            for column in results.values()
        ]
        print(f"| {stack} | {' | '.join(f'{mean:.3f}' for mean in means)} |")


def _print_points(results: dict[str, list[Result]]) -> None:
    print("\nPooled F1 (matched / found / gold).\n")
    print(f"| points, within | {' | '.join(results)} |\n|" + "---|" * (len(results) + 1))
    for key in product(("forks", "tips"), RADII):
        cells = []
        for column in results.values():
            counts = np.sum([each.counts[key] for each in column], axis=0).tolist()
            f1 = agreement_of_counts(*counts).f1
            cells.append(f"{f1:.3f} ({' / '.join(map(str, counts))})")
        print(f"| {key[0]}, {key[1]:g} | {' | '.join(cells)} |")


def _print_times(cases: list[Case], settings: Settings) -> None:
    print(f"\nSeconds, median of {RUNS} after a warm-up.\n")
    print("| stack | threshold | foreground | neurorecon | kimimaro | ratio |\n|" + "---|" * 6)
    ratios = []
    for case in cases:
        rivals: list[Callable[[], object]] = [
            lambda case=case: _ours(case),
            lambda case=case: kimimaro_peer.trees_of(case.mask, Grid(), settings, case.root_zyx),
        ]
        ours, peer = side_by_side(rivals)
        ratios.append(peer / ours)
        cells = (f"{np.count_nonzero(case.mask):,}", f"{ours:.2f}", f"{peer:.2f}")
        print(f"| {case.stack} | {case.threshold} | {' | '.join(cells)} | {ratios[-1]:.2f} |")
    print(f"\nGeometric mean of the ratios: {np.exp(np.mean(np.log(ratios))):.2f}")


def side_by_side(rivals: list[Callable[[], object]]) -> list[float]:
    """Median seconds of each, run in turns so that both meet the same load of the machine."""
    seconds: list[list[float]] = [[] for _ in rivals]
    for run in range(RUNS + 1):
        for rival, times in zip(rivals, seconds, strict=True):
            started = time.perf_counter()
            rival()
            if run:
                times.append(time.perf_counter() - started)
    return [float(np.median(times)) for times in seconds]


if __name__ == "__main__":
    main()
