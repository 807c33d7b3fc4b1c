"""A stack in memory to its segmentation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from neurorecon.model.intensity import IntensityScale
from neurorecon.segmentation.blocks import plan_blocks
from neurorecon.segmentation.plan import WindowPlan
from neurorecon.segmentation.sliding import OWN, Pieces, Predict, block_sums, finished, pieces
from neurorecon.volume import LazyVoxels

_CPU = torch.device("cpu")


def segment_array(
    array: NDArray[Any] | LazyVoxels,
    scale: IntensityScale,
    plan: WindowPlan,
    predict: Predict,
    batch_size: int,
    on_voxels: Callable[[int], None],
    device: torch.device = _CPU,
) -> NDArray[np.uint8]:
    """Probability of neurite for each voxel of a (Z, Y, X) stack, 255 = certain.

    on_voxels: told the number of voxels of the stack that were finished since the last call.
    device: where `predict` runs.
    """
    grid = plan_blocks(plan)
    result = np.empty(array.shape, np.uint8)
    waiting: dict[int, Pieces] = {}
    for block in grid:
        sums = block_sums(
            plan,
            block,
            block.window_indices(),
            scale(array[block.reach]),
            predict,
            batch_size,
            device,
        )
        waiting[block.number] = pieces(grid, block, sums)
        spills: Pieces = {
            direction: waiting[number].pop(direction)
            for direction, number in grid.lower(block)
            if direction in waiting[number]
        }
        result[block.core] = finished(waiting[block.number].pop(OWN), spills)
        on_voxels(result[block.core].size)
    return result
