"""Stacks cut into blocks, so that a score needs memory for one block and not for the stack."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

Box = tuple[slice, slice, slice]
Reader = Callable[[Box], NDArray[Any]]
"""Gives the voxels of a box of a stack, (Z, Y, X)."""

BLOCK_VOXELS = 1 << 23  # with some 20 bytes of temporaries a voxel: below 200 MiB
_THINNEST = 16  # planes: thinner blocks would be mostly halo


@dataclass(frozen=True, slots=True)
class Block:
    """One block of a stack; the cores of all blocks are disjoint and cover it.

    core: voxels that this block alone counts.
    shape_zyx: of the whole stack.
    """

    core: Box
    shape_zyx: tuple[int, int, int]

    def padded(self, halo: int) -> Box:
        """The core grown by `halo` voxels on every side, inside the stack."""
        return self._grown(halo, halo)

    def overlapping(self) -> Box:
        """The core and the first layer of every following block.

        Any two voxels that touch, also by a corner, lie together in one such box.
        """
        return self._grown(0, 1)

    def _grown(self, before: int, after: int) -> Box:
        z, y, x = (
            slice(max(side.start - before, 0), min(side.stop + after, size))
            for side, size in zip(self.core, self.shape_zyx, strict=True)
        )
        return z, y, x


def within(inner: Box, outer: Box) -> Box:
    """Where the box `inner` of the stack lies in an array that holds the box `outer`."""
    z, y, x = (
        slice(side.start - first.start, side.stop - first.start)
        for side, first in zip(inner, outer, strict=True)
    )
    return z, y, x


def first_of(box: Box) -> tuple[int, int, int]:
    """Index of the first voxel of a box."""
    z, y, x = (side.start for side in box)
    return z, y, x


def whole(shape_zyx: Sequence[int]) -> Box:
    """The box of a whole stack."""
    z, y, x = (slice(0, int(size)) for size in shape_zyx)
    return z, y, x


def plan_blocks(shape_zyx: Sequence[int], voxels: int = BLOCK_VOXELS) -> Iterator[Block]:
    """Blocks of at most `voxels` voxels (one, if that is what it takes), row by row.

    Planes are kept whole as long as blocks stay thick: files are stored plane by plane.
    """
    depth, height, width = shape = tuple(int(size) for size in shape_zyx)
    if 0 in shape:
        return
    depth = max(min(depth, voxels // (height * width)), min(depth, _THINNEST))
    sides = [depth, height, width]
    while np.prod(sides) > voxels and max(sides) > 1:
        longest = 1 if sides[1] >= sides[2] else 2
        longest = longest if sides[longest] > 1 else 0
        sides[longest] = -(-sides[longest] // 2)
    for start in product(*(range(0, size, side) for size, side in zip(shape, sides, strict=True))):
        z, y, x = (
            slice(first, min(first + side, size))
            for first, side, size in zip(start, sides, shape, strict=True)
        )
        yield Block((z, y, x), (shape[0], shape[1], shape[2]))
