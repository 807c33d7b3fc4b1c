"""Splits, merges, omissions and the expected run length of gold neurons under a segmentation.

The scores of segmentation-skeleton-metrics (Allen Institute, github.com/AllenNeuralDynamics) as its
manual defines them, after Januszewski et al. (Nature Methods 2018, doi 10.1038/s41592-018-0049-4).
`docs/scores.md` says where release 5.9 computes something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurorecon.errors import InputError
from neurorecon.metrics.labelling import (
    OMITTED,
    LabelledTree,
    joined,
    label_by_trees,
    label_by_volume,
    runs,
)
from neurorecon.morphology import Morphology
from neurorecon.volume import LazyVoxels

# A segment that only brushes a neuron does not merge it: segmentation-skeleton-metrics asks for
# more than 50 nodes, about one voxel apart, in each of two neurons.
MERGE_NODES = 50

# As `TreeScoring` has it.
MATCH_RADIUS = 12.0


@dataclass(frozen=True, slots=True)
class RunScores:
    """One gold neuron (or several together) under a segmentation; lengths in the unit of the trees.

    length: of the gold.
    edges: of the gold, divided into pieces of at most one step.
    omitted: edges with an end in no segment.
    split: edges whose ends are in two segments.
    merged: edges in one segment that also holds another gold neuron.
    splits: pieces that the neuron falls into without its omitted nodes and split edges, less one.
    merges: neurons that share a segment with another one (0 or 1 for a single neuron).
    run_length: ERL: expected length of the run at a random place of the pieces; a merged run is 0.
    normalized_run_length: ERL as a share of the length, 1 is perfect; of several neurons the mean,
        weighted by length, of their shares: no run is longer than its neuron.
    run_length_of_all: the same at a random place of the whole neuron, omitted places being 0 too
        (Januszewski's definition).
    """

    length: float
    edges: int
    omitted: int
    split: int
    merged: int
    splits: int
    merges: int
    run_length: float
    normalized_run_length: float
    run_length_of_all: float

    @property
    def edge_accuracy(self) -> float:
        """Share of the edges that are neither omitted, nor split, nor merged."""
        wrong = self.omitted + self.split + self.merged
        return 1.0 - wrong / self.edges if self.edges else 0.0


@dataclass(frozen=True, slots=True)
class RunComparison:
    """Scores of each gold neuron, and of all: counts summed, run lengths weighted by length."""

    neurons: tuple[RunScores, ...]
    total: RunScores


def runs_in_volume(
    golds: Sequence[Morphology], labels: NDArray[np.integer] | LazyVoxels, step: float = 1.0
) -> RunComparison:
    """Score a label volume (Z, Y, X), 0 is background, against gold neurons in its voxel indices.

    A gold of several pieces is one neuron, and a piece more is not a split of the segmentation.

    Raises InputError where there are no golds, one has no nodes, or is not in voxels.
    """
    _check(golds, ())
    return compare_runs([label_by_volume(gold, labels, step) for gold in golds])


def runs_in_trees(
    golds: Sequence[Morphology],
    tests: Sequence[Morphology],
    tolerance: float,
    step: float = 1.0,
    match_radius: float = MATCH_RADIUS,
) -> RunComparison:
    """Score test neurons against gold neurons: each tree of each test stands for a segment.

    tolerance, step, match_radius: in the unit of the trees; `label_by_trees` says what they limit.

    Raises InputError where there are no golds or tests, a tree has no nodes, or the units differ.
    """
    _check(golds, tests)
    if not tests:
        raise InputError("there is no test neuron; give at least one")
    together = joined(tests)
    # Two tracers lay a fork of a thick neurite up to `match_radius` apart, and from there to where
    # both agree again it may take a tolerance at either end. What is longer was not found.
    longest_gap = match_radius + 2 * tolerance
    return compare_runs(
        [label_by_trees(gold, together, tolerance, step, longest_gap) for gold in golds]
    )


def compare_runs(golds: Sequence[LabelledTree], merge_nodes: int = MERGE_NODES) -> RunComparison:
    """Score labelled gold neurons, one or more.

    merge_nodes: a segment merges two neurons where it holds more than this many nodes of each.
    """
    merged = _merged_labels(golds, merge_nodes)
    scores = tuple(_score(gold, labels) for gold, labels in zip(golds, merged, strict=True))
    length = sum(each.length for each in scores)
    weights = [each.length / length if length else 0.0 for each in scores]
    share = float(np.dot(weights, [each.normalized_run_length for each in scores]))
    return RunComparison(
        neurons=scores,
        total=RunScores(
            length=length,
            edges=sum(each.edges for each in scores),
            omitted=sum(each.omitted for each in scores),
            split=sum(each.split for each in scores),
            merged=sum(each.merged for each in scores),
            splits=sum(each.splits for each in scores),
            merges=sum(each.merges for each in scores),
            run_length=float(np.dot(weights, [each.run_length for each in scores])),
            normalized_run_length=min(share, 1.0),
            run_length_of_all=float(np.dot(weights, [each.run_length_of_all for each in scores])),
        ),
    )


def _check(golds: Sequence[Morphology], tests: Sequence[Morphology]) -> None:
    if not golds:
        raise InputError("there is no gold neuron; give at least one")
    for name, trees in (("gold", golds), ("test", tests)):
        for tree in trees:
            if len(tree) == 0:
                raise InputError(f"a {name} tree has no nodes; give trees with at least one")
            if tree.unit != golds[0].unit:
                raise InputError(
                    f"a {name} tree is in {tree.unit}, another tree in {golds[0].unit}; "
                    "give the voxel size"
                )


def _merged_labels(golds: Sequence[LabelledTree], merge_nodes: int) -> list[NDArray[np.int64]]:
    """For each gold, the segments that it shares with another one."""
    large = []
    for gold in golds:
        label, count = np.unique(gold.label[gold.label != OMITTED], return_counts=True)
        large.append(label[count > merge_nodes])
    label, neurons = np.unique(np.concatenate(large), return_counts=True)
    shared = label[neurons > 1]
    return [np.intersect1d(each, shared) for each in large]


def _score(gold: LabelledTree, merged: NDArray[np.int64]) -> RunScores:
    """Score one neuron, given the segments that it shares with others."""
    child, parent = gold.tree.edges.T
    length = gold.tree.edge_length
    one, other = gold.label[child], gold.label[parent]
    omitted = (one == OMITTED) | (other == OMITTED)
    split = ~omitted & (one != other)
    inside = ~omitted & ~split
    run = runs(gold.tree, gold.label)
    rows = np.flatnonzero(gold.label != OMITTED)
    pieces = len(np.unique(run[rows])) - len(np.unique(gold.tree.tree_of[rows]))
    run_length = np.bincount(run[child[inside]], length[inside], minlength=1)
    shared = inside & np.isin(one, merged)
    alone = inside & ~shared
    right = np.bincount(run[child[alone]], length[alone], minlength=len(run_length))
    weighted = float(run_length @ right)
    whole, labelled = float(length.sum()), float(run_length.sum())
    expected = weighted / labelled if labelled else 0.0
    return RunScores(
        length=whole,
        edges=len(child),
        omitted=int(omitted.sum()),
        split=int(split.sum()),
        merged=int(shared.sum()),
        splits=pieces,
        merges=int(len(merged) > 0),
        run_length=expected,
        normalized_run_length=min(expected / whole, 1.0) if whole else 0.0,  # 1 but for rounding
        run_length_of_all=weighted / whole if whole else 0.0,
    )
