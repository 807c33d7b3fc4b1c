"""Distances between the surfaces of two masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from neurorecon.metrics.masks import Mask, check_shapes

Points = NDArray[np.int32]

_QUERIED_AT_ONCE = 1 << 20  # points: some 40 MiB of temporaries


@dataclass(frozen=True, slots=True)
class Directions:
    """A distance in each direction, and the one number for both."""

    test_to_gold: float
    gold_to_test: float
    both: float


@dataclass(frozen=True, slots=True)
class SurfaceDistance:
    """Distances of surface voxels to the other mask's nearest, in the unit of the voxel size.

    mean: for both, of all distances together (average symmetric surface distance).
    hd95: 95th percentiles; for both, the larger.
    hausdorff: the largest distances; for both, the larger.
    """

    mean: Directions
    hd95: Directions
    hausdorff: Directions


def surface(mask: Mask) -> Mask:
    """Voxels with a face neighbour outside the mask, or on the border of the array."""
    shell: Mask = mask & ~ndimage.binary_erosion(mask)
    return shell


def distance_of_surfaces(
    test: Points, gold: Points, voxel_size_zyx: Sequence[float], shape_zyx: Sequence[int]
) -> SurfaceDistance:
    """Summary of the distances between two sets (n, 3) of surface voxels of a stack.

    Percentiles as MONAI and numpy take them. MONAI has no number for empty masks: if one is empty,
    every distance is the stack's diagonal, the worst there can be; if both are, it is 0.
    """
    if len(test) == 0 or len(gold) == 0:
        alike = len(test) == len(gold)
        apart = 0.0 if alike else float(np.linalg.norm(np.multiply(shape_zyx, voxel_size_zyx)))
        everywhere = Directions(apart, apart, apart)
        return SurfaceDistance(everywhere, everywhere, everywhere)
    out, back = (
        np.sort(nearest_distance(*pair, voxel_size_zyx)) for pair in ((test, gold), (gold, test))
    )
    return SurfaceDistance(
        mean=Directions(
            float(out.mean()),
            float(back.mean()),
            float((out.sum() + back.sum()) / (len(out) + len(back))),
        ),
        hd95=_larger(float(np.percentile(out, 95)), float(np.percentile(back, 95))),
        hausdorff=_larger(float(out[-1]), float(back[-1])),
    )


def _larger(test_to_gold: float, gold_to_test: float) -> Directions:
    return Directions(test_to_gold, gold_to_test, max(test_to_gold, gold_to_test))


def nearest_distance(
    points: Points, others: Points, voxel_size_zyx: Sequence[float]
) -> NDArray[np.float64]:
    """(n,) distance of each voxel centre to the nearest of the others."""
    size = np.asarray(voxel_size_zyx, np.float64)
    index = cKDTree(others * size)
    result = np.empty(len(points))
    for first in range(0, len(points), _QUERIED_AT_ONCE):
        rows = slice(first, first + _QUERIED_AT_ONCE)
        result[rows], _ = index.query(points[rows] * size, workers=-1)
    return result


def hd95(test: Mask, gold: Mask, voxel_size_zyx: Sequence[float] = (1.0, 1.0, 1.0)) -> float:
    """95 % Hausdorff distance as MONAI computes it, in the unit of the voxel size.

    Raises InputError where the shapes differ.
    """
    check_shapes(test.shape, gold.shape)
    return distance_of_surfaces(_points(test), _points(gold), voxel_size_zyx, test.shape).hd95.both


def _points(mask: Mask) -> Points:
    return np.argwhere(surface(mask)).astype(np.int32)
