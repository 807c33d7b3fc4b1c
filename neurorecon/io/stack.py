"""Stacks in and out: one channel of a 3D image as a `Volume`, probabilities back to disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from neurorecon.errors import InputError
from neurorecon.io.omezarr import OpenZarr, open_zarr
from neurorecon.io.roi import Box, parse_roi
from neurorecon.io.tiff import OpenTiff, open_tiff
from neurorecon.io.tiff_axes import AxisPlan, plan_axes
from neurorecon.io.tiff_grid import make_grid
from neurorecon.io.tiff_writer import write_probability
from neurorecon.volume import Grid, Volume

__all__ = [
    "OpenStack",
    "StackDescription",
    "check_values",
    "describe_stack",
    "open_stack",
    "read_volume",
    "stack_stem",
    "unknown_voxel_size",
    "write_probability",
]

SUFFIXES = (".ome.tiff", ".ome.tif", ".tiff", ".tif", ".ome.zarr", ".zarr")

Source = Path | BinaryIO
VoxelSize = tuple[float, float, float] | None


@dataclass(frozen=True)
class OpenStack:
    """One channel of an open z stack; voxels are read when asked for.

    name: of the file, for messages.
    shape_zyx: voxels along each axis.
    dtype: of the voxels; one-bit masks come as uint8, 0 and 255.
    grid: where the voxels lie.
    is_probability: whether the file says that it is a segmentation of ours.
    """

    name: str
    shape_zyx: tuple[int, int, int]
    dtype: np.dtype[Any]
    grid: Grid
    is_probability: bool
    _image: OpenTiff | OpenZarr
    _plan: AxisPlan

    @property
    def chunk_zyx(self) -> tuple[int, int, int]:
        """Voxels along each axis that are stored, and so read, together."""
        return self._image.chunk_zyx(self._plan)

    def read(self, box: Box | None = None) -> NDArray[Any]:
        """The voxels of a box (the whole stack by default), (Z, Y, X), unchecked."""
        array = self._image.read(self._plan, box or parse_roi(":,:,:", self.shape_zyx))
        return array.astype(np.uint8) * np.uint8(255) if array.dtype == bool else array


@dataclass(frozen=True)
class StackDescription:
    """What a file says about itself, without its voxels.

    axes, shape: all of the file's axes longer than one, tifffile's letters.
    dtype, compression: as stored.
    channels: how many.
    shape_zyx, grid: of the stack that would be read; None where `problem` says why it would not.
    """

    name: str
    axes: str
    shape: tuple[int, ...]
    dtype: str
    compression: str
    channels: int
    shape_zyx: tuple[int, int, int] | None
    grid: Grid | None
    problem: str | None


@contextmanager
def open_stack(
    source: Source, *, voxel_size_zyx: VoxelSize = None, channel: int | None = None
) -> Iterator[OpenStack]:
    """Open one channel of a z stack without reading its voxels. Errors as `read_volume`."""
    with _open_image(source) as image:
        try:
            plan = plan_axes(image.axes, image.shape, channel)
        except InputError as error:
            raise InputError(f"{image.name}: {error}") from error
        shape_zyx = (image.shape[plan.z], image.shape[plan.y], image.shape[plan.x])
        grid = make_grid(image.placement(shape_zyx), voxel_size_zyx)
        dtype = np.dtype(np.uint8) if image.dtype == bool else image.dtype
        yield OpenStack(image.name, shape_zyx, dtype, grid, image.is_probability, image, plan)


def _open_image(source: Source) -> AbstractContextManager[OpenTiff | OpenZarr]:
    if isinstance(source, Path) and source.is_dir():
        return open_zarr(source)
    return open_tiff(source)


def read_volume(
    source: Source,
    *,
    voxel_size_zyx: VoxelSize = None,
    channel: int | None = None,
    roi: str | None = None,
    allow_uniform: bool = False,
) -> Volume:
    """One channel of a z stack in memory.

    source: a path of a TIFF or of an OME-Zarr folder, or a stream of a TIFF's bytes.
    voxel_size_zyx: in um; overrides the file's own.
    channel: counted from 0; needed where there are several.
    roi: `Z0:Z1,Y0:Y1,X0:X1`; the grid's origin moves with it, so that coordinates stay those of
        the whole stack.
    allow_uniform: accept a stack whose voxels are all equal, as an empty mask is.

    Raises InputError, in one line that says what to do, for everything that is not one channel
    of a z stack of finite real numbers: no such file, neither a TIFF nor OME-Zarr, cut off, 2D,
    RGB, several channels without a choice, a time series, empty, all one value, NaN, complex.
    """
    with open_stack(source, voxel_size_zyx=voxel_size_zyx, channel=channel) as stack:
        box = parse_roi(roi, stack.shape_zyx) if roi is not None else None
        array = stack.read(box)
    check_values(stack.name, array, allow_uniform)
    grid = stack.grid.shifted([side.start for side in box]) if box else stack.grid
    return Volume(array, grid)


def describe_stack(
    source: Source, *, voxel_size_zyx: VoxelSize = None, channel: int | None = None
) -> StackDescription:
    """What a file holds, also where it cannot be segmented as it is (several channels, RGB, ...).

    Raises InputError for what is neither a TIFF nor a Zarr store.
    """
    with _open_image(source) as image:
        shape_zyx, grid, problem = None, None, None
        try:
            plan = plan_axes(image.axes, image.shape, channel)
        except InputError as error:
            problem = str(error)
        else:
            shape_zyx = (image.shape[plan.z], image.shape[plan.y], image.shape[plan.x])
            grid = make_grid(image.placement(shape_zyx), voxel_size_zyx)
        long = [
            (axis, size) for axis, size in zip(image.axes, image.shape, strict=True) if size != 1
        ]
        return StackDescription(
            name=image.name,
            axes="".join(axis for axis, _ in long),
            shape=tuple(size for _, size in long),
            dtype=str(image.dtype),
            compression=image.compression,
            channels=dict(long).get("C", 1),
            shape_zyx=shape_zyx,
            grid=grid,
            problem=problem,
        )


def stack_stem(stack: Path) -> str:
    """A stack's name without its suffix: `a.tif`, `a.tiff` and `a.ome.tif` are all `a`."""
    name = stack.name
    suffix = next((suffix for suffix in SUFFIXES if name.lower().endswith(suffix)), "")
    return name[: len(name) - len(suffix)] or name


def unknown_voxel_size(grid: Grid) -> str | None:
    """The warning a command gives where the voxel size is not known, None where it is."""
    if grid.unit == "um":
        return None
    return (
        f"voxel size {grid.source}: working in voxels; "
        "give --voxel-size Z Y X (um) for a result in micrometres"
    )


def check_values(name: str, array: NDArray[Any], allow_uniform: bool = False) -> None:
    """Raise InputError where voxels are NaN or infinite, or (unless allowed) all the same."""
    _refuse_not_finite(name, array)
    if not allow_uniform:
        _refuse_uniform(name, array)


def _refuse_not_finite(name: str, array: NDArray[Any]) -> None:
    if array.dtype.kind != "f":
        return
    bad = sum(int(np.count_nonzero(~np.isfinite(plane))) for plane in array)
    if bad:
        raise InputError(
            f"{name} has {bad} voxels that are NaN or infinite; replace them "
            "(numpy.nan_to_num) and save again"
        )


def _refuse_uniform(name: str, array: NDArray[Any]) -> None:
    first = array[0, 0, 0]
    if all((plane == first).all() for plane in array):
        raise InputError(
            f"{name}: every voxel is {first}; there is nothing to trace, check the file"
            " (and --channel, --roi)"
        )
