"""A stack in memory to its segmentation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from neurorecon.model.intensity import IntensityScale
from neurorecon.segmentation.blocks import Block, Index, plan_blocks
from neurorecon.segmentation.crops import Crops
from neurorecon.segmentation.devices import BatchSize
from neurorecon.segmentation.plan import WindowPlan
from neurorecon.segmentation.run import Lane, Work, run_blocks, tidy
from neurorecon.segmentation.sliding import Pieces, Predict
from neurorecon.volume import LazyVoxels

_CPU = torch.device("cpu")


class _MemoryShelf:
    """What blocks hand on, in memory."""

    def __init__(self) -> None:
        self._kept: dict[int, Pieces] = {}

    def put(self, number: int, arrays: Pieces) -> None:
        self._kept[number] = arrays

    def get(self, number: int, key: Index) -> NDArray[np.uint16] | None:
        return self._kept[number].get(key)

    def drop(self, number: int) -> None:
        del self._kept[number]


def segment_array(
    array: NDArray[Any] | LazyVoxels,
    scale: IntensityScale,
    plan: WindowPlan,
    predict: Predict,
    batch_size: int,
    on_voxels: Callable[[int], None],
    device: torch.device = _CPU,
    crops: Crops | None = None,
) -> NDArray[np.uint8]:
    """Probability of neurite for each voxel of a (Z, Y, X) stack, 255 = certain.

    on_voxels: told the number of voxels of the stack that were finished since the last call.
    device: where windows are cut out and summed up; `predict` may move them elsewhere and back.
    crops: what runs of each window, as `empty.crops_to_run` tells; all of all by default.
    """
    result = np.empty(array.shape, np.uint8)
    shelf, done = _MemoryShelf(), set[int]()

    def on_block(block: Block, core: NDArray[np.uint8]) -> None:
        result[block.core] = core
        done.add(block.number)
        tidy(grid, block, done, shelf)
        on_voxels(core.size)

    grid = plan_blocks(plan)
    crops = (crops or Crops.whole(plan)).grouped(grid)
    work = Work(grid, array.__getitem__, scale, crops, BatchSize(batch_size))
    run_blocks(work, range(len(grid)), [Lane(predict, device)], shelf, on_block)
    return result
