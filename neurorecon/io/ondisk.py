"""A stack that stays on disk, in the place of an array: read block by block, or where asked."""

from __future__ import annotations

import copy
import math
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurorecon.io.roi import Box, parse_roi
from neurorecon.io.stack import OpenStack, refuse_not_finite

BLOCK_BYTES = 16 * 2**20  # read at once in a pass over the stack
CACHE_BYTES = 64 * 2**20  # kept of what was read at single places
# More is kept where chunks are large pages, so that neighbouring boxes find each other's.
_CHUNKS_KEPT, _MOST_KEPT = 32, 512 * 2**20

Convert = Callable[[NDArray[Any]], NDArray[Any]]


class VoxelsOnDisk:
    """What `volume.LazyVoxels` asks for, from an open stack.

    A pass (`blocks`) reads everything once, in pieces of bounded size that follow the chunks of the
    file. Single boxes and points are read by the chunk (a page of a TIFF, a chunk of a Zarr store),
    and the chunks used last are kept, so that reading here and there near the neurites stays cheap.
    A stack that fits into what is kept is read once.

    Whatever is read is finite: InputError where a stack of floats holds NaN or infinity.

    box: the part of the stack to take for the whole.
    block_bytes, cache_bytes: of the stored values, at most, but never less than one chunk.
    """

    def __init__(
        self,
        stack: OpenStack,
        box: Box | None = None,
        block_bytes: int | None = None,
        cache_bytes: int | None = None,
    ) -> None:
        if cache_bytes is None:
            chunk_bytes = math.prod(stack.chunk_zyx) * stack.dtype.itemsize
            cache_bytes = max(CACHE_BYTES, min(_CHUNKS_KEPT * chunk_bytes, _MOST_KEPT))
        box = box or parse_roi(":,:,:", stack.shape_zyx)
        depth, height, width = (side.stop - side.start for side in box)
        self.shape = (depth, height, width)
        self.dtype = stack.dtype
        self._convert: Convert | None = None
        chunk = np.minimum(stack.chunk_zyx, self.shape)
        self._block_bytes = block_bytes or BLOCK_BYTES
        if math.prod(self.shape) * stack.dtype.itemsize <= cache_bytes:
            chunk, self._block_bytes = np.array(self.shape), cache_bytes
        self._chunks = _Chunks(stack, box, chunk, cache_bytes)

    def converted(self, convert: Convert, dtype: np.dtype[Any]) -> VoxelsOnDisk:
        """The same stack with `convert` applied to whatever is read; it may raise InputError.

        convert: from an array to one of the same shape, voxel by voxel, of type `dtype`.
        """
        other = copy.copy(self)
        other.dtype, other._convert = dtype, convert
        return other

    def blocks(self, multiple_yx: int = 1) -> Iterator[Box]:
        """Boxes that cover the stack once, each of whole chunks and of bounded size.

        They grow along x, then y, then z, so that blocks of a TIFF are slabs of whole planes.

        multiple_yx: boxes begin at multiples of this along y and x, if need be inside a chunk.
        """
        chunk = self._chunks.size
        step = chunk.copy()
        for axis in (2, 1, 0):
            bytes_each = int(step.prod()) * self._chunks.stack.dtype.itemsize
            step[axis] *= max(self._block_bytes // bytes_each, 1)
            if axis > 0:
                step[axis] += -step[axis] % multiple_yx
            step[axis] = min(step[axis], self.shape[axis])
        for z in range(0, self.shape[0], step[0]):
            for y in range(0, self.shape[1], step[1]):
                for x in range(0, self.shape[2], step[2]):
                    yield _box(np.array([z, y, x]), step, self.shape)

    def __getitem__(self, where: tuple[Any, ...]) -> NDArray[Any]:
        """A box (three slices of step 1), or the voxels at three arrays of indices."""
        if all(isinstance(part, slice) for part in where):
            sides = (part.indices(size) for part, size in zip(where, self.shape, strict=True))
            low, high = np.array([side[:2] for side in sides]).T
            values = self._read_box(low, np.maximum(low, high))
        else:
            index = np.stack(np.broadcast_arrays(*where), axis=-1)
            values = self._read_points(index.reshape(-1, 3)).reshape(index.shape[:-1])
        return values if self._convert is None else self._convert(values)

    def _read_box(self, low: NDArray[np.int64], high: NDArray[np.int64]) -> NDArray[Any]:
        size, chunk = high - low, self._chunks.size
        # What is larger than a chunk belongs to a pass and is not asked for again.
        if size.prod() > chunk.prod():
            return self._chunks.read(_box(low, size, self.shape))
        result = np.empty(tuple(size), self._chunks.stack.dtype)
        if not result.size:
            return result
        first, last = low // chunk, (high - 1) // chunk
        for offset in np.ndindex(*(last - first + 1)):
            start = (first + offset) * chunk
            values = self._chunks.at(first + offset)
            inner = np.maximum(low, start), np.minimum(high, start + values.shape)
            to, source = (
                tuple(slice(a, b) for a, b in zip(*(side - frame for side in inner), strict=True))
                for frame in (low, start)
            )
            result[to] = values[source]
        return result

    def _read_points(self, index: NDArray[np.int64]) -> NDArray[Any]:
        result = np.empty(len(index), self._chunks.stack.dtype)
        if not len(index):
            return result
        chunk = self._chunks.size
        counts = -(-np.asarray(self.shape) // chunk)
        number = np.ravel_multi_index(tuple((index // chunk).T), tuple(counts))
        order = np.argsort(number, kind="stable")
        for rows in np.split(order, np.flatnonzero(np.diff(number[order])) + 1):
            place = index[rows[0]] // chunk
            result[rows] = self._chunks.at(place)[tuple((index[rows] - place * chunk).T)]
        return result


class _Chunks:
    """The chunks of a part of a stack; those used last are kept.

    box: the part. size: (3,) voxels of a chunk along each axis. limit: bytes to keep.
    """

    def __init__(self, stack: OpenStack, box: Box, size: NDArray[np.int64], limit: int) -> None:
        self.stack, self.size, self._box, self._limit = stack, size, box, limit
        self._shape = tuple(side.stop - side.start for side in box)
        self._kept: OrderedDict[tuple[int, ...], NDArray[Any]] = OrderedDict()
        self._kept_bytes = 0

    def read(self, box: Box) -> NDArray[Any]:
        """A box from the file."""
        z, y, x = (
            slice(part.start + whole.start, part.stop + whole.start)
            for part, whole in zip(box, self._box, strict=True)
        )
        values = self.stack.read((z, y, x))
        refuse_not_finite(self.stack.name, values)
        return values

    def at(self, number: NDArray[np.int64]) -> NDArray[Any]:
        """A chunk by its place among the chunks, from those kept or from the file."""
        key = tuple(number.tolist())
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        chunk = self._kept[key] = self.read(_box(number * self.size, self.size, self._shape))
        self._kept_bytes += chunk.nbytes
        while self._kept_bytes > self._limit and len(self._kept) > 1:
            self._kept_bytes -= self._kept.popitem(last=False)[1].nbytes
        return chunk


def _box(start: NDArray[np.int64], size: NDArray[np.int64], shape: tuple[int, ...]) -> Box:
    stop = np.minimum(start + size, shape)
    z, y, x = (slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))
    return z, y, x
