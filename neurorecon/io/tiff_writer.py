"""Stacks on disk: a compressed OME-TIFF that keeps voxel size, unit and origin."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tifffile
from numpy.typing import NDArray

from neurorecon.io.atomic import atomic_output
from neurorecon.io.tiff import PROBABILITY_NAME
from neurorecon.volume import Grid

# Offsets in a classic TIFF have 32 bits; the margin holds the pages' tags.
_LARGEST_CLASSIC = 2**32 - 2**25
_OME_UNIT = {"um": "\u00b5m", "voxel": "pixel"}


def write_probability(
    target: Path | BinaryIO, array: NDArray[np.uint8], grid: Grid, *, overwrite: bool = False
) -> None:
    """Write a (Z, Y, X) uint8 stack; `read_volume` reads it back on the same grid.

    target: a path, written whole or not at all, or a stream such as standard output.

    Raises InputError for an output that exists (unless `overwrite`) or cannot be written.
    """
    z, y, x = array.shape
    write_slabs(target, [array], (z, y, x), grid, overwrite=overwrite)


def write_image(
    path: Path,
    array: NDArray[np.uint8] | NDArray[np.uint16],
    grid: Grid,
    *,
    overwrite: bool = False,
) -> None:
    """Write a (Z, Y, X) image of 8 or 16 bits; else as `write_probability`."""
    z, y, x = array.shape
    with atomic_output(path, overwrite) as temporary:
        _write(temporary, [array], (z, y, x), grid, np.dtype(array.dtype), "image")


def write_slabs(
    target: Path | BinaryIO,
    slabs: Iterable[NDArray[np.uint8]],
    shape_zyx: tuple[int, int, int],
    grid: Grid,
    *,
    overwrite: bool = False,
) -> None:
    """As `write_probability`, from consecutive slabs along z, so that memory does not grow.

    slabs: (z, Y, X) uint8 each; together they have the shape `shape_zyx`.
    """
    kind, name = np.dtype(np.uint8), PROBABILITY_NAME
    if isinstance(target, Path):
        with atomic_output(target, overwrite) as temporary:
            _write(temporary, slabs, shape_zyx, grid, kind, name)
        return
    with tempfile.NamedTemporaryFile(suffix=".tif") as file:
        # A TIFF is not written front to back, as a pipe needs it.
        _write(Path(file.name), slabs, shape_zyx, grid, kind, name)
        shutil.copyfileobj(file, target)
    target.flush()


def _write(
    path: Path,
    slabs: Iterable[NDArray[Any]],
    shape_zyx: tuple[int, int, int],
    grid: Grid,
    dtype: np.dtype[Any],
    name: str,
) -> None:
    big = _needs_bigtiff(shape_zyx, dtype)
    with tifffile.TiffWriter(path, ome=True, bigtiff=big) as writer:
        writer.write(
            _planes(slabs, shape_zyx, dtype),
            shape=shape_zyx,
            dtype=dtype,
            photometric="minisblack",
            compression="zlib",
            metadata=_ome_metadata(grid, shape_zyx[0], name),
        )


def _planes(
    slabs: Iterable[NDArray[Any]], shape_zyx: tuple[int, int, int], dtype: np.dtype[Any]
) -> Iterator[NDArray[Any]]:
    count = 0
    for slab in slabs:
        for plane in slab:
            if plane.shape != shape_zyx[1:] or plane.dtype != dtype:
                raise ValueError(f"a plane is {plane.shape} {plane.dtype}, not {shape_zyx[1:]}")
            count += 1
            yield np.ascontiguousarray(plane)
    if count != shape_zyx[0]:
        raise ValueError(f"{count} planes, expected {shape_zyx[0]}")


def _needs_bigtiff(shape_zyx: tuple[int, int, int], dtype: np.dtype[Any]) -> bool:
    return int(np.prod(shape_zyx, dtype=np.int64)) * dtype.itemsize > _LARGEST_CLASSIC


def _ome_metadata(grid: Grid, count: int, name: str) -> dict[str, Any]:
    """Attributes of Pixels and of its `count` planes, as tifffile takes them."""
    unit = _OME_UNIT[grid.unit]
    place = f"{grid.voxel_size_zyx} {grid.origin_zyx} {grid.unit} {count}"
    pixels: dict[str, Any] = {
        "axes": "ZYX",
        "Name": name,
        # tifffile's own is random; the same input must give the same bytes.
        "UUID": str(uuid.uuid5(uuid.NAMESPACE_OID, place)),
    }
    plane: dict[str, list[Any]] = {}
    for axis, size, start in zip("ZYX", grid.voxel_size_zyx, grid.origin_zyx, strict=True):
        pixels[f"PhysicalSize{axis}"] = size
        pixels[f"PhysicalSize{axis}Unit"] = unit
        step = size if axis == "Z" else 0.0
        plane[f"Position{axis}"] = [start + index * step for index in range(count)]
        plane[f"Position{axis}Unit"] = [unit] * count
    return {**pixels, "Plane": plane}
