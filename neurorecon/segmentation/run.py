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

from neurorecon.model.runtime import prepared_cpu
from neurorecon.segmentation.blocks import Block, BlockGrid, Index
from neurorecon.segmentation.plan import Box
from neurorecon.segmentation.sliding import OWN, Pieces, Predict, block_sums, finished, pieces


class Shelf(Protocol):
    """Where blocks leave what others need; `io.unfinished.Shelf` on disk."""

    def put(self, number: int, arrays: Pieces, /) -> None:
        """Keep the pieces of a block."""

    def get(self, number: int, key: Index, /) -> NDArray[Any] | None:
        """One piece of a block; None where it left none."""

    def drop(self, number: int, /) -> None:
        """Forget a block's pieces."""


# The windows of a block that may hold signal, from the network's input in its reach.
Choose = Callable[[Block, NDArray[np.float32]], Sequence[Index]]


@dataclass(frozen=True)
class Lane:
    """A network on one device. predict: windows to probabilities there."""

    predict: Predict
    device: torch.device


@dataclass(frozen=True)
class Work:
    """What every block of a run has in common.

    read: the network's input in a box of the stack. choose: which windows to run.
    batch_size: the most windows at once.
    """

    grid: BlockGrid
    read: Callable[[Box], NDArray[np.float32]]
    choose: Choose
    batch_size: int


def computed(work: Work, block: Block, values: NDArray[np.float32], lane: Lane) -> Pieces:
    """The first step: what a block adds to its own core and to its upper neighbours'.

    values: `work.read(block.reach)`.
    """
    windows = work.choose(block, values)
    if not windows:
        return {OWN: np.zeros(block.core_shape, np.uint16)}
    plan = work.grid.plan
    with prepared_cpu():
        sums = block_sums(plan, block, windows, values, lane.predict, work.batch_size, lane.device)
    return pieces(work.grid, block, sums)


def completed(
    grid: BlockGrid, block: Block, own: NDArray[np.uint16], shelf: Shelf
) -> NDArray[np.uint8]:
    """The second step: the probability in a block's core, 255 = certain."""
    found = ((direction, shelf.get(number, direction)) for direction, number in grid.lower(block))
    return finished(own, {direction: spill for direction, spill in found if spill is not None})


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

    def compute(block: Block, values: Future[NDArray[np.float32]]) -> Pieces:
        lane = free.get()
        try:
            return computed(work, block, values.result(), lane)
        finally:
            free.put(lane)

    def complete(block: Block, future: Future[Pieces]) -> None:
        found = future.result()
        own = found.pop(OWN)
        shelf.put(block.number, found)
        on_block(block, completed(work.grid, block, own, shelf))

    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(len(lanes)) as pool:
        under_way: deque[tuple[Block, Future[Pieces]]] = deque()
        try:
            for number in numbers:
                block = work.grid[number]
                values = reader.submit(work.read, block.reach)
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
