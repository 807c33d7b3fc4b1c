"""NRRD, with its values in the same file or in one beside it (a detached header).

Definition: https://teem.sourceforge.net/nrrd/format.html. Axes stand fastest first there.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurorecon.errors import InputError
from neurorecon.io.damage import COPY_AGAIN, damage_reported
from neurorecon.io.formats.image import ArrayImage, checked_dtype, refuse_impossible
from neurorecon.io.formats.rawfile import Crop, inflated, mapped
from neurorecon.io.tiff_grid import MaybeTriple, Placement, um_per_unit

START = b"NRRD000"
_SOURCE = "NRRD header fields"
_ENCODINGS = {
    **dict.fromkeys(("gzip", "gz"), "gzip"),
    **dict.fromkeys(("bzip2", "bz2"), "bzip2"),
    **dict.fromkeys(("ascii", "text", "txt"), "text"),
    "raw": "none",
}
_TYPES = {
    **dict.fromkeys(("signed char", "int8", "int8_t"), "i1"),
    **dict.fromkeys(("uchar", "unsigned char", "uint8", "uint8_t"), "u1"),
    **dict.fromkeys(("short", "short int", "signed short", "signed short int"), "i2"),
    **dict.fromkeys(("int16", "int16_t"), "i2"),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), "u2"),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t"), "i4"),
    **dict.fromkeys(("uint", "unsigned int", "uint32", "uint32_t"), "u4"),
    **dict.fromkeys(("longlong", "long long", "long long int", "signed long long"), "i8"),
    **dict.fromkeys(("signed long long int", "int64", "int64_t"), "i8"),
    **dict.fromkeys(("ulonglong", "unsigned long long", "unsigned long long int"), "u8"),
    **dict.fromkeys(("uint64", "uint64_t"), "u8"),
    **{"float": "f4", "double": "f8"},
}
_COLOURS = {"rgb-color", "rgba-color", "hsv-color", "xyz-color", "3-color", "4-color"}
_SPATIAL = {"domain", "space", "???", "none", ""}
_BY_LABEL = {"x": "X", "y": "Y", "z": "Z", "c": "C", "channel": "C", "t": "T", "time": "T"}


@contextmanager
def open_nrrd(path: Path, _dataset: str) -> Iterator[ArrayImage]:
    """Open a `.nrrd` or `.nhdr`; InputError where it is damaged or its values cannot be found."""
    name = str(path)
    with damage_reported(name):
        header, offset = _header(path)
        dtype = _dtype(name, header)
        shape = tuple(int(size) for size in header["sizes"])[::-1]
        if min(shape, default=-1) < 0:
            raise InputError(f"{name} has a negative size in its header; {COPY_AGAIN}")
        axes = _axes(header)
        packing = _ENCODINGS.get(str(header["encoding"]).lower())
        if packing is None:
            raise InputError(f"{name} is encoded as {header['encoding']}; save it as raw or gzip")
        crop = _values(path, header, offset, packing, dtype, shape)
        where = _placement(header, axes[::-1])
    plane = shape if packing != "none" else (1,) * (len(shape) - 2) + shape[-2:]
    yield ArrayImage(name, axes, shape, checked_dtype(name, dtype), packing, crop, plane, where)


def _header(path: Path) -> tuple[Mapping[str, Any], int]:
    """The header's fields, and where the values begin if they follow it."""
    import nrrd

    with path.open("rb") as file:
        # A file without the empty line that ends a header must not be read to its end.
        head = file.read(2**20)
    stream = io.BytesIO(head)
    try:
        header = nrrd.read_header(stream)
        needed = [header[field] for field in ("type", "dimension", "sizes", "encoding")]
    except (nrrd.NRRDError, ValueError, KeyError, IndexError, TypeError) as error:
        reason = f"{type(error).__name__}: {error}".split("\n")[0]
        raise InputError(f"{path} has a damaged header ({reason}); {COPY_AGAIN}") from error
    if len(needed[2]) != needed[1]:
        raise InputError(f"{path} has another number of sizes than of dimensions; {COPY_AGAIN}")
    return header, stream.tell()


def _dtype(name: str, header: Mapping[str, Any]) -> np.dtype[Any]:
    kind = _TYPES.get(str(header["type"]).strip().lower())
    if kind is None:
        raise InputError(f"{name} holds {header['type']} values; save it as 8- or 16-bit gray")
    is_big = str(header.get("endian", "little")).lower() == "big"
    return np.dtype(("<", ">")[is_big] + kind)


def _values(
    path: Path,
    header: Mapping[str, Any],
    offset: int,
    packing: str,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
) -> Crop:
    """What cuts boxes out of the values, C order."""
    named = header.get("data file", header.get("datafile"))
    file, start = (path, offset) if named is None else (_beside(path, named), 0)
    start += _lines(file, start, int(header.get("line skip", header.get("lineskip", 0))))
    skip = int(header.get("byte skip", header.get("byteskip", 0)))
    if skip < -1 or (skip == -1 and packing != "none"):
        raise InputError(f"{path} skips {skip} bytes, which has no meaning; {COPY_AGAIN}")
    if packing == "text":
        array = _from_text(file, start + skip, dtype, shape)
        return array.__getitem__
    if packing != "none":
        return inflated(file, start, skip, dtype, shape, packing)
    if skip == -1:  # the values are the last bytes of the file
        count = int(np.prod(shape, dtype=object)) * dtype.itemsize
        refuse_impossible(str(file), count, file.stat().st_size)
        return mapped(file, file.stat().st_size - count, dtype, shape)
    return mapped(file, start + skip, dtype, shape)


