"""Centrelines: the paths of one shortest-path search that reach beyond the calibre they leave.

TEASAR (Sato et al. 2000) and APP2 (Xiao and Peng 2013) in one pass: a single search from the
thickest voxel of each piece, with a cost that prefers the middle and high probability, gives every
voxel a path. Cut into longest branches, a branch is kept when it ends farther from where it leaves
its parent branch than the neurite is thick there: the others only reach the surface of
the neurite that they started in. Loops cannot arise.
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
    """Paths from all voxels to the most central voxel of their piece.

    piece: (n,) number of the connected piece of each voxel, 0, 1, ...
    central: (n,) from `centrality`.
    exponent: the cost of a step is its length over centrality to this power.
    """
    n = len(foreground)
    cost = central**-exponent
    first = np.concatenate([pair[0] for pair in foreground.neighbours])
    second = np.concatenate([pair[1] for pair in foreground.neighbours])
    step_length = np.linalg.norm(np.asarray(FORWARD_STEPS) * voxel_size_zyx, axis=1)
    length = np.repeat(step_length, [len(pair[0]) for pair in foreground.neighbours])
    weight = length * (cost[first] + cost[second])
    graph = sparse.coo_array((weight, (first, second)), shape=(n, n)).tocsr()
    graph = graph + graph.T
    source = _most_central(piece, central)
    _, parent, _ = csgraph.dijkstra(graph, indices=source, return_predecessors=True, min_only=True)
    parent = parent.astype(np.int64)
    parent[source] = source
    step = np.linalg.norm(
        (foreground.index_zyx - foreground.index_zyx[parent]) * voxel_size_zyx, axis=1
    )
    return _measured(parent, step)


def _most_central(piece: NDArray[np.int64], central: NDArray[np.float64]) -> NDArray[np.int64]:
    order = np.lexsort((-central, piece))
    return order[np.searchsorted(piece[order], np.arange(piece.max() + 1))]


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
    reach = _reach(forest)
    child = rows[forest.parent != rows]
    child = child[np.lexsort((-reach[child], forest.parent[child]))]
    carries = np.ones(len(child), bool)
    carries[1:] = forest.parent[child[1:]] != forest.parent[child[:-1]]
    onward = rows.copy()
    onward[forest.parent[child[carries]]] = child[carries]
    source = rows[forest.parent == rows]
    start = np.concatenate([child[~carries], onward[source]])
    return _follow(onward)[start], forest.parent[start]


def _reach(forest: PathForest) -> NDArray[np.float64]:
    """(n,) longest path length among the voxels whose path leads through each voxel."""
    reach = forest.length.copy()
    order = np.argsort(-forest.hops, kind="stable")
    levels = np.flatnonzero(np.diff(forest.hops[order])) + 1
    for level in np.split(order, levels):
        np.maximum.at(reach, forest.parent[level], reach[level])
    return reach


def _follow(onward: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each chain of pointers ends (at a row that points to itself)."""
    while True:
        further = onward[onward]
        if (further == onward).all():
            return onward
        onward = further


def _mark_to_source(
    forest: PathForest, tip: NDArray[np.int64], kept: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Mark the paths of all tips, all at once, until each meets a marked voxel."""
    kept = kept.copy()
    front = np.unique(tip[~kept[tip]])
    while len(front):
        kept[front] = True
        front = np.unique(forest.parent[front])
        front = front[~kept[front]]
    return kept


def without_caps(
    forest: PathForest, kept: NDArray[np.bool_], depth: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """`kept` less the end of each branch that lies in the round cap of the neurite.

    Paths end on the surface, a centreline one radius before it. Paths that end there because the
    stack ends have no cap; they lose a radius too.
    """
    rows = np.flatnonzero(kept)
    row_of = np.full(len(kept), -1, np.int64)
    row_of[rows] = np.arange(len(rows))
    thin = PathForest(row_of[forest.parent[rows]], forest.length[rows], forest.hops[rows])
    to_tip = _reach(thin) - thin.length
    core = np.zeros(len(kept), bool)
    core[rows[thin.hops == 0]] = True
    return _mark_to_source(forest, rows[to_tip >= depth[rows]], core)
