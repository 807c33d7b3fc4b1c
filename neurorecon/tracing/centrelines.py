"""One centreline tree for each connected piece of the foreground, between voxels, with radii."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neurorecon.morphology import UNDEFINED, Morphology
from neurorecon.tracing.boundary import Reader, boundary_points, depth_of, radius_at
from neurorecon.tracing.branches import margin_of, significant_paths
from neurorecon.tracing.caps import without_caps
from neurorecon.tracing.config import TraceConfig
from neurorecon.tracing.elongation import axial_elongation
from neurorecon.tracing.evidence import probability_at
from neurorecon.tracing.foreground import Foreground, Probability, label_pieces
from neurorecon.tracing.forks import with_placed_forks
from neurorecon.tracing.paths import PathForest, centrality, highest_rows, shortest_paths
from neurorecon.tracing.pose import Pose
from neurorecon.tracing.rings import closed_rings
from neurorecon.tracing.smoothing import recentred, rounds_for, smoothed

_MOST_ROUNDS = 50  # blurs by 5 voxels
_ELONGATION_ROUNDS = 4  # each starts from rounder cross sections and sees more of the elongation
_THICK = 4.0  # smallest voxel sizes
_LEAST_ELONGATION = 1.3  # below it a round neurite may measure as much by chance
_ELONGATION_STEP = 1.1  # below it another round changes nothing that can be seen


@dataclass(frozen=True)
class Centrelines:
    """The skeleton of the foreground.

    trees: one tree for each connected piece, not yet rooted or joined.
    closures: (k, 2) rows of `trees` that meet and close a ring: with them as further edges it is
        the skeleton with its rings. The first of the two is a tip. Where on its ring a closure
        lies says nothing about the neuron.
    margin: how far branches had to stick out of their parents, in the unit of the voxel size.
    """

    trees: Morphology
    closures: NDArray[np.int64]
    margin: float


def centrelines(
    foreground: Foreground,
    probability: Probability,
    voxel_size: NDArray[np.float64],
    config: TraceConfig,
) -> Centrelines:
    """Centrelines between voxels, with radii."""
    pose = Pose.of(foreground, voxel_size)
    found = _posed_centrelines(foreground, probability, voxel_size, config, pose)
    point = pose.in_stack(found.trees.point_zyx, voxel_size[pose.axes])
    return replace(found, trees=replace(found.trees, point_zyx=point))


def _posed_centrelines(
    foreground: Foreground,
    probability: Probability,
    voxel_size: NDArray[np.float64],
    config: TraceConfig,
    pose: Pose,
) -> Centrelines:
    """The same in the axes of the pose."""
    foreground, voxel_size = pose.posed(foreground), voxel_size[pose.axes]
    piece = label_pieces(foreground)

    def read(index: NDArray[np.int64]) -> NDArray[np.float64]:
        return probability_at(probability, pose.index_in_stack(index))

    paths, elongation = _round_paths(foreground, read, piece, voxel_size, config, pose.axial)
    smallest = float(paths.voxel_size.min())
    forest, depth = paths.forest, paths.depth
    radius = config.cover_scale * depth
    margin = config.min_branch
    if margin is None:
        # A surface is as rough as the voxels that it is made of: not as their shortest side.
        margin = margin_of(forest, paths.voxel, radius, float(np.median(paths.voxel_size)))
    kept = significant_paths(forest, paths.voxel, radius, margin).kept
    rings = closed_rings(foreground, forest, kept, paths.central, radius + margin)
    ends = rings.closures.ravel()
    rows = np.flatnonzero(without_caps(forest, rings.kept, depth, piece, smallest, ends))
    new_row = np.full(len(kept), -1, np.int64)
    new_row[rows] = np.arange(len(rows))
    parent = np.where(forest.parent[rows] == rows, -1, new_row[forest.parent[rows]])
    kind = np.full(len(rows), UNDEFINED, np.int64)
    tree = Morphology(paths.voxel[rows], depth[rows], parent, kind)
    closures = new_row[rings.closures]
    closures = closures[(closures >= 0).all(axis=1)]
    tree = _between_voxels(tree, closures, foreground, paths, piece, rows, config)
    tree = _with_radii(tree, paths, piece, rows, config.smoothing)
    point = tree.point_zyx * elongation
    return Centrelines(replace(tree, point_zyx=point), closures, margin)


def _between_voxels(
    tree: Morphology,
    closures: NDArray[np.int64],
    foreground: Foreground,
    paths: _Paths,
    piece: NDArray[np.int64],
    rows: NDArray[np.int64],
    config: TraceConfig,
) -> Morphology:
    """The tree in the middle of the foreground, smooth, with its forks in place.

    piece: number of the piece of each voxel. rows: voxel of each node.
    """
    smallest = float(paths.voxel_size.min())
    depth = tree.radius
    reach = 1.5 * paths.depth + 2.0 * smallest
    point = recentred(tree, piece[rows], paths.voxel, foreground.probability, piece, reach)
    # Steps between voxels are as long as these. More would cut the turns of thick neurites short.
    longest = float(paths.voxel_size.max()) / smallest
    most = min(round(config.smoothing * longest**2), _MOST_ROUNDS)
    rounds = rounds_for(depth, smallest, config.smoothing, max(most, config.smoothing))
    point = smoothed(tree, point, rounds, closures)
    return with_placed_forks(replace(tree, point_zyx=point), depth, smallest)


def _with_radii(
    tree: Morphology,
    paths: _Paths,
    piece: NDArray[np.int64],
    rows: NDArray[np.int64],
    smoothing: int,
) -> Morphology:
    """The tree with the radii of the neurite, and with a node in the middle of each cell body."""
    smallest = float(paths.voxel_size.min())
    point = tree.point_zyx.copy()
    radius = radius_at(point, paths.boundary, smallest)
    # Radii of thick parts are certain within a few per cent, and smoothing would melt a soma.
    radius = smoothed(tree, radius, np.where(radius < _THICK * smallest, smoothing, 0))
    bodies = highest_rows(piece, paths.depth)
    for body in bodies[paths.depth[bodies] >= _THICK * smallest]:
        # Paths pass a cell body by the shortest way; its centre is where the foreground is deepest.
        own = np.flatnonzero(piece[rows] == piece[body])
        near = own[np.linalg.norm(point[own] - paths.voxel[body], axis=1).argmin()]
        point[near], radius[near] = paths.voxel[body], paths.depth[body]
    return replace(tree, point_zyx=point, radius=radius)


@dataclass(frozen=True)
class _Paths:
    """Paths through the foreground, and the frame that they were measured in.

    voxel: (n, 3) voxel centres. boundary: (m, 3) points where the foreground ends.
    depth: (n,) distance to the boundary. central: (n,) from `centrality`.
    """

    voxel_size: NDArray[np.float64]
    voxel: NDArray[np.float64]
    boundary: NDArray[np.float64]
    depth: NDArray[np.float64]
    central: NDArray[np.float64]
    forest: PathForest


def _round_paths(
    foreground: Foreground,
    read: Reader,
    piece: NDArray[np.int64],
    voxel_size: NDArray[np.float64],
    config: TraceConfig,
    axial: int,
) -> tuple[_Paths, NDArray[np.float64]]:
    """Paths in a frame in which cross sections are round, and how far (3,) it is shrunk."""
    paths = _paths(foreground, read, piece, voxel_size, config)
    elongation = 1.0
    for _ in range(_ELONGATION_ROUNDS):
        more = axial_elongation(
            paths.forest, paths.voxel, paths.depth, float(paths.voxel_size.min()), axial
        )
        wanted = elongation * more
        wanted = wanted if wanted >= _LEAST_ELONGATION else 1.0
        if max(wanted / elongation, elongation / wanted) < _ELONGATION_STEP:
            break
        elongation = wanted
        round_size = voxel_size / np.where(np.arange(3) == axial, elongation, 1.0)
        paths = _paths(foreground, read, piece, round_size, config)
    return paths, np.where(np.arange(3) == axial, elongation, 1.0)


def _paths(
    foreground: Foreground,
    read: Reader,
    piece: NDArray[np.int64],
    voxel_size: NDArray[np.float64],
    config: TraceConfig,
) -> _Paths:
    voxel = foreground.index_zyx * voxel_size
    boundary = boundary_points(foreground, read, config.threshold, voxel_size)
    depth = depth_of(voxel, boundary, float(voxel_size.min()))
    central = centrality(foreground, depth)
    forest = shortest_paths(foreground, piece, central, voxel_size, config.cost_exponent)
    return _Paths(voxel_size, voxel, boundary, depth, central, forest)