def _beside(path: Path, named: Any) -> Path:
    """The file of the values, which must lie in the header's folder or below it."""
    if not isinstance(named, str) or named.upper().startswith("LIST") or "%" in named:
        raise InputError(f"{path} spreads its values over several files; save it as one .nrrd")
    file = path.parent / named.strip()
    if not file.resolve().is_relative_to(path.parent.resolve()):
        raise InputError(
            f"{path} takes its values from {named}, outside of its own folder; put that file "
            "beside it and write its bare name after 'data file:'"
        )
    if not file.is_file():
        raise InputError(
            f"{path} takes its values from {file}, which is no file; copy that one too"
        )
    return file


def _lines(file: Path, start: int, count: int) -> int:
    """Bytes of so many lines from a place in a file on."""
    with file.open("rb") as stream:
        stream.seek(start)
        for _ in range(max(count, 0)):
            if not stream.readline(2**20):
                break
        return stream.tell() - start


def _from_text(
    file: Path, start: int, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> NDArray[Any]:
    refuse_impossible(str(file), int(np.prod(shape, dtype=object)), file.stat().st_size - start)
    with file.open("rb") as stream:
        stream.seek(start)
        return np.array(stream.read().split(), dtype).reshape(shape)


def _axes(header: Mapping[str, Any]) -> str:
    """A letter for each axis, slowest first."""
    count = int(header["dimension"])
    kinds = [str(kind).lower() for kind in header.get("kinds", [""] * count)]
    labels = [str(label).strip().lower() for label in header.get("labels", [""] * count)]
    steps = _steps(header)
    letters: list[str] = []
    spatial = iter("XYZ")
    if set(labels) >= {"x", "y", "z"} and len(labels) == count:
        return "".join(_BY_LABEL.get(label, "Q") for label in labels)[::-1]
    for axis in range(count):
        kind = kinds[axis] if axis < len(kinds) else ""
        if kind in _COLOURS:
            letters.append("S")
        elif kind == "time" or (kind not in _SPATIAL) or np.isnan(steps[axis]).all():
            letters.append("T" if kind == "time" else "C")
        else:
            letters.append(next(spatial, "Q"))
    return "".join(letters[::-1])


def _steps(header: Mapping[str, Any]) -> list[NDArray[np.float64]]:
    """The step along each axis as a vector in space (of one component without a space).

    All zero where nothing is said, NaN where the header says that the axis is none of space.
    """
    count = int(header["dimension"])
    for field in ("space directions", "spacings"):
        if field in header and len(header[field]) == count:
            rows = [np.atleast_1d(np.nan if row is None else row) for row in header[field]]
            return [np.asarray(row, np.float64) for row in rows]
    return [np.zeros(1)] * count


def _placement(header: Mapping[str, Any], axes: str) -> Placement:
    """axes: letters, fastest first."""
    in_space = "space directions" in header
    steps = _steps(header)
    units = [um_per_unit(str(unit)) for unit in _units(header, in_space, len(axes))]
    origin = np.asarray(header.get("space origin", []), np.float64)
    size: dict[str, float | None] = {}
    start: dict[str, float | None] = {}
    for place, (letter, step) in enumerate(zip(axes, steps, strict=True)):
        along = np.flatnonzero(np.nan_to_num(step))
        if letter not in "XYZ" or not len(along):
            continue
        own = units if in_space else [units[place]]
        factors = [own[i] if i < len(own) else None for i in along]
        if None not in factors and np.isfinite(step).all():
            size[letter] = float(np.linalg.norm(step[along] * np.array(factors, np.float64)))
        known = letter in size and in_space and len(along) == 1 and step[along[0]] > 0
        if known and len(origin) == len(step) and np.isfinite(origin[along[0]]):
            start[letter] = float(origin[along[0]]) * float(factors[0] or 0)
    # Turned or mirrored axes have no place in a grid: their origin would mislead.
    placed = start if len(start) == 3 and _is_upright(axes, steps) else {}
    return Placement(_triple(size), _triple(placed), source=_SOURCE)


def _is_upright(axes: str, steps: Sequence[NDArray[np.float64]]) -> bool:
    """Whether x, y and z of the file are the first, second and third axis of its space."""
    of_letter = dict(zip(axes, steps, strict=True))
    return all(np.flatnonzero(of_letter[letter]).tolist() == [i] for i, letter in enumerate("XYZ"))


def _units(header: Mapping[str, Any], in_space: bool, count: int) -> list[str]:
    found = header.get("space units" if in_space else "units", [])
    return [str(unit) for unit in found] if len(found) else [""] * count


def _triple(values: Mapping[str, float | None]) -> MaybeTriple:
    return values.get("Z"), values.get("Y"), values.get("X")
