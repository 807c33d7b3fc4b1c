"""How differently two neurons branch: a distance between their persistence diagrams.

The topological morphology descriptor of Kanari et al. (Neuroinformatics 2018, doi
10.1007/s12021-017-9341-1): walking from the tips to the root, at every fork the branch that reaches
farthest goes on and each other ends. A branch becomes a bar from the path length at which it
leaves the root's side (its fork) to the one that it reaches (its tip). navis calls the two ends
birth and death.

The distance is the first Wasserstein distance: the least total length by which ends of bars have to
be moved to turn one diagram into the other, a bar without partner shrinking to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from neurorecon.metrics.pair import check_pair
from neurorecon.metrics.rooting import rooted_near
from neurorecon.morphology import Morphology


@dataclass(frozen=True, slots=True)
class PersistenceScores:
    """distance: Wasserstein distance of the diagrams, in the unit of the trees; 0 where they equal.

    relative: distance by the length of all bars of both, from 0 to 1; 0 where there are none.
    test_bars, gold_bars: numbers of branches.
    """

    distance: float
    relative: float
    test_bars: int
    gold_bars: int


def compare_persistence(test: Morphology, gold: Morphology) -> PersistenceScores:
    """Compare how two neurons branch, seen from the gold's roots; position does not matter.

    Time and memory grow with the product of the numbers of tips (1,000 and 1,000: a second).

    Raises InputError where a tree has no nodes or the units differ.
    """
    check_pair(test, gold)
    one, other = persistence_bars(rooted_near(test, gold)), persistence_bars(gold)
    distance = wasserstein(one, other)
    total = float((one[:, 1] - one[:, 0]).sum() + (other[:, 1] - other[:, 0]).sum())
    return PersistenceScores(distance, distance / total if total else 0.0, len(one), len(other))


def persistence_bars(morphology: Morphology) -> NDArray[np.float64]:
    """(b, 2) path length from the root to the fork and to the tip of each branch.

    One bar for each tip but the root; the longest of each tree starts at 0. A lone node has none.
    """
    order = morphology.parent_first
    path = _path_length(morphology, order)
    reach = path.copy()  # of the farthest tip below each node
    parent = morphology.parent.tolist()
    farthest = reach.tolist()
    for row in reversed(order.tolist()):
        if parent[row] >= 0:
            farthest[parent[row]] = max(farthest[parent[row]], farthest[row])
    reach = np.array(farthest)
    child = np.flatnonzero(morphology.parent >= 0)
    by_parent = child[np.lexsort((-reach[child], morphology.parent[child]))]
    above = morphology.parent[by_parent]
    goes_on = np.append(True, above[1:] != above[:-1]) if len(above) else np.empty(0, bool)
    ends = by_parent[~goes_on]  # first nodes of the branches that end at a fork
    roots = morphology.roots[morphology.child_count[morphology.roots] > 0]
    start = np.concatenate([np.zeros(len(roots)), path[morphology.parent[ends]]])
    return np.stack([start, np.concatenate([reach[roots], reach[ends]])], axis=1)


def _path_length(morphology: Morphology, order: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n,) length of the path from each node to its root."""
    length = np.zeros(len(morphology))
    length[morphology.edges[:, 0]] = morphology.edge_length
    path, parent = length.tolist(), morphology.parent.tolist()
    for row in order.tolist():
        if parent[row] >= 0:
            path[row] += path[parent[row]]
    return np.array(path)


def wasserstein(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """First Wasserstein distance of two diagrams of bars (b, 2), both ends counting.

    A pair costs the distances of its starts and of its ends, a bar alone its own length. Only pairs
    that cost less than their bars alone are worth anything, which keeps the assignment small.
    """
    alone, other_alone = one[:, 1] - one[:, 0], other[:, 1] - other[:, 0]
    saved = cdist(one, other, "cityblock") - alone[:, None] - other_alone[None, :]
    np.minimum(saved, 0.0, out=saved)
    return float(alone.sum() + other_alone.sum() + saved[linear_sum_assignment(saved)].sum())
