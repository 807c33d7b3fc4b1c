"""Vaa3D's own formats: `.v3draw` (plain) and `.v3dpbd` (packed bits and differences).

Source: Vaa3D, v3d_main/basic_c_fun/stackutil.cpp and
v3d_main/neuron_annotator/utility/ImageLoaderBasic.cpp. Neither format knows a voxel size.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurorecon.errors import InputError
from neurorecon.io.damage import COPY_AGAIN, damage_reported
from neurorecon.io.formats.image import ArrayImage, refuse_impossible
from neurorecon.io.formats.pbd import MOST_BYTES_PER_BYTE, unpack
from neurorecon.io.formats.rawfile import mapped
from neurorecon.io.tiff_grid import Placement

RAW_START, RAW5_START = b"raw_image_stack_by_hpeng", b"raw5image_stack_by_hpeng"
PBD_START = b"v3d_volume_pkbitdf_encod"
_TYPES = {1: "u1", 2: "u2", 4: "f4"}
_NOWHERE = Placement(source="Vaa3D headers")


@contextmanager
def open_raw(path: Path, _dataset: str) -> Iterator[ArrayImage]:
    """Open a `.v3draw`; InputError where it is damaged or cut off."""
    name = str(path)
    with damage_reported(name):
        dtype, shape, offset = _header(path)
        crop = mapped(path, offset, dtype, shape)
    yield _image(name, dtype, shape, "none", crop, (1, *shape[-2:]))


@contextmanager
def open_pbd(path: Path, _dataset: str) -> Iterator[ArrayImage]:
    """Open a `.v3dpbd`, which is unpacked as a whole; InputError where it is damaged or cut off."""
    name = str(path)
    with damage_reported(name):
        dtype, shape, offset = _header(path)
        if dtype.kind == "f":
            raise InputError(
                f"{name} says that it packs floats, which no .v3dpbd does; {COPY_AGAIN}"
            )
        count = int(np.prod(shape, dtype=object))
        stored = path.stat().st_size - offset
        refuse_impossible(name, count * dtype.itemsize, stored, MOST_BYTES_PER_BYTE)

    @cache
    def values() -> NDArray[Any]:
        packed = np.fromfile(path, np.uint8, offset=offset)
        return unpack(packed, count, dtype).reshape(shape)

    yield _image(name, dtype, shape, "pbd", lambda where: values()[where], shape[-3:])


def _image(
    name: str, dtype: np.dtype[Any], shape: tuple[int, ...], packing: str, crop: Any, chunk: Any
) -> ArrayImage:
    axes = "TCZYX"[-len(shape) :]
    chunks = (*(1,) * (len(shape) - 3), *chunk)
    return ArrayImage(name, axes, shape, dtype.newbyteorder("="), packing, crop, chunks, _NOWHERE)


def _header(path: Path) -> tuple[np.dtype[Any], tuple[int, ...], int]:
    """Type, shape (slowest axis first) and the place of the first value."""
    with path.open("rb") as file:
        start = file.read(64)
    order = {b"L": "<", b"B": ">"}.get(start[24:25])
    if order is None or len(start) < 43:
        raise InputError(f"{path} is cut off or damaged in its header; {COPY_AGAIN}")
    (code,) = struct.unpack_from(f"{order}h", start, 25)
    if code not in _TYPES:
        raise InputError(f"{path} has values of an unknown kind ({code}); {COPY_AGAIN}")
    dtype = np.dtype(order + _TYPES[code])
    axes = 5 if start.startswith(RAW5_START) else 4
    sizes = struct.unpack_from(f"{order}{axes}i", start.ljust(64, b"\0"), 27)
    offset = 27 + 4 * axes
    short = struct.unpack_from(f"{order}{axes}h", start, 27)
    # Old files have sizes of two bytes; only their length tells.
    if 27 + 2 * axes + _bytes(short, dtype) == path.stat().st_size and min(short) > 0:
        sizes, offset = short, 27 + 2 * axes
    if min(sizes) < 0:
        raise InputError(f"{path} has a negative size in its header; {COPY_AGAIN}")
    return dtype, sizes[::-1], offset


def _bytes(sizes: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    return int(np.prod(sizes, dtype=object)) * dtype.itemsize
