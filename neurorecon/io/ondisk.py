"""A stack that stays on disk, in the place of an array: read block by block, or where asked."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurorecon.io.roi import Box
from neurorecon.io.stack import OpenStack

_BLOCK_BYTES = 16 * 2**20  # read at once in a pass over the stack
_CACHE_BYTES = 64 * 2**20  # kept of what was read at single places

Convert = Callable[[NDArray[Any]], NDArray[Any]]


class VoxelsOnDisk:
    """What `volume.LazyVoxels` asks for, from an open stack.

    A pass (`blocks`) reads everything once, in pieces of bounded size that follow the chunks of the
    file. Single boxes and points are read by the chunk (a page of a TIFF, a chunk of a Zarr store),
    and the chunks used last are kept, so that reading here and there near the neurites stays cheap.

    convert: applied to every array read, elementwise; it may raise InputError.
    dtype: of what `convert` returns.
    """

    def __init__(
        self,
        stack: OpenStack,
        convert: Convert = lambda array: array,
        dtype: np.dtype[Any] | None = None,
        block_bytes: int = _BLOCK_BYTES,
        cache_bytes: int = _CACHE_BYTES,
    ) -> None:
        self.shape = stack.shape_zyx
        self.dtype = dtype or stack.dtype
        self._stack, self._convert = stack, convert
        self._chunk = np.minimum(stack.chunk_zyx, self.shape)
        self._block_bytes, self._cache_bytes = block_bytes, cache_bytes
        self._kept: OrderedDict[tuple[int, ...], NDArray[Any]] = OrderedDict()
        self._kept_bytes = 0

    def blocks(self) -> Iterator[Box]:
        """Boxes that cover the stack once, each of whole chunks and of bounded size.

        They grow along x, then y, then z, so that blocks of a TIFF are slabs of whole planes.
        """
        step = self._chunk.copy()
        for axis in (2, 1, 0):
            step[axis] = 0
            others = int(np.prod(step[step > 0])) * self._stack.dtype.itemsize
            chunks = max(self._block_bytes // (others * int(self._chunk[axis])), 1)
            step[axis] = min(chunks * int(self._chunk[axis]), self.shape[axis])
        for z in range(0, self.shape[0], step[0]):
            for y in range(0, self.shape[1], step[1]):
                for x in range(0, self.shape[2], step[2]):
                    yield self._box(np.array([z, y, x]), step)

    def __getitem__(self, where: tuple[Any, ...]) -> NDArray[Any]:
        """A box (three slices of step 1), or the voxels at three arrays of indices."""
        if all(isinstance(part, slice) for part in where):
            sides = (part.indices(size) for part, size in zip(where, self.shape, strict=True))
            return self._read_box(*np.array([side[:2] for side in sides]).T)
        index = np.stack(np.broadcast_arrays(*where), axis=-1)
        return self._read_points(index.reshape(-1, 3)).reshape(index.shape[:-1])

    def _read_box(self, low: NDArray[np.int64], high: NDArray[np.int64]) -> NDArray[Any]:
        size = np.maximum(high - low, 0)
        if not size.all():
            return np.empty(tuple(size), self.dtype)
        if int(size.prod()) * self._stack.dtype.itemsize >= min(self._block_bytes, 2**20):
            return self._read(self._box(low, size))
        result = np.empty(tuple(size), self.dtype)
        first, last = low // self._chunk, (high - 1) // self._chunk
        for offset in np.ndindex(*(last - first + 1)):
            number = first + offset
            start = number * self._chunk
            chunk = self._chunk_at(number)
            inner = np.maximum(low, start), np.minimum(high, start + chunk.shape)
            to, source = (
                tuple(slice(a, b) for a, b in zip(*(side - frame for side in inner), strict=True))
                for frame in (low, start)
            )
            result[to] = chunk[source]
        return result

    def _read_points(self, index: NDArray[np.int64]) -> NDArray[Any]:
        result = np.empty(len(index), self.dtype)
        if not len(index):
            return result
        counts = -(-np.asarray(self.shape) // self._chunk)
        number = np.ravel_multi_index(tuple((index // self._chunk).T), tuple(counts))
        order = np.argsort(number, kind="stable")
        for rows in np.split(order, np.flatnonzero(np.diff(number[order])) + 1):
            place = index[rows[0]] // self._chunk
            result[rows] = self._chunk_at(place)[tuple((index[rows] - place * self._chunk).T)]
        return result

    def _chunk_at(self, number: NDArray[np.int64]) -> NDArray[Any]:
        """A chunk by its place among the chunks, from those kept or from the file."""
        key = tuple(number.tolist())
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        chunk = self._read(self._box(number * self._chunk, self._chunk))
        self._kept[key] = chunk
        self._kept_bytes += chunk.nbytes
        while self._kept_bytes > self._cache_bytes and len(self._kept) > 1:
            self._kept_bytes -= self._kept.popitem(last=False)[1].nbytes
        return chunk

    def _read(self, box: Box) -> NDArray[Any]:
        return self._convert(self._stack.read(box))

    def _box(self, start: NDArray[np.int64], size: NDArray[np.int64]) -> Box:
        stop = np.minimum(start + size, self.shape)
        z, y, x = (slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))
        return z, y, x
