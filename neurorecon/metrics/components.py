"""Connected components of a mask that is seen block by block."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from neurorecon.metrics.blocks import Block, first_of
from neurorecon.metrics.masks import Mask

_TOUCHING = np.ones((3, 3, 3), bool)  # voxels that share a face, an edge or a corner


class ComponentCounter:
    """Counts the components (26 neighbours) of a mask, given its blocks in any order.

    Each block comes with the first layer of the blocks behind it. A voxel of such a layer is
    labelled by more than one block: all that it is labelled with is one component.
    """

    def __init__(self) -> None:
        self._labels = 0
        self._voxel: list[NDArray[np.int64]] = []
        self._label: list[NDArray[np.int64]] = []

    def add(self, mask: Mask, block: Block) -> None:
        """Count a block. mask: the voxels of `block.overlapping()`."""
        labelled, count = ndimage.label(mask, _TOUCHING)
        if not count:
            return
        index = np.argwhere(mask & _shared_layers(block, mask.shape))
        voxel = np.ravel_multi_index(
            tuple((index + first_of(block.core)).T), block.shape_zyx
        ).astype(np.int64)
        self._voxel.append(voxel)
        self._label.append(labelled[tuple(index.T)].astype(np.int64) - 1 + self._labels)
        self._labels += count

    def total(self) -> int:
        """The number of components of all blocks together."""
        if not self._labels:
            return 0
        voxel, label = np.concatenate(self._voxel), np.concatenate(self._label)
        order = np.argsort(voxel, kind="stable")
        voxel, label = voxel[order], label[order]
        same = np.flatnonzero(voxel[1:] == voxel[:-1])
        joined = coo_array(
            (np.ones(len(same), bool), (label[same], label[same + 1])),
            shape=(self._labels, self._labels),
        )
        return int(connected_components(joined, directed=False)[0])


def _shared_layers(block: Block, shape_zyx: tuple[int, ...]) -> Mask:
    """Voxels of an overlapping box that another block sees too."""
    shared = np.zeros(shape_zyx, bool)
    for axis, (side, size) in enumerate(zip(block.core, block.shape_zyx, strict=True)):
        layers = np.moveaxis(shared, axis, 0)
        layers[0] |= side.start > 0
        layers[-1] |= side.stop < size
    return shared
