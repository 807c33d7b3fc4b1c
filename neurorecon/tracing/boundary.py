"""Where the foreground ends, below the size of a voxel, and how deep inside it each voxel lies."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from neurorecon.tracing.foreground import FORWARD_STEPS, Foreground

Reader = Callable[[NDArray[np.int64]], NDArray[np.float64]]  # of (m, 3) voxels, (m,) values

_NEAREST = 8  # about half of what surrounds a point of the thinnest neurite
_FACES = [step for step in FORWARD_STEPS if sum(map(abs, step)) == 1]


def boundary_points(
    foreground: Foreground,
    read: Reader,
    level: float,
    voxel_size_zyx: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Points (m, 3) where the probability falls through `level` between face neighbours.

    read: the probability (m,), 0 to 1, of voxels (m, 3).

    The crossing is interpolated linearly; in a binary mask it lies half way. What lies outside the
    stack is unknown, not background: a neurite that leaves the stack has no end there, so that the
    tree does not depend on where the stack was cropped.

    Returns coordinates in the unit of `voxel_size_zyx`, from the centre of voxel (0, 0, 0).
    """
    shape = np.asarray(foreground.shape_zyx)
    smallest = float(voxel_size_zyx.min())
    points = []
    for face in _FACES:
        first, second = foreground.neighbours[FORWARD_STEPS.index(face)]
        for sign, inside in ((1, first), (-1, second)):
            closed = np.ones(len(foreground), bool)
            closed[inside] = False
            step = sign * np.asarray(face)
            other = foreground.index_zyx + step
            closed &= ((other >= 0) & (other < shape)).all(axis=1)
            rows = np.flatnonzero(closed)
            high = foreground.probability[rows]
            low = read(other[rows])
            part = (high - level) / np.maximum(high - low, np.finfo(np.float32).tiny)
            # The larger the jump, the less it tells where between two voxel centres the end is. A
            # neurite that is round is then as wide across coarse slices as it is within them.
            coarse = 1.0 - smallest / float(np.abs(step) @ voxel_size_zyx)
            part = part + (0.5 * coarse) * np.maximum(high - low, 0.0)
            part = np.minimum(part, 1.0)[:, None]
            points.append((foreground.index_zyx[rows] + part * step) * voxel_size_zyx)
    return np.concatenate(points)


def depth_of(
    point: NDArray[np.float64], boundary: NDArray[np.float64], fallback: float
) -> NDArray[np.float64]:
    """Distance (n,) from each point to the nearest boundary point, never zero.

    fallback: the depth where there is no boundary at all (a stack that is foreground throughout).
    """
    if len(boundary) == 0:
        return np.full(len(point), fallback)
    # Balancing would sort the points again and again; memory order is good enough.
    tree = KDTree(boundary, balanced_tree=False, compact_nodes=False)
    depth, _ = tree.query(point)
    kept: NDArray[np.float64] = np.maximum(depth, 1e-3 * fallback)
    return kept


def radius_at(
    point: NDArray[np.float64], boundary: NDArray[np.float64], fallback: float
) -> NDArray[np.float64]:
    """Radius (n,) of the neurite around each centreline point, never zero.

    The mean distance of the nearest boundary points: the single nearest one lies on the inner
    corner of a step between voxels, which would make thin neurites a third of a voxel thinner. A
    speck has fewer of its own: what lies twice as far is the boundary of something else.
    """
    if len(boundary) == 0:
        return np.full(len(point), fallback)
    tree = KDTree(boundary, balanced_tree=False, compact_nodes=False)
    distance, _ = tree.query(point, k=min(_NEAREST, len(boundary)))
    distance = distance.reshape(len(point), -1)
    distance = np.minimum(distance, 2.0 * distance[:, :1])
    radius: NDArray[np.float64] = np.maximum(distance.mean(axis=1), 1e-3 * fallback)
    return radius
