"""The blocks of a segmentation, one after the other or on several machines.

A block takes two steps, and either can be done by any process that shares the shelf:

    computed   read the reach, run the windows, cut the sums into pieces  (needs no other block)
    completed  add the lower neighbours' spills to the block's own sums   (they are computed)

`run_blocks` does both for all blocks in this process. Reading, the network and writing overlap:
while a device runs one block, the next is read and the last is written.

Peak memory beyond the program itself, V = voxels of the largest reach (`BlockGrid.most_voxels`),
L = lanes (devices), B = bytes of a stored voxel:

    V x (L x 10 + 7 + B) bytes, and on the device a lane's 4 V, weights and a batch's feature maps

(a lane: values 4, sums 4, rounded sums 2; the block read ahead: B and 4; the one written: 2 and 1).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurorecon.errors import NeuroreconError
from neurorecon.model.runtime import prepared_cpu
from neurorecon.segmentation.blocks import Block, BlockGrid, Index
from neurorecon.segmentation.devices import BatchSize
from neurorecon.segmentation.plan import Box
from neurorecon.segmentation.sliding import (
    OWN,
    Pieces,
    Predict,
    block_sums,
    finished,
    pieces,
    weight_sums,
)


class Shelf(Protocol):
    """Where blocks leave what others need; `io.unfinished.Shelf` on disk."""

    def put(self, number: int, arrays: Pieces, /) -> None:
        """Keep the pieces of a block."""

    def get(self, number: int, key: Index, /) -> NDArray[Any] | None:
        """One piece of a block; None where it left none."""

    def drop(self, number: int, /) -> None:
        """Forget a block's pieces."""


@dataclass(frozen=True)
class Lane:
    """A network on one device. predict: windows to probabilities there."""

    predict: Predict
    device: torch.device


@dataclass(frozen=True)
class Work:
    """What every block of a run has in common.

    read: the network's input in a box of the stack.
    kept: which windows run, (windows along z, y, x); the others count as empty.
    batch: the most windows at once.
    """

    grid: BlockGrid
    read: Callable[[Box], NDArray[np.float32]]
    kept: NDArray[np.bool_]
    batch: BatchSize

    def windows(self, block: Block) -> list[Index]:
        """The windows of a block that run; where there are none its voxels need not be read."""
        return [window for window in block.window_indices() if self.kept[window]]


def block_bytes(grid: BlockGrid, lanes: int, itemsize: int) -> int:
    """The peak memory of a run's blocks, without the network; the formula is the module's."""
    return grid.most_voxels * (10 * lanes + 7 + itemsize)


def computed(work: Work, block: Block, lane: Lane, values: NDArray[np.float32] | None) -> Pieces:
    """The first step: what a block adds to its own core and to its upper neighbours'.

    values: `work.read(block.reach)`; None where `work.windows(block)` are none.

    Where a batch does not fit into the device's memory, it is halved and the block begun again, so
    that a block has one size of batch. Any other error is passed on.
    """
    if values is None:
        return {OWN: np.zeros(block.core_shape, np.uint16)}
    while True:
        size = work.batch.size
        try:
            with prepared_cpu():
                sums = block_sums(
                    work.grid.plan,
                    block,
                    work.windows(block),
                    values,
                    lane.predict,
                    size,
                    lane.device,
                )
            return pieces(work.grid, block, sums)
        except torch.OutOfMemoryError as error:
            if size == 1:
                raise NeuroreconError(
                    f"one window does not fit into the memory of {lane.device}; free some of it, "
                    "take a smaller model, or --device cpu"
                ) from error
            work.batch.halve(size)
        # Out of the handler, so that the failed batch's tensors are free.
        torch.cuda.empty_cache()


def completed(work: Work, block: Block, own: NDArray[np.uint16], shelf: Shelf) -> NDArray[np.uint8]:
    """The second step: the probability in a block's core, 255 = certain."""
    lower = work.grid.lower(block)
    found = ((direction, shelf.get(number, direction)) for direction, number in lower)
    spills = {direction: spill for direction, spill in found if spill is not None}
    if not spills and not own.any():
        return np.zeros(own.shape, np.uint8)
    return finished(own, spills, weight_sums(work.grid.plan, block.core, work.kept))


def tidy(grid: BlockGrid, block: Block, done: set[int], shelf: Shelf) -> None:
    """Drop from the shelf what nobody needs now that this block, and all of `done`, are done."""
    for _, number in grid.lower(block):
        if all(upper in done for _, upper in grid.upper(grid[number])):
            shelf.drop(number)


def run_blocks(
    work: Work,
    numbers: Iterable[int],
    lanes: Sequence[Lane],
    shelf: Shelf,
    on_block: Callable[[Block, NDArray[np.uint8]], None],
) -> None:
    """Both steps for these blocks, in ascending order; their lower neighbours' spills are there.

    on_block: takes a finished core, in the order of the blocks; called in this thread.

    An exception, KeyboardInterrupt included, stops the lanes after the batch that they are at.
    """
    stop = threading.Event()
    free: SimpleQueue[Lane] = SimpleQueue()
    for lane in lanes:
        free.put(Lane(_stopping(lane.predict, stop), lane.device))

    def compute(block: Block, values: Future[NDArray[np.float32] | None]) -> Pieces:
        lane = free.get()
        try:
            return computed(work, block, lane, values.result())
        finally:
            free.put(lane)

    def read(block: Block) -> NDArray[np.float32] | None:
        return work.read(block.reach) if work.windows(block) else None

    def complete(block: Block, future: Future[Pieces]) -> None:
        found = future.result()
        own = found.pop(OWN)
        shelf.put(block.number, found)
        on_block(block, completed(work, block, own, shelf))

    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(len(lanes)) as pool:
        under_way: deque[tuple[Block, Future[Pieces]]] = deque()
        try:
            for number in numbers:
                block = work.grid[number]
                values = reader.submit(read, block)
                under_way.append((block, pool.submit(compute, block, values)))
                del values  # the lane holds the only reference, and lets go of it
                if len(under_way) > len(lanes):
                    complete(*under_way.popleft())
            while under_way:
                complete(*under_way.popleft())
        except BaseException:
            stop.set()
            reader.shutdown(cancel_futures=True)
            pool.shutdown(cancel_futures=True)
            raise


class _StoppedError(Exception):
    """Raised in a lane when the run ends early; nobody reads it."""


def _stopping(predict: Predict, stop: threading.Event) -> Predict:
    def checked(windows: Tensor) -> Tensor:
        if stop.is_set():
            raise _StoppedError
        return predict(windows)

    return checked
