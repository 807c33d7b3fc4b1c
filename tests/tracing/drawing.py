"""Trees drawn into stacks whose tracing has a known answer."""

import numpy as np
from numpy.typing import NDArray

from neurorecon.geometry import tree_distance
from neurorecon.morphology import Morphology
from neurorecon.volume import Grid


def polyline(*points_zyx, radius=1.5) -> Morphology:
    """A straight chain of nodes."""
    points = np.asarray(points_zyx, np.float64)
    parent = np.arange(len(points)) - 1
    return Morphology(points, np.full(len(points), radius), parent, np.zeros(len(points), int))


def joined(*trees: Morphology) -> Morphology:
    offset = np.cumsum([0, *(len(tree) for tree in trees)])
    return Morphology(
        np.concatenate([tree.point_zyx for tree in trees]),
        np.concatenate([tree.radius for tree in trees]),
        np.concatenate(
            [
                np.where(tree.parent < 0, -1, tree.parent + start)
                for tree, start in zip(trees, offset, strict=False)
            ]
        ),
        np.concatenate([tree.kind for tree in trees]),
    )


def drawn(tree: Morphology, shape_zyx, voxel_size_zyx=(1.0, 1.0, 1.0)) -> NDArray[np.uint8]:
    distance = tree_distance(tree, tree.radius, shape_zyx, voxel_size_zyx)
    return np.where(distance <= 0, np.uint8(255), np.uint8(0))


def grid_of(voxel_size_zyx=(1.0, 1.0, 1.0), origin_zyx=(0.0, 0.0, 0.0)) -> Grid:
    return Grid(tuple(voxel_size_zyx), tuple(origin_zyx), "um", "test")


def distance_to_line(point_zyx, start_zyx, end_zyx) -> NDArray[np.float64]:
    start, end = np.asarray(start_zyx, float), np.asarray(end_zyx, float)
    along = (end - start) / np.linalg.norm(end - start)
    off = np.asarray(point_zyx) - start
    return np.linalg.norm(off - np.outer(off @ along, along), axis=1)
