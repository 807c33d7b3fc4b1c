"""Distances between the surfaces of two masks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from neurorecon.metrics.masks import Mask, check_shapes, foreground_box


def surface_distances(
    test: Mask, gold: Mask, voxel_size_zyx: Sequence[float] = (1.0, 1.0, 1.0)
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distance of each surface voxel of the test to the nearest of the gold, and the reverse.

    A surface voxel has a face neighbour outside the mask, or lies on the border of the stack.
    Distances are between voxel centres, in the unit of the voxel size. Both masks hold foreground.
    """
    box = foreground_box(test, gold)
    size = np.asarray(voxel_size_zyx, np.float64)
    test_surface, gold_surface = (_surface(mask[box]) * size for mask in (test, gold))
    to_gold, _ = cKDTree(gold_surface).query(test_surface, workers=-1)
    to_test, _ = cKDTree(test_surface).query(gold_surface, workers=-1)
    return to_gold, to_test


def _surface(mask: Mask) -> NDArray[np.int64]:
    """(n, 3) indices of surface voxels; what lies outside of the array counts as background."""
    return np.argwhere(mask & ~ndimage.binary_erosion(mask))


def hd95(test: Mask, gold: Mask, voxel_size_zyx: Sequence[float] = (1.0, 1.0, 1.0)) -> float:
    """95 % Hausdorff distance as MONAI computes it, in the unit of the voxel size.

    The larger of the two directed 95th percentiles of the surface distances. MONAI has no number
    for empty masks: if one is empty, the distance is the stack's diagonal, the worst there can
    be; if both are, it is 0.

    Raises InputError where the shapes differ.
    """
    check_shapes(test, gold)
    if not test.any() and not gold.any():
        return 0.0
    if not test.any() or not gold.any():
        return float(np.linalg.norm(np.multiply(test.shape, voxel_size_zyx)))
    directed = surface_distances(test, gold, voxel_size_zyx)
    return max(float(np.percentile(each, 95)) for each in directed)
