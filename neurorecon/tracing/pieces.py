"""Foreground found box by box, by whoever is near the voxels, and traced elsewhere.

All that tracing asks of a stack lies on the neurites and around them. A piece holds that for one
box: its foreground, and the voxels that touch its faces. With all pieces joined, the stack
itself is read only in gaps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurorecon.tracing.foreground import (
    Box,
    Foreground,
    Found,
    Probability,
    found_in,
    joined_foreground,
    lowest_stored,
)
from neurorecon.volume import blocks_of

_FACES = [sign * step for step in np.eye(3, dtype=np.int64) for sign in (1, -1)]


@dataclass(frozen=True)
class Piece:
    """The foreground of one box of a stack.

    rim_zyx: (m, 3) voxels that are none but have a face neighbour that is; those on the sides of
        the box lie in the box next to it. rim_value: (m,) as stored.
    """

    found: Found
    rim_zyx: NDArray[np.int64]
    rim_value: NDArray[np.float32] | NDArray[np.uint8]


def piece_of(probability: Probability, box: Box, low: float) -> Piece:
    """What a box holds; of the boxes around it only voxels that its neurites touch are read."""
    block = np.asarray(probability[box])
    found = found_in(block, box, low)
    rim = _beside(found.index_zyx, probability.shape)
    start, stop = (np.array([getattr(side, end) for side in box]) for end in ("start", "stop"))
    inside = ((rim >= start) & (rim < stop)).all(axis=1)
    value = np.empty(len(rim), block.dtype)
    value[inside] = block[tuple((rim[inside] - start).T)]
    value[~inside] = probability[tuple(rim[~inside].T)]
    dark = value < lowest_stored(block.dtype, low)
    return Piece(found, rim[dark], value[dark])


def _beside(index_zyx: NDArray[np.int64], shape_zyx: tuple[int, ...]) -> NDArray[np.int64]:
    """The face neighbours (m, 3) of voxels (n, 3), each once, as far as they are in the stack."""
    every = np.concatenate([index_zyx + step for step in _FACES])
    every = every[((every >= 0) & (every < shape_zyx)).all(axis=1)]
    key = np.unique(np.ravel_multi_index(tuple(every.T), shape_zyx))
    return np.stack(np.unravel_index(key, shape_zyx), axis=1).astype(np.int64, copy=False)


@dataclass(frozen=True)
class Joined:
    """A stack whose foreground is known. probability: reads the rest where it is asked for."""

    foreground: Foreground
    probability: Remembered


def joined_pieces(
    pieces: Iterable[Piece], probability: Probability, low: float, most: int | None
) -> Joined:
    """Pieces of boxes that cover the stack once, in any order. Errors as `find_foreground`."""
    rims: list[tuple[NDArray[np.int64], NDArray[Any]]] = []
    count = 0

    def founds() -> Iterator[Found]:
        nonlocal count
        for piece in pieces:
            count += len(piece.found.value)
            if most is None or count <= most:
                rims.append((piece.rim_zyx, piece.rim_value))
            yield piece.found

    foreground = joined_foreground(founds(), probability, low, most)
    scale = np.float32(255.0 if probability.dtype == np.uint8 else 1.0)
    own = np.rint(foreground.probability * scale) if scale > 1 else foreground.probability
    index = np.concatenate([foreground.index_zyx, *(rim for rim, _ in rims)])
    value = np.concatenate([own.astype(probability.dtype), *(value for _, value in rims)])
    return Joined(foreground, Remembered(probability, index, value))


class Remembered:
    """A stack of which some voxels are known; the others are read where they are asked for.

    index_zyx: (n, 3) known voxels, in any order, some perhaps twice. value: (n,) as stored.
    """

    def __init__(
        self, stack: Probability, index_zyx: NDArray[np.int64], value: NDArray[Any]
    ) -> None:
        self.shape, self.dtype = stack.shape, stack.dtype
        self._stack = stack
        self._key, first = np.unique(self._keys(index_zyx), return_index=True)
        self._value = value[first]

    def _keys(self, index_zyx: NDArray[np.int64]) -> NDArray[np.int64]:
        z, y, x = index_zyx.T
        key: NDArray[np.int64] = (z * self.shape[1] + y) * self.shape[2] + x
        return key

    def blocks(self) -> Iterator[Box]:
        """Boxes that cover the stack once."""
        yield from blocks_of(self._stack)

    def __getitem__(self, where: tuple[Any, ...]) -> NDArray[Any]:
        """A box (three slices), or the voxels at three arrays of indices."""
        if any(isinstance(part, slice) for part in where):
            return self._stack[where]
        index = np.stack(np.broadcast_arrays(*where), axis=-1)
        key = self._keys(index.reshape(-1, 3))
        place = np.minimum(np.searchsorted(self._key, key), len(self._key) - 1)
        value = self._value[place]
        unknown = self._key[place] != key
        if unknown.any():
            value[unknown] = self._stack[tuple(index.reshape(-1, 3)[unknown].T)]
        return value.reshape(index.shape[:-1])
