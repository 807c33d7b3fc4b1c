"""One-to-one matching of points, for forks and tips."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from scipy.spatial import cKDTree

from neurorecon.metrics.ratio import Agreement, agreement_of_counts


@dataclass(frozen=True, slots=True)
class PointMatch:
    """How two sets of points agree.

    test, gold: number of points in each.
    matched: number of pairs.
    mean_distance: of the pairs, in the unit of the points; None without pairs.
    """

    test: int
    gold: int
    matched: int
    mean_distance: float | None

    @property
    def agreement(self) -> Agreement:
        """Precision, recall and F1 of the points."""
        return agreement_of_counts(self.matched, self.test, self.gold)


def match_points(
    test_zyx: NDArray[np.float64], gold_zyx: NDArray[np.float64], radius: float
) -> PointMatch:
    """Match points (n, 3) with points (m, 3) one to one, no pair farther apart than `radius`.

    Of all matchings with the most pairs, the one with the smallest sum of distances.
    """
    distance = _near_pairs(test_zyx, gold_zyx, radius)
    matched = _shortest_of_largest(distance, radius)
    return PointMatch(
        test=len(test_zyx),
        gold=len(gold_zyx),
        matched=len(matched),
        mean_distance=float(matched.mean()) if len(matched) else None,
    )


def _near_pairs(
    test_zyx: NDArray[np.float64], gold_zyx: NDArray[np.float64], radius: float
) -> csr_array:
    """(n, m) sparse 1 + distance / radius of pairs within `radius`; plus 1, as 0 means no pair."""
    shape = (len(test_zyx), len(gold_zyx))
    if 0 in shape:
        return csr_array(shape)
    pairs = cKDTree(test_zyx).sparse_distance_matrix(
        cKDTree(gold_zyx), radius, output_type="ndarray"
    )
    return csr_array((1.0 + pairs["v"] / radius, (pairs["i"], pairs["j"])), shape=shape)


def _shortest_of_largest(weight: csr_array, radius: float) -> NDArray[np.float64]:
    """Distances of the pairs of the best matching.

    Every test point also gets a partner of its own that means "unmatched", dearer than all real
    pairs together, so that a full matching always exists and the cheapest one has the most pairs.
    """
    weight = weight[np.diff(weight.indptr) > 0]
    rows, columns = weight.shape
    if rows == 0:
        return np.empty(0)
    alone = csr_array((np.full(rows, 2.0 * rows + 1.0), (np.arange(rows), np.arange(rows))))
    row, column = min_weight_full_bipartite_matching(hstack([weight, alone], format="csr"))
    real = column < columns
    chosen = weight[row[real], column[real]]
    return (np.asarray(chosen).ravel() - 1.0) * radius
