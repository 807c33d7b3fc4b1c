"""Stacks in and out: one channel of a 3D image as a `Volume`, probabilities back to disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from neurorecon.errors import InputError
from neurorecon.io.address import is_pattern, is_store, split_address
from neurorecon.io.formats.image import OpenImage
from neurorecon.io.formats.slices import open_slices
from neurorecon.io.formats.table import SUFFIXES, format_of
from neurorecon.io.omezarr import open_zarr
from neurorecon.io.roi import Box, parse_roi
from neurorecon.io.tiff import open_tiff
from neurorecon.io.tiff_axes import AxisPlan, plan_axes
from neurorecon.io.tiff_grid import make_grid
from neurorecon.io.tiff_writer import write_probability
from neurorecon.volume import Grid, Volume

__all__ = [
    "SUFFIXES",
    "OpenStack",
    "StackDescription",
    "check_values",
    "default_folder",
    "describe_stack",
    "is_stack",
    "open_stack",
    "read_volume",
    "refuse_not_finite",
    "stack_stem",
    "stack_warnings",
    "unknown_voxel_size",
    "write_probability",
]

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
    remarks: what a user should know before trusting the values, a sentence each.
    gaps: that planes seem to be missing, a sentence each.
    """

    name: str
    shape_zyx: tuple[int, int, int]
    dtype: np.dtype[Any]
    grid: Grid
    is_probability: bool
    _image: OpenImage
    _plan: AxisPlan

    @property
    def remarks(self) -> tuple[str, ...]:
        """See the class."""
        return self._image.remarks

    @property
    def gaps(self) -> tuple[str, ...]:
        """See the class."""
        return getattr(self._image, "gaps", ())

    @property
    def chunk_zyx(self) -> tuple[int, int, int]:
        """Voxels along each axis that are stored, and so read, together."""
        return self._image.chunk_zyx(self._plan)

    @property
    def is_mapped(self) -> bool:
        """Whether any box is read at the cost of its own voxels, whatever the chunks."""
        return getattr(self._image, "is_mapped", False)

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
    remarks: the remarks and the gaps of an `OpenStack`.
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
    remarks: tuple[str, ...]


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


def _open_image(source: Source) -> AbstractContextManager[OpenImage]:
    if not isinstance(source, Path):
        return open_tiff(source)
    if is_store(source):
        return open_zarr(source)
    if source.is_dir() or is_pattern(source):
        return open_slices(source)
    file, dataset = split_address(source)
    if not file.is_file():  # a pipe, or nothing
        return open_tiff(source)
    found = format_of(file)
    if found is None or found.opener is None:
        raise InputError(_unknown(file))
    if dataset and not found.has_datasets:
        raise InputError(
            f"{file} ({found.name}) holds one image and no data sets; leave out '{dataset}'"
        )
    return found.opener(file, dataset)


def _unknown(file: Path) -> str:
    if file.stat().st_size == 0:
        return f"{file} is empty; copy or export it again"
    return (
        f"{file} is in none of the formats that `neurorecon info --formats` lists; convert it (in "
        "Fiji: File > Save As > Tiff)"
    )


def read_volume(
    source: Source,
    *,
    voxel_size_zyx: VoxelSize = None,
    channel: int | None = None,
    roi: str | None = None,
    allow_uniform: bool = False,
) -> Volume:
    """One channel of a z stack in memory.

    source: a file of any format of `io.formats.table`, a data set in one (`a.h5/raw`), a Zarr
        store or a level of it (`a.zarr/1`), a folder or pattern of slices, or a stream of a TIFF's
        bytes.
    voxel_size_zyx: in um; overrides the file's own.
    channel: counted from 0; needed where there are several.
    roi: `Z0:Z1,Y0:Y1,X0:X1`; the grid's origin moves with it, so that coordinates stay those of
        the whole stack.
    allow_uniform: accept a stack whose voxels are all equal, as an empty mask is.

    Raises InputError, in one line that says what to do, for everything that is not one channel
    of a z stack of finite real numbers: no such file, no format that is known, cut off, 2D, RGB,
    several channels without a choice, a time series, empty, all one value, NaN, complex.
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

    Raises InputError for what cannot be opened.
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
            remarks=(*image.remarks, *getattr(image, "gaps", ())),
        )


def is_stack(path: Path) -> bool:
    """Whether a path is that of a stack, by its name or by what the file begins with.

    A folder is a stack only where it is a Zarr store: of slices or of stacks, nobody can tell.
    """
    if path.name.lower().endswith(SUFFIXES) or is_store(path):
        return True
    file, dataset = split_address(path)
    return file.is_file() and (bool(dataset) or format_of(file) is not None)


def stack_stem(stack: Path) -> str:
    """A stack's name without its suffix, for what is made of it.

    `a.tif` and `a.ome.tif` are `a`; `a.h5/raw/crop` is `a_raw_crop`; `slices/*.tif` is `slices`.
    """
    if is_pattern(stack):
        return stack.resolve().parent.name or "slices"
    file, dataset = split_address(stack)
    name = file.name or file.resolve().name
    suffix = next((suffix for suffix in SUFFIXES if name.lower().endswith(suffix)), "")
    inside = "".join(f"_{part}" for part in dataset.split("/") if part)
    return (name[: len(name) - len(suffix)] or name) + inside


def default_folder(stack: Path) -> Path:
    """Where to put what is made of a stack: beside it, or here if nothing can be written there."""
    beside = split_address(stack)[0]
    folder = (beside.resolve().parent if is_pattern(stack) else beside).parent
    return folder if os.access(folder, os.W_OK) else Path()


def stack_warnings(stack: OpenStack, brightness_known: bool = False) -> list[str]:
    """What a command warns of before it works on a stack: remarks, gaps, an unknown voxel size.

    brightness_known: the user has said whether neurites are dark, which is what remarks ask for.
    """
    unknown = unknown_voxel_size(stack.grid)
    remarks = () if brightness_known else stack.remarks
    return [*remarks, *stack.gaps, *([unknown] if unknown else [])]


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
    refuse_not_finite(name, array)
    if not allow_uniform:
        _refuse_uniform(name, array)


def refuse_not_finite(name: str, array: NDArray[Any]) -> None:
    """Raise InputError where voxels of a stack, or of a part of it, are NaN or infinite."""
    if array.dtype.kind != "f":
        return
    bad = sum(int(np.count_nonzero(~np.isfinite(plane))) for plane in array)
    if bad:
        raise InputError(
            f"{name} has {bad} voxels (of {array.size} looked at) that are NaN or infinite; "
            "replace them (numpy.nan_to_num) and save again"
        )


def _refuse_uniform(name: str, array: NDArray[Any]) -> None:
    first = array[0, 0, 0]
    if all((plane == first).all() for plane in array):
        raise InputError(
            f"{name}: every voxel is {first}; there is nothing to trace, check the file"
            " (and --channel, --roi)"
        )
