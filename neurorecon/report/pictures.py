"""Pictures of a stack, small enough to be carried inside a page."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from imagecodecs import jpeg_encode
from numpy.typing import NDArray

from neurorecon.report.projections import (
    Brightness,
    Projections,
    Stack,
    bright_blocks,
    raise_to,
    shown,
    unseen,
)
from neurorecon.volume import Grid

PROJECTION_PIXELS = 1024  # longest side of a projection
SLAB_PIXELS = 640  # longest side of a slab's picture: with `SLABS` of them, some 5 MB at most
SLABS = 64  # a deeper stack is shown as that many slabs of several slices each
_JPEG_QUALITY = 80


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
    slabs, projections = unseen(-(-shape // step_zyx)), Projections(stack.shape)
    for box, block in bright_blocks(stack, negative):
        projections.add(box, block)
        raise_to(slabs, block, [side.start for side in box], step_zyx)
    along_z, along_y, along_x = map(shown, projections.reduced(PROJECTION_PIXELS))
    faces = np.minimum(np.arange(len(slabs) + 1) * step_zyx[0], shape[0]) - 0.5
    faces = grid.origin_zyx[0] + faces * grid.voxel_size_zyx[0]
    jpegs = map(_jpeg, shown(slabs))
    return StackPictures(
        low_zyx=_triple(grid.to_physical(np.full(3, -0.5))),
        high_zyx=_triple(grid.to_physical(shape - 0.5)),
        along_z=_jpeg(along_z),
        along_y=_jpeg(along_y),
        along_x=_jpeg(along_x.T),  # so that it fits beside that along z
        slabs=[
            Slab(float(low), float(high), jpeg)
            for (low, high), jpeg in zip(itertools.pairwise(faces), jpegs, strict=True)
        ],
        negative=negative,
    )


def _slab_steps(shape_zyx: Sequence[int]) -> NDArray[np.int64]:
    """Voxels along each axis (3,) that become one pixel or one slab."""
    return np.ceil(np.divide(shape_zyx, (SLABS, SLAB_PIXELS, SLAB_PIXELS))).astype(np.int64)


def _jpeg(brightness: Brightness) -> bytes:
    grey = np.rint(brightness * 255).astype(np.uint8)
    return bytes(jpeg_encode(np.ascontiguousarray(grey), level=_JPEG_QUALITY))


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    z, y, x = (float(value) for value in values)
    return z, y, x
