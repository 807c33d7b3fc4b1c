"""Which of the paths from every voxel are branches: those that reach beyond what is covered.

The rolling ball of TEASAR (Sato et al. 2000) on the hierarchy of longest branches of APP2 (Xiao and
Peng 2013): the longest branch is kept and covers the foreground around it, as far as the neurite
is thick; then the longest that still has uncovered foreground at its tip; and so on. What
only reaches the surface of a kept branch is no branch.

How rough that surface is, the foreground itself tells. Bumps get fewer by a constant factor with
every voxel that they stick out; branches are of all lengths and hardly get fewer. So the margin is
taken where they stop getting fewer: one voxel around a clean tube, five in a noisy mask.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from neurorecon.tracing.paths import PathForest, longest_branches

# Margins are in smallest voxel sizes.
_LEAST_MARGIN = 1.0  # as rough as any surface of voxels
_MOST_MARGIN = 6.0
_USUAL_MARGIN = 2.0  # where too few branches tell
_FEWEST = 10
_STEP = 0.5
_LASTING = 0.67  # share that sticks out yet another voxel; of bumps it is at most a half


@dataclass(frozen=True)
class Branches:
    """kept: (n,) voxels on kept branches; sources always are.

    prominence: (b,) how far the tip of each sticks out of the radii of those kept before it, at
        most the `reach` asked for; without the longest branch of each piece.
    """

    kept: NDArray[np.bool_]
    prominence: NDArray[np.float64]


def margin_of(
    forest: PathForest,
    point_zyx: NDArray[np.float64],
    radius: NDArray[np.float64],
    smallest: float,
) -> float:
    """How far bumps of the foreground stick out of its radii, in the unit of the points.

    point_zyx, radius: as in `significant_paths`. smallest: the smallest voxel size.
    """
    least, most = _LEAST_MARGIN * smallest, (_MOST_MARGIN + 1.0) * smallest
    found = significant_paths(forest, point_zyx, radius, least, reach=most).prominence / smallest
    if len(found) < _FEWEST:
        return _USUAL_MARGIN * smallest
    margin = _LEAST_MARGIN
    while margin < _MOST_MARGIN:
        if (found >= margin + 1.0).sum() >= _LASTING * (found >= margin).sum():
            break
        margin += _STEP
    return margin * smallest


def significant_paths(
    forest: PathForest,
    point_zyx: NDArray[np.float64],
    radius: NDArray[np.float64],
    margin: float,
    shortest: float = 0.0,
    reach: float | None = None,
) -> Branches:
    """The branches that stick out of the radii of longer ones by at least the margin.

    point_zyx: (n, 3) voxel centres.
    radius: (n,) of the foreground around each voxel, if that is kept.
    shortest: a branch of which less than this sticks out of radius and margin is not kept.
    reach: how far prominence is measured, at least the margin.
    """
    tip, joint = longest_branches(forest)
    cover = _Cover(point_zyx, radius, margin if reach is None else reach)
    kept = forest.hops == 0
    parent = forest.parent.tolist()
    # At a source nothing is covered yet: the branch from there is the piece's length.
    within = np.where(kept, 0.0, radius + margin)

    def sticks_out(end: int, start: int) -> float:
        return float(forest.length[end] - forest.length[start] - within[start])

    extent = forest.length[tip] - forest.length[joint] - within[joint]
    long = np.flatnonzero(extent >= shortest)
    heap = [(-float(extent[row]), int(tip[row]), int(joint[row])) for row in long]
    heapq.heapify(heap)
    prominence = []
    while heap:
        _, end, start = heapq.heappop(heap)
        if cover.clearance[end] < margin:
            while cover.clearance[end] < margin and not kept[end]:
                end = parent[end]
            if not kept[end] and sticks_out(end, start) >= shortest:
                heapq.heappush(heap, (-sticks_out(end, start), end, start))
            continue
        if within[start] > 0.0:
            prominence.append(min(float(cover.clearance[end]), cover.reach))
        path = [end]
        while not kept[end]:
            kept[end] = True
            end = parent[end]
            path.append(end)
        cover.add(path)
    return Branches(kept, np.array(prominence))


class _Cover:
    """How far voxels are from the surface of what is kept.

    clearance: (n,) distance, infinite from `reach` on.
    """

    def __init__(
        self, point_zyx: NDArray[np.float64], radius: NDArray[np.float64], reach: float
    ) -> None:
        self.reach = reach
        self.clearance = np.full(len(radius), np.inf)
        self._radius = radius
        self._tree = KDTree(point_zyx, balanced_tree=False, compact_nodes=False)

    def add(self, path: list[int]) -> None:
        """Keep the voxels of a path; balls half a radius apart suffice."""
        point, width = self._tree.data, self._radius + self.reach
        centres, last = [path[0]], path[0]
        for row in path[1:]:
            apart = float(np.abs(point[row] - point[last]).sum())
            if apart >= 0.5 * min(width[row], width[last]):
                centres.append(row)
                last = row
        found = self._tree.query_ball_point(point[centres], width[centres], return_sorted=False)
        rows = np.concatenate(found).astype(np.int64)
        centre = np.repeat(centres, [len(ball) for ball in found])
        clearance = np.linalg.norm(point[rows] - point[centre], axis=1) - self._radius[centre]
        np.minimum.at(self.clearance, rows, clearance)
