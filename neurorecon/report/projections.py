"""Maximum projections of a stack, in memory or on disk, reduced and brightened for a picture.

Neurites are always shown bright on dark: a stack with dark neurites on a bright background becomes
a negative.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurorecon.volume import LazyVoxels, blocks_of

_BLACK, _WHITE = 1.0, 99.8  # percentiles of brightness
_SAMPLE = 1_000_000  # pixels tell them well enough
_BESIDE = 10  # voxels beside a neurite lies what surrounds it
_NODES = 10_000  # of a tree tell it well enough

Stack = NDArray[Any] | LazyVoxels
Brightness = NDArray[np.float32]
Box = tuple[slice, slice, slice]


def unseen(shape: Sequence[int] | NDArray[np.int64]) -> Brightness:
    """A picture, or a reduced stack, in which nothing has been drawn yet."""
    return np.full(tuple(shape), -np.inf, np.float32)


def bright_blocks(stack: Stack, negative: bool = False) -> Iterator[tuple[Box, Brightness]]:
    """The stack once, box by box, with bright neurites.

    negative: neurites are dark on a bright background (`dark_along` can tell).
    """
    for box in blocks_of(stack):
        block = stack[box].astype(np.float32)
        if negative:
            np.negative(block, out=block)
        yield box, block


class Projections:
    """Maxima along z, y and x of what has been added so far."""

    def __init__(self, shape_zyx: Sequence[int]) -> None:
        self._along = [unseen(np.delete(shape_zyx, axis)) for axis in range(3)]

    def add(self, box: Box, block: Brightness) -> None:
        """Add the part of the stack that lies in a box."""
        for axis, projection in enumerate(self._along):
            part = projection[box[:axis] + box[axis + 1 :]]
            np.maximum(part, block.max(axis=axis), out=part)

    def reduced(self, pixels: int) -> tuple[Brightness, Brightness, Brightness]:
        """Along z, y and x, with at most so many pixels on a side; axes as in the stack."""
        along_z, along_y, along_x = (_reduced(projection, pixels) for projection in self._along)
        return along_z, along_y, along_x


def _reduced(picture: Brightness, pixels: int) -> Brightness:
    """Several pixels become one along an axis that has too many; maxima survive."""
    step = -(-np.asarray(picture.shape) // pixels)
    small = unseen(-(-np.asarray(picture.shape) // step))
    raise_to(small, picture, (0, 0), step)
    return small


def raise_to(
    picture: Brightness, block: Brightness, start: Sequence[int], step: NDArray[np.int64]
) -> None:
    """Raise the pixels of a reduced stack to the brightest of the voxels in them.

    start: first voxel of the block; step: voxels along each axis in one pixel of the picture.
    """
    where = []
    for axis, (first, each) in enumerate(zip(start, step, strict=True)):
        pixel = np.arange(first, first + block.shape[axis]) // each
        begins = np.flatnonzero(np.diff(pixel, prepend=-1))
        block = np.maximum.reduceat(block, begins, axis=axis)
        where.append(slice(int(pixel[0]), int(pixel[-1]) + 1))
    np.maximum(picture[tuple(where)], block, out=picture[tuple(where)])


def shown(pictures: Brightness) -> Brightness:
    """One or more pictures on one common scale from 0 to 1; faint neurites are to be seen."""
    pixels = pictures.ravel()[:: -(-pictures.size // _SAMPLE)]
    low, high = np.percentile(pixels, (_BLACK, _WHITE))
    if low == high:  # next to no foreground
        low, high = pictures.min(), pictures.max()
    span = float(high - low) or 1.0  # or none
    bright: Brightness = np.sqrt(np.clip((pictures - low) / span, 0.0, 1.0))
    return bright


def dark_along(stack: Stack, index_zyx: NDArray[np.float64]) -> bool:
    """Whether a stack is darker along a tree, on average, than some voxels beside it.

    index_zyx: (n, 3) nodes of the tree, in voxel indices; what lies outside of the stack does not
        count.
    """
    sides = _BESIDE * np.array([[0, 0, 0], [0, 0, 1], [0, 0, -1], [0, 1, 0], [0, -1, 0]])
    some = index_zyx[:: -(-len(index_zyx) // _NODES) or 1]
    rows = np.rint(some).astype(np.int64)[:, None] + sides  # (n, 5, zyx): all are read at once
    inside = ((rows >= 0) & (rows < stack.shape)).all(axis=-1)
    z, y, x = rows[inside].T
    values = np.full(inside.shape, np.nan)
    values[inside] = stack[z, y, x]
    on, beside = values[:, :1][inside[:, :1]], values[:, 1:][inside[:, 1:]]
    return bool(len(on) and len(beside) and on.mean() < beside.mean())
