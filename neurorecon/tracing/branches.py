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

# Margins are in voxels.
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
    voxel: float,
) -> float:
    """How far bumps of the foreground stick out of its radii, in the unit of the points.

    point_zyx, radius: as in `significant_paths`. voxel: the middle one of the three voxel sizes.
    """

    def lasting(least: float, most: float) -> float:
        """The lowest margin from `least` on at which branches stay, or `most`."""
        reach = (_MOST_MARGIN + 1.0) * voxel
        found = significant_paths(forest, point_zyx, radius, least * voxel, reach=reach)
        out = found.prominence / voxel
        if len(out) < _FEWEST:
            return _USUAL_MARGIN
        margin = least
        while margin < most:
            if (out >= margin + 1.0).sum() >= _LASTING * (out >= margin).sum():
                break
            margin += _STEP
        return margin

    margin = lasting(_USUAL_MARGIN, _MOST_MARGIN)
    if margin == _USUAL_MARGIN:  # where bumps are many, the many that are lower need not be found
        margin = lasting(_LEAST_MARGIN, _USUAL_MARGIN)
    return margin * voxel


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
    cover = _Cover(forest, point_zyx, radius, margin if reach is None else reach)
    # At a source nothing is covered yet: the branch from there is the piece's length.
    within = np.where(forest.hops == 0, 0.0, radius + margin)
    extent = forest.length[tip] - forest.length[joint] - within[joint]
    long = np.flatnonzero(extent >= shortest)
    first = len(tip) - np.count_nonzero(forest.hops == 0)
    # There may be thousands of pieces; their longest branches are kept whatever lies around.
    cover.keep(tip[long[long >= first]])
    heap = [(-float(extent[row]), int(tip[row]), int(joint[row])) for row in long[long < first]]
    heapq.heapify(heap)
    prominence = []
    while heap:
        _, end, start = heapq.heappop(heap)
        if cover.clearance[end] >= margin:
            prominence.append(min(float(cover.clearance[end]), cover.reach))
            cover.keep(np.array([end]))
            continue
        end = cover.uncovered(end, margin)
        extent_left = float(forest.length[end] - forest.length[start] - within[start])
        if not cover.kept[end] and extent_left >= shortest:
            heapq.heappush(heap, (-extent_left, end, start))
    return Branches(cover.kept, np.array(prominence))


class _Cover:
    """What is kept, and how far voxels are from its surface.

    kept: (n,) voxels. clearance: (n,) distance, infinite from `reach` on.
    """

    def __init__(
        self,
        forest: PathForest,
        point_zyx: NDArray[np.float64],
        radius: NDArray[np.float64],
        reach: float,
    ) -> None:
        self.reach = reach
        self.kept = forest.hops == 0
        self.clearance = np.full(len(radius), np.inf)
        self._length = forest.length
        self._parent = forest.parent.tolist()
        self._radius = radius
        self._width = radius + reach
        self._tree = KDTree(point_zyx, balanced_tree=False, compact_nodes=False)

    def uncovered(self, end: int, margin: float) -> int:
        """The first voxel towards the source that is kept, or as clear as the margin."""
        while self.clearance[end] < margin and not self.kept[end]:
            end = self._parent[end]
        return end

    def keep(self, ends: NDArray[np.int64]) -> None:
        """Keep the paths from some voxels to what is kept; balls half a radius apart suffice."""
        path = []
        for end in ends.tolist():
            path.append(end)
            while not self.kept[end]:
                self.kept[end] = True
                end = self._parent[end]
                path.append(end)
        rows = np.array(path, np.int64)
        step = np.abs(np.diff(self._length[rows], prepend=np.inf)) / (0.5 * self._width[rows])
        place = np.floor(np.cumsum(np.minimum(step, 1.0)))
        rows = rows[np.diff(place, prepend=-1.0) > 0]
        # Balls of like size together: the search goes as far as the largest of them.
        size = np.log2(self._width[rows]).astype(int)
        for one in set(size.tolist()):
            self._add_balls(rows[size == one])

    def _add_balls(self, centre: NDArray[np.int64]) -> None:
        balls = KDTree(self._tree.data[centre])
        widest = float(self._width[centre].max())
        near = balls.sparse_distance_matrix(self._tree, widest, output_type="ndarray")
        clearance = near["v"] - self._radius[centre][near["i"]]
        np.minimum.at(self.clearance, near["j"], clearance)
