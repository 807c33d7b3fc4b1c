"""The skeleton of the clDice paper (Shit et al., CVPR 2021, algorithm 1), block by block."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from neurorecon.metrics.blocks import Block, Box, within
from neurorecon.metrics.masks import Mask

DEEPEST = 64
"""Erosions. No neurite has a half width of that many voxels, and the inside of a cell body, or of a
stack that is all foreground, is not a centreline. It bounds how far a block must look around."""

HALOS = (4, 16, DEEPEST + 2)
"""Voxels around a block that are read, the next where one was not enough; the last always is."""

Depth = NDArray[np.uint8]


def depth(mask: Mask) -> Depth:
    """Erosions (by the six face neighbours) until each voxel is gone, at most DEEPEST + 1.

    It is the city-block distance to the nearest background voxel. What lies outside of the array
    counts as foreground, as it does in the paper's code.
    """
    if not mask.any():
        return np.zeros(mask.shape, np.uint8)
    if mask.all():
        return np.full(mask.shape, DEEPEST + 1, np.uint8)
    distance = ndimage.distance_transform_cdt(mask, "taxicab")
    depth: Depth = np.minimum(distance, DEEPEST + 1).astype(np.uint8)
    return depth


def skeleton(depth_zyx: Depth) -> Mask:
    """Voxels that an opening removes from the mask or from one of its erosions.

    The paper erodes by the six face neighbours and opens with all 26. A voxel of depth d is in the
    mask eroded d - 1 times and in none beyond, so it survives the opening there exactly if it has
    a deeper neighbour: the skeleton is the local maxima of the depth.
    """
    highest = ndimage.maximum_filter(depth_zyx, 3, mode="constant")
    ridge: Mask = (depth_zyx > 0) & (depth_zyx <= DEEPEST) & (depth_zyx == highest)
    return ridge


def morphological_skeleton(mask: Mask) -> Mask:
    """The skeleton of a whole mask.

    (Thinning, as in scikit-image, deletes lines whose width is even.)
    """
    return skeleton(depth(mask))


def is_settled(depth_zyx: Depth, block: Block, box: Box) -> bool:
    """Whether the depth is right on the block's core and the layer around it.

    depth_zyx: of the voxels of `box`, which holds the block and a halo. A depth is right if no
    background voxel beyond the box can be nearer.
    """
    inner = within(block.padded(1), box)
    steps = np.full((1, 1, 1), DEEPEST + 2)
    for axis, (side, size) in enumerate(zip(box, block.shape_zyx, strict=True)):
        place = np.arange(side.stop - side.start)
        out = np.full(len(place), DEEPEST + 2)
        if side.start > 0:
            out = np.minimum(out, place + 1)
        if side.stop < size:
            out = np.minimum(out, len(place) - place)
        along = [1, 1, 1]
        along[axis] = -1
        steps = np.minimum(steps, out[inner[axis]].reshape(along))
    return bool((depth_zyx[inner] <= steps).all())
