"""A 3D image with its place in physical space."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Unit = Literal["um", "voxel"]


@dataclass(frozen=True, slots=True)
class Grid:
    """Where voxels lie in space.

    Voxel index i has its centre at `origin + i * voxel_size`, per axis, in `unit`.

    voxel_size_zyx: distance between voxel centres, in `unit`.
    origin_zyx: position of the centre of voxel (0, 0, 0), in `unit`; not zero for a region
        of interest, so that coordinates stay those of the whole stack.
    unit: "um", or "voxel" where no source tells the voxel size (it is then 1, 1, 1).
    source: where the voxel size was found, in words, for `info` and the SWC header.
    """

    voxel_size_zyx: tuple[float, float, float] = (1.0, 1.0, 1.0)
    origin_zyx: tuple[float, float, float] = (0.0, 0.0, 0.0)
    unit: Unit = "voxel"
    source: str = "unknown"

    def to_physical(self, index_zyx: NDArray[Any]) -> NDArray[np.float64]:
        """Voxel indices (..., 3), possibly fractional, to coordinates in `unit`."""
        scaled = np.asarray(index_zyx, np.float64) * np.asarray(self.voxel_size_zyx)
        point: NDArray[np.float64] = scaled + np.asarray(self.origin_zyx)
        return point

    def to_index(self, point_zyx: NDArray[Any]) -> NDArray[np.float64]:
        """Coordinates (..., 3) in `unit` to fractional voxel indices."""
        shifted = np.asarray(point_zyx, np.float64) - np.asarray(self.origin_zyx)
        index: NDArray[np.float64] = shifted / np.asarray(self.voxel_size_zyx)
        return index

    def shifted(self, index_zyx: Sequence[int]) -> Grid:
        """The grid of a crop whose first voxel is `index_zyx` of this one."""
        z, y, x = self.to_physical(np.asarray(index_zyx))
        return replace(self, origin_zyx=(float(z), float(y), float(x)))


@dataclass(frozen=True, slots=True)
class Volume:
    """A single-channel 3D array, axes z, y, x, and its grid."""

    array: NDArray[Any]
    grid: Grid


class LazyVoxels(Protocol):
    """A (Z, Y, X) stack larger than memory, in the place of an array.

    It knows only what follows. What works on both kinds of stack goes over `blocks_of` once, and
    then reads boxes `stack[z0:z1, y0:y1, x0:x1]` and points `stack[z, y, x]` (arrays of indices)
    near what it found; it never asks for the whole (`np.asarray`, `stack.max()`).
    """

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]

    def blocks(self) -> Iterator[tuple[slice, slice, slice]]:
        """Boxes of bounded size that cover the stack once, in the order that reads fastest."""
        ...

    def __getitem__(self, where: tuple[Any, ...]) -> NDArray[Any]: ...


def blocks_of(stack: NDArray[Any] | LazyVoxels) -> Iterator[tuple[slice, slice, slice]]:
    """Boxes that cover a stack once: the planes of an array, the blocks of what lies on disk."""
    if not isinstance(stack, np.ndarray):
        yield from stack.blocks()
        return
    depth, height, width = stack.shape
    for z in range(depth):
        yield slice(z, z + 1), slice(0, height), slice(0, width)
