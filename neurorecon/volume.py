"""A 3D image with its place in physical space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

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
        return scaled + np.asarray(self.origin_zyx)

    def to_index(self, point_zyx: NDArray[Any]) -> NDArray[np.float64]:
        """Coordinates (..., 3) in `unit` to fractional voxel indices."""
        shifted = np.asarray(point_zyx, np.float64) - np.asarray(self.origin_zyx)
        return shifted / np.asarray(self.voxel_size_zyx)

    def shifted(self, index_zyx: Sequence[int]) -> Grid:
        """The grid of a crop whose first voxel is `index_zyx` of this one."""
        z, y, x = self.to_physical(np.asarray(index_zyx))
        return replace(self, origin_zyx=(float(z), float(y), float(x)))


@dataclass(frozen=True, slots=True)
class Volume:
    """A single-channel 3D array, axes z, y, x, and its grid."""

    array: NDArray[Any]
    grid: Grid
