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
) -> NDArray[np.float32]:
    """Signed distance from each voxel centre to the surface of the tree drawn as tubes.

    Each edge is a round cone between its nodes' radii (a lone node is a ball), measured in the
    unit of the morphology; voxel i has its centre at `origin + i * voxel size`.

    radius: (n,) radius of each node, so that the caller decides how to clip or replace it.
    reach: how far outside the surface distances are wanted; voxels farther away hold +inf.

    Returns (Z, Y, X) float32, negative inside the tree.
    """
    distance = np.full(tuple(shape_zyx), np.inf, np.float32)
    edges = morphology.edges
    lone = np.flatnonzero(morphology.degree == 0)
    pairs = np.concatenate([edges, np.stack([lone, lone], axis=1)])
    for child, parent in pairs:
        _draw_cone(
            distance,
            (morphology.point_zyx[child] - origin_zyx, morphology.point_zyx[parent] - origin_zyx),
            (float(radius[child]), float(radius[parent])),
            np.asarray(voxel_size_zyx, np.float64),
            reach,
        )
    return distance


def _draw_cone(
    distance: NDArray[np.float32],
    ends_zyx: tuple[NDArray[np.float64], NDArray[np.float64]],
    radii: tuple[float, float],
    voxel_size_zyx: NDArray[np.float64],
    reach: float,
) -> None:
    """Lower `distance` around one edge, inside the edge's bounding box only."""
    start, end = ends_zyx
    margin = max(radii) + reach
    low = np.ceil((np.minimum(start, end) - margin) / voxel_size_zyx).astype(int)
    high = np.floor((np.maximum(start, end) + margin) / voxel_size_zyx).astype(int) + 1
    low, high = np.maximum(low, 0), np.minimum(high, distance.shape)
    if (low >= high).any():
        return
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    z, y, x = (
        (np.arange(a, b) * size - origin).astype(np.float32)
        for a, b, size, origin in zip(low, high, voxel_size_zyx, start, strict=True)
    )
    dz, dy, dx = (end - start).astype(np.float32)
    z, y = z[:, None, None], y[:, None]
    squared_length = float(dz * dz + dy * dy + dx * dx)
    along = (z * dz + y * dy + x * dx) / max(squared_length, np.finfo(np.float32).tiny)
    np.clip(along, 0.0, 1.0, out=along)
    apart = np.sqrt((z - along * dz) ** 2 + (y - along * dy) ** 2 + (x - along * dx) ** 2)
    surface = apart - (radii[0] + along * (radii[1] - radii[0]))
    surface[surface > reach] = np.inf
    np.minimum(distance[box], surface, out=distance[box])


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
