"""Points along trees, and trees drawn into voxels: pure geometry on arrays in z, y, x."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from neurorecon.errors import InputError
from neurorecon.morphology import Morphology
from neurorecon.volume import Grid


def sample_edges(
    start_zyx: NDArray[np.float64], end_zyx: NDArray[np.float64], step: float
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Points evenly spaced along straight edges, both ends included.

    start_zyx, end_zyx: (m, 3) ends of the edges.
    step: largest distance between neighbouring points, in the unit of the coordinates.

    Returns the points (p, 3), the edge (p,) that each lies on, and its position (p,) along that
    edge, from 0 at the start to 1 at the end.
    """
    length = np.linalg.norm(end_zyx - start_zyx, axis=1)
    count = np.ceil(length / step).astype(np.int64) + 1
    edge = np.repeat(np.arange(len(count)), count)
    first = np.repeat(np.cumsum(count) - count, count)
    fraction = (np.arange(len(edge)) - first) / np.maximum(count[edge] - 1, 1)
    points = start_zyx[edge] + fraction[:, None] * (end_zyx - start_zyx)[edge]
    return points, edge, fraction


def tree_distance(
    morphology: Morphology,
    radius: NDArray[np.float64],
    shape_zyx: Sequence[int],
    voxel_size_zyx: Sequence[float],
    origin_zyx: Sequence[float] = (0.0, 0.0, 0.0),
    reach: float = 0.0,
    first_zyx: Sequence[int] = (0, 0, 0),
) -> NDArray[np.float32]:
    """Signed distance from each voxel centre to the surface of the tree drawn as tubes.

    Each edge is a round cone between its nodes' radii (a lone node is a ball), measured in the
    unit of the morphology; voxel i has its centre at `origin + i * voxel size`.

    radius: (n,) radius of each node, so that the caller decides how to clip or replace it.
    reach: how far outside the surface distances are wanted; voxels farther away hold +inf.
    first_zyx: voxel that the result begins with, for a block of a larger stack; it then holds
        exactly what the result for the whole stack holds there.

    Returns (Z, Y, X) float32, negative inside the tree.
    """
    distance = np.full(tuple(shape_zyx), np.inf, np.float32)
    size, first = np.asarray(voxel_size_zyx, np.float64), np.asarray(first_zyx)
    lone = np.flatnonzero(morphology.degree == 0)
    pairs = np.concatenate([morphology.edges, np.stack([lone, lone], axis=1)])
    point = morphology.point_zyx - origin_zyx
    ends = point[pairs]  # (m, 2, 3)
    margin = radius[pairs].max(axis=1, initial=0.0)[:, None] + reach
    low = np.ceil((ends.min(axis=1) - margin) / size)
    high = np.floor((ends.max(axis=1) + margin) / size) + 1
    low = np.clip(low, first, first + distance.shape).astype(np.int64)
    high = np.clip(high, first, first + distance.shape).astype(np.int64)
    for edge in np.flatnonzero((low < high).all(axis=1)):
        box = tuple(slice(a, b) for a, b in zip(low[edge] - first, high[edge] - first, strict=True))
        child, parent = pairs[edge]
        surface = _cone_surface(
            (low[edge], high[edge]),
            (point[child], point[parent]),
            (float(radius[child]), float(radius[parent])),
            size,
        )
        surface[surface > reach] = np.inf
        np.minimum(distance[box], surface, out=distance[box])
    return distance


def _cone_surface(
    voxels: tuple[NDArray[np.int64], NDArray[np.int64]],
    ends_zyx: tuple[NDArray[np.float64], NDArray[np.float64]],
    radii: tuple[float, float],
    voxel_size_zyx: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Signed distance to one round cone, for the voxels from the first to before the second."""
    start, end = ends_zyx
    z, y, x = (
        (np.arange(a, b) * size - origin).astype(np.float32)
        for a, b, size, origin in zip(*voxels, voxel_size_zyx, start, strict=True)
    )
    dz, dy, dx = (end - start).astype(np.float32)
    z, y = z[:, None, None], y[:, None]
    squared_length = float(dz * dz + dy * dy + dx * dx)
    along = (z * dz + y * dy + x * dx) / max(squared_length, np.finfo(np.float32).tiny)
    np.clip(along, 0.0, 1.0, out=along)
    apart = np.sqrt((z - along * dz) ** 2 + (y - along * dy) ** 2 + (x - along * dx) ** 2)
    distance: NDArray[np.float32] = apart - (radii[0] + along * (radii[1] - radii[0]))
    return distance


def in_voxels(morphology: Morphology, grid: Grid) -> Morphology:
    """The same trees in voxel indices of a stack that has this grid.

    Coordinates in voxels are those of the whole stack, so a region of interest shifts them by its
    origin. A radius has no axis of its own and is scaled by the geometric mean of the voxel size.

    InputError where the trees are in µm and the stack's voxel size is not known.
    """
    if morphology.unit == "um" and grid.unit == "voxel":
        raise InputError("the tree is in µm but the voxel size is unknown; give --voxel-size Z Y X")
    if morphology.unit == "voxel":
        origin = np.divide(grid.origin_zyx, grid.voxel_size_zyx)
        return replace(morphology, point_zyx=morphology.point_zyx - origin)
    scale = float(np.cbrt(np.prod(grid.voxel_size_zyx)))
    return replace(
        morphology,
        point_zyx=grid.to_index(morphology.point_zyx),
        radius=morphology.radius / scale,
        unit="voxel",
    )
