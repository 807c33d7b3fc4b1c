"""Which of the paths from every voxel are branches: those that reach beyond what is covered.

The rolling ball of TEASAR (Sato et al. 2000) on the hierarchy of longest branches of APP2 (Xiao and
Peng 2013): the longest branch is kept and covers the foreground around it, as far as the neurite
is thick; then the longest that still has uncovered foreground at its tip; and so on. What
only reaches the surface of a kept branch is no branch.
"""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from neurorecon.tracing.paths import PathForest, longest_branches


def significant_paths(
    forest: PathForest,
    point_zyx: NDArray[np.float64],
    width: NDArray[np.float64],
    shortest: float,
) -> NDArray[np.bool_]:
    """Which voxels (n,) lie on a kept branch; sources always do.

    point_zyx: (n, 3) voxel centres.
    width: (n,) how far around it a kept voxel covers others.
    shortest: a branch of which less than this sticks out of what is covered is not kept.
    """
    tip, joint = longest_branches(forest)
    tree = KDTree(point_zyx, balanced_tree=False, compact_nodes=False)
    covered = np.zeros(len(width), bool)
    kept = forest.hops == 0
    parent = forest.parent.tolist()

    # At a source nothing is covered yet: the branch from there is the piece's length.
    cover = np.where(kept, 0.0, width)

    def sticks_out(end: int, start: int) -> float:
        return float(forest.length[end] - forest.length[start] - cover[start])

    extent = forest.length[tip] - forest.length[joint] - cover[joint]
    long = np.flatnonzero(extent >= shortest)
    heap = [(-float(extent[row]), int(tip[row]), int(joint[row])) for row in long]
    heapq.heapify(heap)
    while heap:
        _, end, start = heapq.heappop(heap)
        if covered[end]:
            while covered[end] and not kept[end]:
                end = parent[end]
            if not kept[end] and sticks_out(end, start) >= shortest:
                heapq.heappush(heap, (-sticks_out(end, start), end, start))
            continue
        path = [end]
        while not kept[end]:
            kept[end] = True
            end = parent[end]
            path.append(end)
        covered[_surroundings(tree, path, width)] = True
    return kept


def _surroundings(tree: KDTree, path: list[int], width: NDArray[np.float64]) -> NDArray[np.int64]:
    """Rows of the voxels within the width of the path; balls half a width apart suffice."""
    centres, last = [path[0]], path[0]
    for row in path[1:]:
        apart = float(np.abs(tree.data[row] - tree.data[last]).sum())
        if apart >= 0.5 * min(width[row], width[last]):
            centres.append(row)
            last = row
    found = tree.query_ball_point(tree.data[centres], width[centres], return_sorted=False)
    return np.concatenate(found).astype(np.int64)
