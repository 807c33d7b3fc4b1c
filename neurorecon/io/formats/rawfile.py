"""Arrays that lie in a file value by value, as they are or compressed as a whole."""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurorecon.errors import InputError
from neurorecon.io.damage import COPY_AGAIN
from neurorecon.io.formats.image import Where, refuse_impossible

# Deflate's limit; bzip2 reaches some 50,000 on an empty stack.
_MOST_PER_BYTE = {"gzip": 1_032.0, "bzip2": 100_000.0}
_STEP = 2**24

Crop = Callable[[Where], NDArray[Any]]


def mapped(path: Path, offset: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Crop:
    """What cuts boxes out of values at `offset` in a file, C order; nothing is read before.

    Raises InputError where the file is too short.
    """
    count = int(np.prod(shape, dtype=object))
    stored = path.stat().st_size
    refuse_impossible(str(path), offset + count * dtype.itemsize, stored)
    if not count:
        return np.empty(shape, dtype).__getitem__
    return np.memmap(path, dtype, "r", offset, shape).__getitem__


def inflated(
    path: Path, offset: int, skipped: int, dtype: np.dtype[Any], shape: tuple[int, ...], kind: str
) -> Crop:
    """As `mapped`, for values in a gzip or bzip2 stream; all are read at the first box.

    offset: of the stream in the file. skipped: bytes before the values in what the stream holds.
    kind: "gzip" or "bzip2".
    """
    count = int(np.prod(shape, dtype=object)) * dtype.itemsize
    stored = path.stat().st_size - offset
    refuse_impossible(str(path), count, stored, _MOST_PER_BYTE[kind])

    @cache
    def values() -> NDArray[Any]:
        buffer = np.empty(count, np.uint8)
        with path.open("rb") as file:
            file.seek(offset)
            stream: Any = gzip.GzipFile(fileobj=file) if kind == "gzip" else bz2.BZ2File(file)
            stream.read(skipped)
            view, done = buffer.data, 0
            while done < count and (got := stream.readinto(view[done : done + _STEP])):
                done += got
        if done < count:
            raise InputError(f"{path} is cut off (data beyond its end); {COPY_AGAIN}")
        return buffer.view(dtype).reshape(shape)

    return lambda where: values()[where]
