"""Paths through the foreground: from every voxel along the middle of the neurite to one end.

The first half of TEASAR (Sato et al. 2000) and APP2 (Xiao and Peng 2013): a shortest-path search
with a cost that prefers the middle and high probability. Which of the paths are branches is told in
`branches`. Loops cannot arise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from neurorecon.tracing.foreground import FORWARD_STEPS, Foreground


@dataclass(frozen=True)
class PathForest:
    """A path from every voxel to the source of its piece.

    parent: (n,) row of the next voxel towards the source, the row itself at a source.
    length: (n,) length of the path, in the unit of the voxel size.
    hops: (n,) number of steps of the path.
    """

    parent: NDArray[np.int64]
    length: NDArray[np.float64]
    hops: NDArray[np.int64]


def centrality(foreground: Foreground, depth: NDArray[np.float64]) -> NDArray[np.float64]:
    """How central each voxel (n,) is: depth times the mean probability of its surroundings.

    Depth alone takes few values in a thin neurite; the mean over the 3 x 3 x 3 neighbours, in which
    background counts as zero, tells the middle there.
    """
    total = foreground.probability.astype(np.float64)
    for first, second in foreground.neighbours:
        total[first] += foreground.probability[second]
        total[second] += foreground.probability[first]
    return depth * total / 27.0


def shortest_paths(
    foreground: Foreground,
    piece: NDArray[np.int64],
    central: NDArray[np.float64],
    voxel_size_zyx: NDArray[np.float64],
    exponent: float,
) -> PathForest:
    """Paths from all voxels to one end of their piece: the voxel farthest from the most central.

    piece: (n,) number of the connected piece of each voxel, 0, 1, ...
    central: (n,) from `centrality`.
    exponent: the cost of a step is its length over centrality to this power.
    """
    graph = _step_graph(foreground, central**-exponent, voxel_size_zyx)
    voxel = foreground.index_zyx * voxel_size_zyx
    from_middle = _paths_to(graph, highest_rows(piece, central), voxel)
    return _paths_to(graph, highest_rows(piece, from_middle.length), voxel)


def _step_graph(
    foreground: Foreground, cost: NDArray[np.float64], voxel_size_zyx: NDArray[np.float64]
) -> sparse.csr_array:
    """(n, n) cost of the step from each voxel to each neighbour; cost: (n,) of a unit of length.

    Filled in place, row by row in the order of the columns: sums and conversions of sparse matrices
    would take three times the memory, and this is the most that tracing takes.
    """
    step_length = np.linalg.norm(np.asarray(FORWARD_STEPS) * voxel_size_zyx, axis=1)
    ahead = list(zip(step_length, foreground.neighbours, strict=True))
    steps = [(length, second, first) for length, (first, second) in reversed(ahead)]
    steps += [(length, first, second) for length, (first, second) in ahead]
    degree = np.zeros(len(foreground), np.int32)
    for _, row, _ in steps:
        degree[row] += 1  # a voxel has one neighbour each way
    start = np.concatenate([[0], np.cumsum(degree)]).astype(np.int32)
    place = start[:-1].copy()
    columns, weight = np.empty(start[-1], np.int32), np.empty(start[-1])
    for length, row, column in steps:
        columns[place[row]] = column
        weight[place[row]] = length * (cost[row] + cost[column])
        place[row] += 1
    n = len(foreground)
    return sparse.csr_array((weight, columns, start), shape=(n, n))


def highest_rows(piece: NDArray[np.int64], value: NDArray[np.float64]) -> NDArray[np.int64]:
    """The row with the highest value in each piece."""
    order = np.lexsort((-value, piece))
    return order[np.searchsorted(piece[order], np.arange(piece.max() + 1))]


def _paths_to(
    graph: sparse.csr_array, source: NDArray[np.int64], voxel: NDArray[np.float64]
) -> PathForest:
    _, parent, _ = csgraph.dijkstra(graph, indices=source, return_predecessors=True, min_only=True)
    parent = parent.astype(np.int64)
    parent[source] = source
    return _measured(parent, np.linalg.norm(voxel - voxel[parent], axis=1))


def _measured(parent: NDArray[np.int64], step: NDArray[np.float64]) -> PathForest:
    """Lengths and hop counts by pointer doubling: a loop over the longest path's logarithm."""
    length, hops = step.copy(), (parent != np.arange(len(parent))).astype(np.int64)
    ancestor = parent
    while True:
        further = ancestor[ancestor]
        if (further == ancestor).all():
            return PathForest(parent, length + 0.0, hops)
        length, hops = length + length[ancestor], hops + hops[ancestor]
        ancestor = further


def longest_branches(forest: PathForest) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every voxel put on one branch: rows of the tips (b,) and of the voxels (b,) they join.

    At each voxel the path that comes from farthest away carries the branch on; the others join.
    """
    rows = np.arange(len(forest.parent))
    reach = farthest(forest)
    child = rows[forest.parent != rows]
    child = child[np.lexsort((-reach[child], forest.parent[child]))]
    carries = np.ones(len(child), bool)
    carries[1:] = forest.parent[child[1:]] != forest.parent[child[:-1]]
    onward = rows.copy()
    onward[forest.parent[child[carries]]] = child[carries]
    source = rows[forest.parent == rows]
    start = np.concatenate([child[~carries], onward[source]])
    return ends_of_chains(onward)[start], forest.parent[start]


def farthest(forest: PathForest, endless: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
    """(n,) longest path length among the voxels whose path leads through each voxel.

    endless: rows that count as if they were infinitely far away.
    """
    reach = forest.length.copy()
    if endless is not None:
        reach[endless] = np.inf
    order = np.argsort(-forest.hops, kind="stable")
    levels = np.flatnonzero(np.diff(forest.hops[order])) + 1
    for level in np.split(order, levels):
        np.maximum.at(reach, forest.parent[level], reach[level])
    return reach


def at_or_beyond(paths: PathForest, marked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which voxels are marked or have a path that leads through a marked voxel."""
    ancestor = paths.parent
    while True:
        marked = marked | marked[ancestor]
        further = ancestor[ancestor]
        if (further == ancestor).all():
            return marked
        ancestor = further


def ends_of_chains(onward: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each chain of pointers ends (at a row that points to itself)."""
    while True:
        further = onward[onward]
        if (further == onward).all():
            return onward
        onward = further
