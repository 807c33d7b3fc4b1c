"""Labels of training stacks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from neurorecon.config import LabelConfig
from neurorecon.geometry import tree_distance
from neurorecon.morphology import Morphology

BACKGROUND, NEURITE, IGNORED = 0, 1, 2


def label_from_tree(
    tree_in_voxels: Morphology, shape_zyx: tuple[int, int, int], config: LabelConfig
) -> NDArray[np.uint8]:
    """BACKGROUND, NEURITE or IGNORED for each voxel (Z, Y, X) of a stack.

    tree_in_voxels: nodes in voxel indices of the stack; unknown radii (0 or less) become the least.
    """
    radius = np.clip(tree_in_voxels.radius, config.least_radius, config.largest_radius)
    distance = tree_distance(
        tree_in_voxels, radius, shape_zyx, (1.0, 1.0, 1.0), reach=config.ignored_shell
    )
    label = np.full(shape_zyx, BACKGROUND, np.uint8)
    label[distance <= config.ignored_shell] = IGNORED
    label[distance <= 0] = NEURITE
    return label


def label_from_mask(mask: NDArray[np.bool_], config: LabelConfig) -> NDArray[np.uint8]:
    """BACKGROUND, NEURITE or IGNORED for each voxel of a mask (Z, Y, X) that a person painted.

    What is painted is neurite at its own width; the shell around it is as for trees.
    """
    label = np.where(mask, np.uint8(NEURITE), np.uint8(BACKGROUND))
    outside = ndimage.distance_transform_edt(~mask) if mask.any() else np.full(mask.shape, np.inf)
    label[~mask & (outside <= config.ignored_shell)] = IGNORED
    return label
