"""How long the scores of trees take, and how much memory: prints Markdown.

    python benchmarks/tree_scores.py [NODES ...]

Each pair is a generated neuron with 2 % forks and edges of 1 to 2.5 voxels, and the same neuron
with every node displaced by about a voxel. Memory is the peak of the whole process so far. CPU time
is that of all threads: where a machine is shared, it tells more than the clock.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.ndimage import uniform_filter1d

from neurorecon.metrics import LARGEST_DETAILED
from neurorecon.metrics.blast import nblast
from neurorecon.metrics.critical import compare_critical_nodes
from neurorecon.metrics.diadem import compare_diadem
from neurorecon.metrics.morphometry import compare_morphometry
from neurorecon.metrics.persistence import compare_persistence
from neurorecon.metrics.run_length import runs_in_trees
from neurorecon.metrics.substantial import compare_substantial
from neurorecon.metrics.tree import compare_trees
from neurorecon.morphology import Morphology

NODES = (5_000, 50_000, 1_000_000)

FAST: dict[str, Callable[[Morphology, Morphology], object]] = {
    "length, ESA, DSA, PDS, forks, tips": compare_trees,
    "SSD": compare_substantial,
    "critical nodes": lambda test, gold: compare_critical_nodes(test, gold, 12.0),
    "morphometry": compare_morphometry,
}
FURTHER = {"run lengths, splits, merges": lambda test, gold: runs_in_trees([gold], [test], 4.0)}
DETAILED = {"DIADEM": compare_diadem, "NBLAST": nblast, "persistence": compare_persistence}


def neuron(nodes: int, seed: int = 0) -> Morphology:
    """A tree of smooth branches; every fiftieth node begins one at an earlier node."""
    random = np.random.default_rng(seed)
    parent = np.arange(-1, nodes - 1)
    begins = np.flatnonzero(random.random(nodes) < 0.02)
    begins = begins[begins > 0]
    parent[begins] = (random.random(len(begins)) * begins).astype(np.int64)
    step = uniform_filter1d(random.normal(size=(nodes, 3)), 9, axis=0)
    step *= random.uniform(1, 2.5, (nodes, 1)) / np.linalg.norm(step, axis=1, keepdims=True)
    walked = np.cumsum(step, axis=0)
    point = walked - walked[0]
    for first, last in zip(begins, np.append(begins[1:], nodes), strict=True):
        branch = walked[first:last] - walked[first - 1]
        point[first:last] = point[parent[first]] + branch
    return Morphology(point, random.uniform(0.5, 2, nodes), parent, np.full(nodes, 3))


def print_times(nodes: int) -> None:
    gold = neuron(nodes)
    noise = np.random.default_rng(1).normal(size=gold.point_zyx.shape)
    test = replace(gold, point_zyx=gold.point_zyx + noise * 0.6)
    scores = FAST | FURTHER | (DETAILED if nodes <= LARGEST_DETAILED else {})
    total = np.zeros(2)
    for name, score in scores.items():
        before = np.array([time.process_time(), time.perf_counter()])
        score(replace(test), replace(gold))  # copies, so that nothing is remembered
        seconds = np.array([time.process_time(), time.perf_counter()]) - before
        total += seconds * (name in FAST)
        print_row(nodes, name, seconds)
        if name == list(FAST)[-1]:
            print_row(nodes, "**the above**", total)


def print_row(nodes: int, name: str, seconds: np.ndarray) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"| {nodes:,} | {name} | {seconds[0]:.2f} | {seconds[1]:.2f} | {peak:.2f} |", flush=True)


def main() -> None:
    nblast(*[neuron(50)] * 2)  # imports navis
    print("| nodes of each | scores | CPU seconds | clock | peak of memory so far, GiB |")
    print("|---|---|---|---|---|")
    for nodes in map(int, sys.argv[1:]) if sys.argv[1:] else NODES:
        print_times(nodes)


if __name__ == "__main__":
    main()
