"""The blocks of a segmentation, one after the other or on several machines.

A block takes two steps, and either can be done by any process that shares the shelf:

    computed   read the reach, run the windows, cut the sums into pieces  (needs no other block)
    completed  add the lower neighbours' spills to the block's own sums   (they are computed)

`run_blocks` does both for all blocks in this process. Reading, the network and writing overlap:
while a device runs one block, the next is read and the last is written.

Peak memory beyond the program itself, V = voxels of the largest reach (`BlockGrid.most_voxels`),
L = lanes (devices), B = 1 for stacks of uint8, else 4:

    V x (L x (B + 6) + B + 3) bytes, and on a GPU a lane's B + 4, weights and a batch's feature maps

(a lane: values B, sums 4, rounded sums 2; the block read ahead: B; the one written: 2 and 1).
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
from neurorecon.model.intensity import IntensityScale
from neurorecon.model.runtime import prepared_cpu
from neurorecon.segmentation.blocks import Block, BlockGrid, Index
from neurorecon.segmentation.crops import Crops, Part
from neurorecon.segmentation.devices import BatchSize
from neurorecon.segmentation.plan import Box
from neurorecon.segmentation.sliding import (
    OWN,
    Pieces,
    Predict,
    block_sums,
    finished,
    pieces,
    prepared,
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

    read: the stored values in a box of the stack. scale: of their intensities.
    crops: what runs of each window; the rest counts as empty.
    batch: the most windows at once.
    """

    grid: BlockGrid
    read: Callable[[Box], NDArray[Any]]
    scale: IntensityScale
    crops: Crops
    batch: BatchSize

    def parts(self, block: Block) -> list[Part]:
        """What runs of the windows of a block."""
        return self.crops.parts(block.window_indices())

    def values(self, block: Block, device: torch.device) -> Tensor | None:
        """What `computed` takes; None, and nothing is read, where no window of the block runs."""
        if not self.parts(block):
            return None
        return prepared(self.read(block.reach), self.grid.plan.window_zyx, device)


def block_bytes(grid: BlockGrid, lanes: int, dtype: np.dtype[Any]) -> int:
    """The peak memory of a run's blocks, without the network; the formula is the module's."""
    held = 1 if dtype == np.uint8 else 4
    return grid.most_voxels * (lanes * (held + 6) + held + 3)


def computed(work: Work, block: Block, lane: Lane, values: Tensor | None) -> Pieces:
    """The first step: what a block adds to its own core and to its upper neighbours'.

    values: `work.values(block)`.

    Where a batch does not fit into the device's memory, it is halved and the block begun again, so
    that a block has one size of batch. Any other error is passed on.
    """
    if values is None:
        return {OWN: np.zeros(block.core_shape, np.uint16)}
    plan, parts = work.grid.plan, work.parts(block)
    while True:
        size = work.batch.size
        try:
            with prepared_cpu():
                sums = block_sums(
                    plan, block, parts, values, work.scale, lane.predict, size, lane.device
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
    return finished(work.grid.plan, block.core, work.crops, own, spills)


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

    def complete(block: Block, future: Future[Pieces]) -> None:
        found = future.result()
        own = found.pop(OWN)
        shelf.put(block.number, found)
        on_block(block, completed(work, block, own, shelf))

    under_way: deque[tuple[Block, Future[Pieces]]] = deque()
    with _Ahead(work, lanes) as ahead:
        for number in numbers:
            block = work.grid[number]
            under_way.append((block, ahead.compute(block)))
            if len(under_way) > len(lanes):
                complete(*under_way.popleft())
        while under_way:
            complete(*under_way.popleft())


class _Ahead:
    """Threads that read blocks and compute them on the lanes while others are completed."""

    def __init__(self, work: Work, lanes: Sequence[Lane]) -> None:
        self._work, self._device = work, lanes[0].device
        self._reader, self._pool = ThreadPoolExecutor(1), ThreadPoolExecutor(len(lanes))
        self._stop = threading.Event()
        self._free: SimpleQueue[Lane] = SimpleQueue()
        for lane in lanes:
            self._free.put(Lane(_stopping(lane.predict, self._stop), lane.device))

    def __enter__(self) -> _Ahead:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._stop.set()
        self._reader.shutdown(cancel_futures=True)
        self._pool.shutdown(cancel_futures=True)

    def compute(self, block: Block) -> Future[Pieces]:
        """The pieces of a block, when a lane has come to it."""
        # The lane holds the only reference to what is read, and lets go of it.
        values = self._reader.submit(self._work.values, block, self._device)
        return self._pool.submit(self._compute, block, values)

    def _compute(self, block: Block, values: Future[Tensor | None]) -> Pieces:
        lane = self._free.get()
        try:
            return computed(self._work, block, lane, values.result())
        finally:
            self._free.put(lane)


class _StoppedError(Exception):
    """Raised in a lane when the run ends early; nobody reads it."""


def _stopping(predict: Predict, stop: threading.Event) -> Predict:
    def checked(windows: Tensor) -> Tensor:
        if stop.is_set():
            raise _StoppedError
        return predict(windows)

    return checked
