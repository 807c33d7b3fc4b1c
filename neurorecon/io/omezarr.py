"""OME-Zarr images (0.4 on Zarr 2, 0.5 on Zarr 3) and plain Zarr arrays, read chunk by chunk."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurorecon.errors import InputError
from neurorecon.io.damage import damage_reported
from neurorecon.io.roi import Box
from neurorecon.io.tiff import PROBABILITY_NAME
from neurorecon.io.tiff_axes import AxisPlan
from neurorecon.io.tiff_grid import MaybeTriple, Placement, um_per_unit
from neurorecon.io.zarr_bombs import ChunkGuard, codec_name

if TYPE_CHECKING:
    import zarr

_SOURCE = "OME-Zarr metadata"
_MARKS = ("zarr.json", ".zgroup", ".zarray")  # the first is Zarr 3's, the others are Zarr 2's
_LISTED = 8
_MOST_VOXELS = 10**15  # a whole mouse brain at 0.1 µm has some 5e14
_UNNAMED = {3: "ZYX", 4: "CZYX", 5: "TCZYX"}  # the order that OME-Zarr prescribes


@dataclass(frozen=True)
class OpenZarr:
    """One array of a Zarr store: the finest level of an OME-Zarr image.

    name: of the folder, for messages.
    axes, shape: letters as tifffile's (T, C, Z, Y, X; Q for any other), and sizes.
    dtype: of the values in memory, in the machine's byte order.
    compression: names of the codecs.
    is_probability: never told by a Zarr store. remarks: none.
    """

    name: str
    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    compression: str
    _array: zarr.Array[Any]
    _guard: ChunkGuard
    _placement: Mapping[str, tuple[float | None, float | None]]
    is_probability: bool = False
    remarks: tuple[str, ...] = ()

    def placement(self, shape_zyx: tuple[int, int, int]) -> Placement:
        """What the metadata say about voxel size and origin, in micrometres."""
        if not self._placement:
            return Placement()
        sizes, origins = zip(
            *(self._placement.get(axis, (None, None)) for axis in "ZYX"), strict=True
        )
        return Placement(_triple(sizes), _triple(origins), source=_SOURCE)

    def chunk_zyx(self, plan: AxisPlan) -> tuple[int, int, int]:
        """Voxels along each axis that are stored, and so read, together."""
        chunks = self._array.chunks
        return chunks[plan.z], chunks[plan.y], chunks[plan.x]

    def read(self, plan: AxisPlan, box: Box) -> NDArray[Any]:
        """The voxels of one channel in a box, (Z, Y, X); InputError where a chunk is damaged."""
        where: list[int | slice] = [0] * len(self.shape)
        where[plan.z], where[plan.y], where[plan.x] = box
        if plan.channel is not None:
            where[plan.channel] = plan.channel_index
        with damage_reported(self.name):
            self._guard.look(where)
            values = np.asarray(self._array[tuple(where)])
        # (spatial axes in the store's order) -> (Z, Y, X)
        order = np.argsort(np.argsort([plan.z, plan.y, plan.x]))
        return np.ascontiguousarray(values.transpose(order), dtype=self.dtype)


@contextmanager
def open_zarr(folder: Path) -> Iterator[OpenZarr]:
    """Open an OME-Zarr image, one of its levels (`a.zarr/1`), or a plain Zarr array.

    Raises InputError for a folder that is no Zarr store, a store of several images, and values
    that are not real numbers.
    """
    name = str(folder)
    if not any((folder / mark).is_file() for mark in _MARKS):
        raise InputError(f"{name} is a directory; give one TIFF file or one OME-Zarr image")
    with damage_reported(name):
        group, level = _image(folder)
        image = _multiscales(group)
        array = _array_of(folder, group, level, image)
        _refuse_impossible(name, array)
        axes = _axes(image, array)
        transforms = _placement(image, level, axes) if image else {}
        guard = ChunkGuard(name, array)
    yield OpenZarr(
        name=name,
        axes="".join(axes),
        shape=tuple(array.shape),
        dtype=_checked_dtype(name, array.dtype),
        compression=", ".join(codec_name(codec) for codec in array.compressors) or "none",
        _array=array,
        _guard=guard,
        _placement=transforms,
        is_probability=image.get("name") == PROBABILITY_NAME,
    )


def _image(folder: Path) -> tuple[zarr.Group | None, str]:
    """The group whose metadata describe the array, and the array's path in it."""
    import zarr  # half a second to import, and only where the input is a Zarr store

    opened: Any = zarr.open(folder, mode="r")
    if isinstance(opened, zarr.Array):
        parent = folder.resolve().parent
        if any((parent / mark).is_file() for mark in _MARKS):
            group = zarr.open(parent, mode="r")
            if isinstance(group, zarr.Group):
                return group, folder.resolve().name
        return None, ""
    if not _multiscales(opened):
        # bioformats2raw puts each image of a file into a group of its own.
        images = sorted(key for key, child in opened.groups() if _multiscales(child))
        if not images:
            raise InputError(f"{folder} holds no OME-Zarr image; {_arrays_listed(folder, opened)}")
        if len(images) > 1:
            raise InputError(
                f"{folder} holds {len(images)} images ({', '.join(images)}); give the folder of "
                f"one OME-Zarr image, or of one array: {folder}/{images[0]}"
            )
        opened = opened[images[0]]
    return opened, str(_multiscales(opened)["datasets"][0]["path"])


