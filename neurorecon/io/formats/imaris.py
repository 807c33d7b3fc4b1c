"""Imaris files (`.ims`): HDF5 with an array for each resolution, time and channel.

Definition: Bitplane, "Imaris 5.5 File Format".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurorecon.errors import InputError
from neurorecon.io.damage import COPY_AGAIN
from neurorecon.io.formats.image import ArrayImage, Where, checked_dtype
from neurorecon.io.tiff_grid import MaybeTriple, Placement, um_per_unit

if TYPE_CHECKING:
    import h5py

_LEVEL = "ResolutionLevel {}"


def is_imaris(file: h5py.File) -> bool:
    """Whether an HDF5 file has the layout of an Imaris file."""
    return "DataSetInfo/Image" in file and f"DataSet/{_LEVEL.format(0)}" in file


def imaris_image(name: str, file: h5py.File, dataset: str) -> ArrayImage:
    """The image of one resolution level: `1`, `ResolutionLevel 1`, or empty for the finest.

    Raises InputError where there is no such level or the file is not whole.
    """
    number = dataset.rsplit(" ", 1)[-1].rsplit("/", 1)[-1] or "0"
    levels = file["DataSet"]
    if _LEVEL.format(number) not in levels:
        known = ", ".join(sorted(level.rsplit(" ", 1)[-1] for level in levels))
        raise InputError(f"{name} is no resolution level; there are {known} (0 is the finest)")
    level = levels[_LEVEL.format(number)]
    times = _numbered(level, "TimePoint")
    channels = _numbered(level["TimePoint 0"], "Channel")
    first = level["TimePoint 0/Channel 0"]
    stored = first["Data"]
    # What is stored is padded to whole chunks.
    z, y, x = (
        int(_text(first.attrs.get(f"ImageSize{axis}")) or padded)
        for axis, padded in zip("ZYX", stored.shape, strict=True)
    )
    if not all(0 <= size <= padded for size, padded in zip((z, y, x), stored.shape, strict=True)):
        raise InputError(f"{name} has sizes that its data do not have; {COPY_AGAIN}")

    def crop(where: Where) -> NDArray[Any]:
        time, channel, *box = where
        return np.asarray(level[f"TimePoint {time}/Channel {channel}/Data"][tuple(box)])

    return ArrayImage(
        name=name,
        axes="TCZYX",
        shape=(times, channels, z, y, x),
        dtype=checked_dtype(name, stored.dtype),
        compression=stored.compression or "none",
        crop=crop,
        chunks=(1, 1, *(stored.chunks or (1, y, x))),
        where=_placement(file["DataSetInfo/Image"].attrs, (z, y, x)),
    )


def _numbered(group: h5py.Group, kind: str) -> int:
    """How many members `kind 0`, `kind 1`, ... a group has."""
    numbers = {int(match[1]) for key in group if (match := re.fullmatch(rf"{kind} (\d+)", key))}
    return next(number for number in range(len(numbers) + 1) if number not in numbers)


def _placement(attributes: Any, shape_zyx: tuple[int, int, int]) -> Placement:
    """Extents are the outer faces of the first and the last voxel."""
    unit = um_per_unit(_text(attributes.get("Unit")) or "um")
    sizes: list[float | None] = []
    origins: list[float | None] = []
    for axis, count in zip((2, 1, 0), shape_zyx, strict=True):
        try:
            low, high = (float(_text(attributes[f"Ext{end}{axis}"])) for end in ("Min", "Max"))
        except (KeyError, ValueError):
            low, high = np.nan, np.nan
        size = (high - low) / count if count else np.nan
        known = unit is not None and np.isfinite(size) and size > 0
        sizes.append(size * unit if known and unit else None)
        origins.append((low + size / 2) * unit if known and unit else None)
    return Placement(_triple(sizes), _triple(origins), source="Imaris extents")


def _text(value: Any) -> str:
    """Imaris writes text as an array of characters."""
    if value is None:
        return ""
    parts = np.asarray(value).ravel().tolist()
    return "".join(
        part.decode("latin-1") if isinstance(part, bytes) else str(part) for part in parts
    )


def _triple(zyx: list[float | None]) -> MaybeTriple:
    z, y, x = zyx
    return z, y, x
