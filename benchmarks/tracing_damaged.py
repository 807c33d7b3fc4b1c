"""Damaged input: gold trees drawn as thin tubes with gaps and false specks, traced and scored.

    python benchmarks/tracing_damaged.py GOLD_DIR [--sample N] [--seed S] [--rows FILE]

GOLD_DIR holds `<id>.swc` in voxels; trees whose box has 10^8 voxels or more are left out. Each tree
is drawn as tubes of radius 1.5 on isotropic voxels. 10 % of its length is removed in gaps of 1 to 8
voxels, anywhere, none across a fork, none less than 2 voxels from the next; a gap takes away every
voxel that is nearest to it. Balls of radius 1 to 2 at random places are added until they hold as
many voxels as the whole neurite. The seed of a tree is S and its id.

F1 at 2 voxels of all trees found, how many there are, and the longest false branch: the longest
connected stretch farther than 2 voxels from the gold. Prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph
from scipy.spatial import KDTree
from tubes import gold_trees, merged, tube_mask

from neurorecon.metrics.nearest import EdgeIndex
from neurorecon.metrics.tree import TreeScoring, compare_trees
from neurorecon.morphology import Morphology
from neurorecon.tracing import trace_volume
from neurorecon.tracing.sampling import branches, resampled

SCORING = TreeScoring(tolerance=2.0, match_radius=4.0)
RADIUS = 1.5
LARGEST_BOX = 10**8
REMOVED = 0.1
GAP = (1.0, 8.0)
LEAST_APART = 2.0
SPECK = (1.0, 2.0)
LONG = 20.0  # voxels; a false branch that a person has to remove
_STEP = 0.5


def main() -> None:
    arguments = _parse()
    rows = _read_rows(arguments.rows)
    chosen = []
    for name, gold in gold_trees(arguments.gold, arguments.sample, arguments.sample_seed):
        if np.prod(np.ptp(gold.point_zyx, axis=0) + 2 * (RADIUS + 3)) >= LARGEST_BOX:
            continue
        if name not in rows:
            rows[name] = _row(name, gold, arguments.seed)
            if arguments.rows is not None:
                with arguments.rows.open("a") as lines:
                    print(json.dumps(rows[name]), file=lines)
        chosen.append(rows[name])
    _print(chosen, arguments.seed)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gold", type=Path)
    parser.add_argument("--sample", type=int, help="trees chosen at random; default: all")
    parser.add_argument("--sample-seed", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0, help="of the damage")
    parser.add_argument("--rows", type=Path, help="finished trees, to go on after a stop")
    return parser.parse_args()


def damaged(gold: Morphology, seed: tuple[int, ...]):
    """The mask (Z, Y, X) of 0 and 255, its grid, and the number of gaps."""
    mask, grid = tube_mask(gold, np.full(len(gold), RADIUS))
    generator = np.random.default_rng(seed)
    index = np.argwhere(mask)
    sample, in_gap, gaps = _gaps(gold, generator)
    _, nearest = KDTree(sample).query(index + np.asarray(grid.origin_zyx))
    mask[tuple(index[in_gap[nearest]].T)] = 0
    _add_specks(mask, len(index), generator)
    return mask, grid, gaps


def _gaps(
    gold: Morphology, generator: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.bool_], int]:
    """Points along the tree, which of them lie in a gap, and the number of gaps."""
    fine = resampled(gold, _STEP)
    paths = branches(fine)
    points = [0.5 * (fine.point_zyx[path[1:]] + fine.point_zyx[path[:-1]]) for path in paths]
    steps = [np.linalg.norm(np.diff(fine.point_zyx[path], axis=0), axis=1) for path in paths]
    arcs = [np.cumsum(step) - step / 2 for step in steps]
    gone = [np.zeros(len(step), bool) for step in steps]
    length = np.array([step.sum() for step in steps])
    removed, count = 0.0, 0
    while removed < REMOVED * length.sum():
        branch = generator.choice(len(paths), p=length / length.sum())
        start = generator.uniform(0.0, length[branch])
        end = start + generator.uniform(*GAP)
        arc = arcs[branch]
        around = (arc > start - LEAST_APART) & (arc < end + LEAST_APART)
        if end > length[branch] or gone[branch][around].any():
            end = start  # there is no room
        inside = (arc >= start) & (arc < end)
        gone[branch] |= inside
        removed += float(steps[branch][inside].sum())
        count += int(inside.any())
    return np.concatenate(points), np.concatenate(gone), count


def _add_specks(mask: NDArray[np.uint8], voxels: int, generator: np.random.Generator) -> None:
    while voxels > 0:
        radius = generator.uniform(*SPECK)
        centre = generator.uniform(0, np.asarray(mask.shape) - 1)
        low = np.maximum(np.ceil(centre - radius).astype(int), 0)
        high = np.minimum(np.floor(centre + radius).astype(int) + 1, mask.shape)
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        offsets = np.stack(np.mgrid[box], axis=-1) - centre
        ball = np.linalg.norm(offsets, axis=-1) <= radius
        mask[box][ball] = 255
        voxels -= int(ball.sum())


def _row(name: str, gold: Morphology, seed: int) -> dict:
    mask, grid, gaps = damaged(gold, (seed, int(name)))
    started = time.perf_counter()
    result = trace_volume(mask, grid)
    seconds = time.perf_counter() - started
    test = merged(result.neurons)
    scores = compare_trees(test, gold, SCORING)
    return {
        "tree": name,
        "megavoxels": mask.size / 1e6,
        "gold length": gold.length,
        "gaps": gaps,
        "f1": scores.f1,
        "precision": scores.precision,
        "recall": scores.recall,
        "forks": [scores.forks.matched, scores.forks.test, scores.forks.gold],
        "trees": len(result.neurons),
        "bridges": result.bridge_count,
        "longest false branch": longest_false_branch(test, gold),
        "seconds": seconds,
    }


def longest_false_branch(test: Morphology, gold: Morphology) -> float:
    """Length of the longest connected stretch that is farther than the tolerance from the gold."""
    fine = resampled(test, 1.0)
    false = EdgeIndex(gold).distance(fine.point_zyx) > SCORING.tolerance
    both = false[fine.edges].all(axis=1)
    edges, length = fine.edges[both], fine.edge_length[both]
    graph = sparse.coo_array((np.ones(len(edges)), edges.T), shape=(len(fine), len(fine)))
    _, part = csgraph.connected_components(graph, directed=False)
    return float(np.bincount(part[edges[:, 0]], length).max(initial=0.0))


def _read_rows(file: Path | None) -> dict[str, dict]:
    if file is None or not file.exists():
        return {}
    return {row["tree"]: row for row in map(json.loads, file.read_text().splitlines())}


def _print(rows: list[dict], seed: int) -> None:
    columns = ("megavoxels", "gold length", "gaps", "bridges", "f1", "precision", "recall")
    more = ("forks", "trees", "longest false branch", "seconds")
    print(f"| tree | {' | '.join([*columns, *more])} |")
    print("|" + "---|" * (1 + len(columns) + len(more)))
    for row in rows:
        cells = [row["tree"], f"{row['megavoxels']:.1f}", f"{row['gold length']:.0f}"]
        cells += [str(row["gaps"]), str(row["bridges"])]
        cells += [f"{row[key]:.3f}" for key in ("f1", "precision", "recall")]
        cells += ["/".join(map(str, row["forks"])), str(row["trees"])]
        cells += [f"{row['longest false branch']:.0f}", f"{row['seconds']:.1f}"]
        print(f"| {' | '.join(cells)} |")
    f1 = np.array([row["f1"] for row in rows])
    one = np.mean([row["trees"] == 1 for row in rows])
    clean = np.mean([row["longest false branch"] <= LONG for row in rows])
    print(f"\n{len(rows)} trees, seed {seed}: mean F1 {f1.mean():.3f}, lowest {f1.min():.3f};")
    print(f"one tree: {one:.0%}; no false branch longer than {LONG:g} voxels: {clean:.0%}.")


if __name__ == "__main__":
    main()