def _arrays_listed(folder: Path, group: zarr.Group) -> str:
    """The cure where nothing says which array is meant: the first that could be a stack."""
    found = list(islice(_stacks_in(group), _LISTED + 1))
    if not found:
        return "it has no 3D array either: give another folder"
    path = found[0][0]
    names = [f"{path} ({' x '.join(map(str, shape))})" for path, shape in found[:_LISTED]]
    return (
        f"choose one of its arrays with --dataset {path}, or name {folder}/{path}: "
        f"{', '.join(names)}{', ...' * (len(found) > _LISTED)}"
    )


def _stacks_in(group: zarr.Group) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Paths and shapes of the arrays with three long axes or more, in the order of their names.

    One by one: to open all of the thousands in a plate takes minutes.
    """
    import zarr

    for key, member in sorted(group.members()):
        if isinstance(member, zarr.Group):
            yield from ((f"{key}/{path}", shape) for path, shape in _stacks_in(member))
        elif sum(size > 1 for size in member.shape) >= 3:
            yield key, member.shape


def _multiscales(group: zarr.Group | None) -> dict[str, Any]:
    """The first image that a group describes; empty where it describes none."""
    attributes: Any = {} if group is None else dict(group.attrs)
    found = attributes.get("ome", attributes).get("multiscales") or [{}]
    return dict(found[0])


def _array_of(
    folder: Path, group: zarr.Group | None, level: str, image: dict[str, Any]
) -> zarr.Array[Any]:
    import zarr

    found = zarr.open(folder, mode="r") if group is None or not image else group[level]
    if not isinstance(found, zarr.Array):
        raise InputError(f"{folder}: {level} is no array; the OME-Zarr metadata say it is")
    return found


def _refuse_impossible(name: str, array: zarr.Array[Any]) -> None:
    if math.prod(array.shape) > _MOST_VOXELS:
        shape = " x ".join(map(str, array.shape))
        raise InputError(
            f"{name} is damaged: it says that it holds {shape} values, more than any microscope "
            "makes; copy or export it again"
        )


def _axes(image: dict[str, Any], array: zarr.Array[Any]) -> list[str]:
    """A letter for each axis of the array."""
    named = image.get("axes") or getattr(array.metadata, "dimension_names", None) or []
    letters = []
    for axis in named:
        described = axis if isinstance(axis, dict) else {"name": axis}
        known = {"channel": "C", "time": "T"}.get(str(described.get("type")))
        letter = str(described.get("name", "")).upper()
        letters.append(known or (letter if letter in {*"TCZYX"} else "Q"))
    if len(letters) != array.ndim:
        letters = list(_UNNAMED.get(array.ndim, "Q" * array.ndim))
    return letters


def _placement(
    image: dict[str, Any], level: str, axes: list[str]
) -> dict[str, tuple[float | None, float | None]]:
    """Voxel size and origin in micrometres along each axis that has a unit of length."""
    [dataset] = [one for one in image["datasets"] if one["path"] == level] or [{}]
    size, origin = np.ones(len(axes)), np.zeros(len(axes))
    # Those of the level come first, then those that all levels share.
    for step in (dataset, image):
        for transform in step.get("coordinateTransformations", []):
            if transform.get("type") == "scale":
                size, origin = (part * np.asarray(transform["scale"]) for part in (size, origin))
            elif transform.get("type") == "translation":
                origin = origin + np.asarray(transform["translation"])
    result: dict[str, tuple[float | None, float | None]] = {}
    for axis, described, step_size, start in zip(
        axes, image.get("axes", []), size, origin, strict=False
    ):
        unit = um_per_unit(described.get("unit") if isinstance(described, dict) else None)
        known = unit is not None and np.isfinite(step_size) and step_size > 0
        result[axis] = (step_size * unit, start * unit) if known and unit else (None, None)
    return result


def _triple(values: tuple[Any, ...]) -> MaybeTriple:
    z, y, x = (None if value is None else float(value) for value in values)
    return z, y, x


def _checked_dtype(name: str, dtype: np.dtype[Any]) -> np.dtype[Any]:
    if dtype.kind not in "uifb":
        raise InputError(f"{name} holds {dtype} values; save it as 8- or 16-bit gray")
    return dtype.newbyteorder("=")
