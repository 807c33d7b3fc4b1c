"""The voxels of a stack, in memory or where they are, and what one pass over all of them tells."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurorecon.errors import InputError
from neurorecon.io.ondisk import VoxelsOnDisk
from neurorecon.io.rawcopy import RawCopy
from neurorecon.io.stack import OpenStack, check_values
from neurorecon.model.intensity import (
    IntensityScale,
    is_dark_on_bright,
    regular_sample,
    scale_of,
)
from neurorecon.segmentation.empty import CELL, Cells
from neurorecon.volume import LazyVoxels

SCRATCH = "stack.raw"  # the copy's name in the folder of a run
# A plane that holds more than this many times the part of it that a block needs is read in vain.
_MOST_IN_VAIN = 4

Voxels = NDArray[Any] | VoxelsOnDisk | RawCopy


@dataclass(frozen=True)
class Source:
    """A stack that was looked at once.

    voxels: give the values in a box. scale: of its intensities.
    signal: which cells hold signal, as `segmentation.empty` has them.
    checksum: of all values; tells a changed stack.
    looks_dark: whether neurites look darker than their surroundings.
    """

    voxels: Voxels
    scale: IntensityScale
    signal: NDArray[np.bool_]
    checksum: int
    looks_dark: bool


def keeps_in_memory(stack: OpenStack, most_bytes: int) -> bool:
    """Whether the stack is small enough to be held."""
    return math.prod(stack.shape_zyx) * stack.dtype.itemsize <= most_bytes


def open_source(
    stack: OpenStack, invert: bool, most_bytes: int, edge: int, scratch: Path
) -> Source:
    """Look at every voxel once, and find the way to read boxes of about `edge` voxels.

    most_bytes: a stack up to this size is held in memory.
    scratch: file for an uncompressed copy, where the stack lies on disk in compressed planes: each
        block would decode whole planes for its part of them.

    Raises InputError for a stack of NaN, infinity, or of one value only.
    """
    if keeps_in_memory(stack, most_bytes):
        array = stack.read()
        check_values(stack.name, array)
        cells = Cells(stack.shape_zyx, array.dtype, invert)
        z, y, x = (slice(0, size) for size in stack.shape_zyx)
        cells.add((z, y, x), array)
        sample = regular_sample(array)
        scale, dark = scale_of(sample, invert), is_dark_on_bright(sample)
        return Source(array, scale, cells.hold_signal(scale.low), zlib.crc32(array.data), dark)
    voxels = VoxelsOnDisk(stack, cache_bytes=1)
    copy = RawCopy(scratch, voxels.shape, voxels.dtype) if _wants_copy(stack, edge) else None
    cells = Cells(stack.shape_zyx, voxels.dtype, invert)
    seen = _Pass(voxels, copy, cells)
    sample = regular_sample(seen)  # reads it all
    scale, dark = scale_of(sample, invert), is_dark_on_bright(sample)
    if seen.low == seen.high:
        raise InputError(
            f"{stack.name}: every voxel is {seen.low:g}; there is nothing to segment, check the "
            "file (and --channel)"
        )
    return Source(copy or voxels, scale, cells.hold_signal(scale.low), seen.checksum, dark)


def voxels_of(stack: OpenStack, most_bytes: int, scratch: Path) -> Voxels:
    """The way to read boxes that `open_source` has found, for another process."""
    if keeps_in_memory(stack, most_bytes):
        return stack.read()
    voxels = VoxelsOnDisk(stack, cache_bytes=1)
    return RawCopy(scratch, voxels.shape, voxels.dtype) if scratch.exists() else voxels


def _wants_copy(stack: OpenStack, edge: int) -> bool:
    _, height, width = stack.chunk_zyx
    return not stack.is_mapped and height * width > _MOST_IN_VAIN * edge**2


class _Pass(LazyVoxels):
    """One pass over a stack: what is read is looked at, and copied if there is a copy to make."""

    def __init__(self, voxels: VoxelsOnDisk, copy: RawCopy | None, cells: Cells) -> None:
        self.shape, self.dtype = voxels.shape, voxels.dtype
        self.low, self.high, self.checksum = math.inf, -math.inf, 0
        self._voxels, self._copy, self._cells = voxels, copy, cells

    def blocks(self) -> Iterator[tuple[slice, slice, slice]]:
        """As the stack has them, but whole cells along y and x."""
        return self._voxels.blocks(CELL)

    def __getitem__(self, where: Any) -> NDArray[Any]:
        values = np.ascontiguousarray(self._voxels[where])
        self.low = min(self.low, float(values.min()))
        self.high = max(self.high, float(values.max()))
        self.checksum = zlib.crc32(values.data, self.checksum)
        self._cells.add(where, values)
        if self._copy is not None:
            self._copy.write(where, values)
        return values
