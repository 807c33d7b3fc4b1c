"""Pictures of a stack, small enough to be carried inside a page.

Neurites are always shown bright on dark: a stack with dark neurites on a bright background becomes
a negative.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from imagecodecs import jpeg_encode
from numpy.typing import NDArray

from neurorecon.volume import Grid, LazyVoxels, blocks_of

PROJECTION_PIXELS = 1024  # longest side of a projection
SLAB_PIXELS = 640  # longest side of a slab's picture: with `SLABS` of them, some 5 MB at most
SLABS = 64  # a deeper stack is shown as that many slabs of several slices each
_JPEG_QUALITY = 80
_BLACK, _WHITE = 1.0, 99.8  # percentiles of brightness
_SAMPLE = 1_000_000  # pixels tell them well enough
_BESIDE = 10  # voxels beside a neurite lies what surrounds it

Stack = NDArray[Any] | LazyVoxels
Brightness = NDArray[np.float32]


@dataclass(frozen=True)
class Slab:
    """Slices next to each other, shown as one picture.

    low, high: faces across z, in the unit of the grid.
    jpeg: the picture, y down and x across.
    """

    low: float
    high: float
    jpeg: bytes


@dataclass(frozen=True)
class StackPictures:
    """Projections along three axes, and slabs from the first slice to the last.

    low_zyx, high_zyx: outer faces of the stack, in the unit of its grid.
    along_z: y down, x across. along_y: z down, x across. along_x: y down, z across. All JPEG.
    negative: whether bright and dark are exchanged.
    """

    low_zyx: tuple[float, float, float]
    high_zyx: tuple[float, float, float]
    along_z: bytes
    along_y: bytes
    along_x: bytes
    slabs: Sequence[Slab]
    negative: bool


def take_pictures(stack: Stack, grid: Grid, negative: bool = False) -> StackPictures:
    """Pictures of a stack (Z, Y, X) of any real dtype, in memory or on disk, in one pass over it.

    negative: neurites are dark on a bright background (`dark_along` can tell).
    """
    shape, step_zyx = np.asarray(stack.shape), _slab_steps(stack.shape)
    slabs = _unseen(-(-shape // step_zyx))
    projections = [_unseen(np.delete(shape, axis)) for axis in range(3)]
    for box in blocks_of(stack):
        block = stack[box].astype(np.float32)
        if negative:
            np.negative(block, out=block)
        for axis, projection in enumerate(projections):
            part = projection[box[:axis] + box[axis + 1 :]]
            np.maximum(part, block.max(axis=axis), out=part)
        _raise(slabs, block, [side.start for side in box], step_zyx)
    along_z, along_y, along_x = projections
    faces = np.minimum(np.arange(len(slabs) + 1) * step_zyx[0], shape[0]) - 0.5
    faces = grid.origin_zyx[0] + faces * grid.voxel_size_zyx[0]
    return StackPictures(
        low_zyx=_triple(grid.to_physical(np.full(3, -0.5))),
        high_zyx=_triple(grid.to_physical(shape - 0.5)),
        along_z=_projection_jpeg(along_z),
        along_y=_projection_jpeg(along_y),
        along_x=_projection_jpeg(along_x.T),  # so that it fits beside that along z
        slabs=[
            Slab(float(low), float(high), jpeg)
            for (low, high), jpeg in zip(itertools.pairwise(faces), _jpegs(slabs), strict=True)
        ],
        negative=negative,
    )


def dark_along(stack: Stack, index_zyx: NDArray[np.float64]) -> bool:
    """Whether a stack is darker along a tree, on average, than some voxels beside it.

    index_zyx: (n, 3) nodes of the tree, in voxel indices; what lies outside of the stack does not
        count.
    """
    on = _values_at(stack, index_zyx)
    sides = _BESIDE * np.array([[0, 0, 1], [0, 0, -1], [0, 1, 0], [0, -1, 0]])
    beside = np.concatenate([_values_at(stack, index_zyx + side) for side in sides])
    return bool(len(on) and len(beside) and on.mean() < beside.mean())


def _values_at(stack: Stack, index_zyx: NDArray[np.float64]) -> NDArray[np.float64]:
    rows = np.rint(index_zyx).astype(np.int64)
    z, y, x = rows[((rows >= 0) & (rows < stack.shape)).all(axis=1)].T
    return np.asarray(stack[z, y, x], np.float64)


def _slab_steps(shape_zyx: Sequence[int]) -> NDArray[np.int64]:
    """Voxels along each axis (3,) that become one pixel or one slab."""
    return np.ceil(np.divide(shape_zyx, (SLABS, SLAB_PIXELS, SLAB_PIXELS))).astype(np.int64)


def _unseen(shape: Sequence[int] | NDArray[np.int64]) -> Brightness:
    return np.full(tuple(shape), -np.inf, np.float32)


def _raise(
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


def _projection_jpeg(projection: Brightness) -> bytes:
    step = -(-np.asarray(projection.shape) // PROJECTION_PIXELS)
    small = _unseen(-(-np.asarray(projection.shape) // step))
    _raise(small, projection, (0, 0), step)
    return _jpegs(small[None])[0]


def _jpegs(pictures: Brightness) -> list[bytes]:
    """Pictures (n, down, across) on one common scale of brightness."""
    pixels = pictures.ravel()[:: -(-pictures.size // _SAMPLE)]
    low, high = np.percentile(pixels, (_BLACK, _WHITE))
    if low == high:  # next to no foreground
        low, high = pictures.min(), pictures.max()
    span = float(high - low) or 1.0  # or none
    return [_jpeg(np.clip((picture - low) / span, 0.0, 1.0)) for picture in pictures]


def _jpeg(brightness: Brightness) -> bytes:
    # The square root: faint neurites are to be seen.
    grey = np.rint(np.sqrt(brightness) * 255).astype(np.uint8)
    return bytes(jpeg_encode(np.ascontiguousarray(grey), level=_JPEG_QUALITY))


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    z, y, x = (float(value) for value in values)
    return z, y, x
