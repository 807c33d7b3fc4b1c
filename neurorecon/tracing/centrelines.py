"""One centreline tree for each connected piece of the foreground, between voxels, with radii."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neurorecon.morphology import UNDEFINED, Morphology
from neurorecon.tracing.boundary import boundary_points, depth_of, radius_at
from neurorecon.tracing.branches import significant_paths
from neurorecon.tracing.caps import without_caps
from neurorecon.tracing.config import TraceConfig
from neurorecon.tracing.elongation import axial_elongation
from neurorecon.tracing.foreground import Foreground, Probability, label_pieces
from neurorecon.tracing.forks import with_placed_forks
from neurorecon.tracing.paths import PathForest, centrality, highest_rows, shortest_paths
from neurorecon.tracing.smoothing import recentred, rounds_for, smoothed

_ELONGATION_ROUNDS = 4  # each starts from rounder cross sections and sees more of the elongation
_MOST_ROUNDS = 50  # blurs by 5 voxels; beyond it turns of thick neurites would be cut short
_THICK = 4.0  # smallest voxel sizes
_LEAST_ELONGATION = 1.3  # below it a round neurite may measure as much by chance
_ELONGATION_STEP = 1.1  # below it another round changes nothing that can be seen


def centrelines(
    foreground: Foreground,
    probability: Probability,
    voxel_size: NDArray[np.float64],
    config: TraceConfig,
) -> Morphology:
    """One tree for each connected piece, between voxels, with radii; not yet rooted or joined."""
    piece = label_pieces(foreground)
    paths = _paths(foreground, probability, piece, voxel_size, config)
    elongation = 1.0
    for _ in range(_ELONGATION_ROUNDS):
        more = axial_elongation(
            paths.forest, paths.voxel, paths.depth, float(paths.voxel_size.min())
        )
        wanted = elongation * more
        wanted = wanted if wanted >= _LEAST_ELONGATION else 1.0
        if max(wanted / elongation, elongation / wanted) < _ELONGATION_STEP:
            break
        elongation = wanted
        round_size = voxel_size / (elongation, 1.0, 1.0)
        paths = _paths(foreground, probability, piece, round_size, config)
    smallest = float(paths.voxel_size.min())
    forest, depth = paths.forest, paths.depth
    width = config.cover_scale * depth + config.cover_margin * smallest
    kept = significant_paths(forest, paths.voxel, width, config.limits(smallest).min_branch)
    rows = np.flatnonzero(without_caps(forest, kept, depth, piece, smallest))
    new_row = np.full(len(kept), -1, np.int64)
    new_row[rows] = np.arange(len(rows))
    parent = np.where(forest.parent[rows] == rows, -1, new_row[forest.parent[rows]])
    kind = np.full(len(rows), UNDEFINED, np.int64)
    tree = Morphology(paths.voxel[rows], depth[rows], parent, kind)
    reach = 1.5 * depth + 2.0 * smallest
    weight = foreground.probability
    point = recentred(tree, piece[rows], paths.voxel, weight, piece, reach)
    rounds = rounds_for(depth[rows], smallest, config.smoothing, _MOST_ROUNDS)
    point = smoothed(tree, point, rounds)
    point = with_placed_forks(replace(tree, point_zyx=point), depth[rows], smallest).point_zyx
    radius = radius_at(point, paths.boundary, smallest)
    # Radii of thick parts are certain within a few per cent, and smoothing would melt a soma.
    radius = smoothed(tree, radius, np.where(radius < _THICK * smallest, config.smoothing, 0))
    bodies = highest_rows(piece, depth)
    for body in bodies[depth[bodies] >= _THICK * smallest]:
        # Paths pass a cell body by the shortest way; its centre is where the foreground is deepest.
        own = np.flatnonzero(piece[rows] == piece[body])
        near = own[np.linalg.norm(point[own] - paths.voxel[body], axis=1).argmin()]
        point[near], radius[near] = paths.voxel[body], depth[body]
    return Morphology(point * (elongation, 1.0, 1.0), radius, parent, kind)


@dataclass(frozen=True)
class _Paths:
    """Paths through the foreground, and the frame that they were measured in.

    voxel: (n, 3) voxel centres. boundary: (m, 3) points where the foreground ends.
    depth: (n,) distance to the boundary.
    """

    voxel_size: NDArray[np.float64]
    voxel: NDArray[np.float64]
    boundary: NDArray[np.float64]
    depth: NDArray[np.float64]
    forest: PathForest


def _paths(
    foreground: Foreground,
    probability: Probability,
    piece: NDArray[np.int64],
    voxel_size: NDArray[np.float64],
    config: TraceConfig,
) -> _Paths:
    voxel = foreground.index_zyx * voxel_size
    boundary = boundary_points(foreground, probability, config.threshold, voxel_size)
    depth = depth_of(voxel, boundary, float(voxel_size.min()))
    central = centrality(foreground, depth)
    forest = shortest_paths(foreground, piece, central, voxel_size, config.cost_exponent)
    return _Paths(voxel_size, voxel, boundary, depth, forest)
