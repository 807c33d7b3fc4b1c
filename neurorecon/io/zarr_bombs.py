"""Chunks of a Zarr store that unpack to far more than they should, found before they are unpacked.

The codecs have no limit: a megabyte in a file can fill the memory. Codecs that begin with the size
of what they hold are asked for it; of the others, what could be too large is unpacked piece by
piece, and forgotten, until it is done or too large.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import math
import zlib
from collections.abc import Iterator, Sequence
from io import BytesIO
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import imagecodecs
import numpy as np

from neurorecon.errors import InputError

if TYPE_CHECKING:
    import zarr

MOST_BYTES = 2**26  # of one chunk, unless it should hold more; Zarr unpacks some ten at a time
_SPARE = 2  # times what it should hold: a filter may store wider values than the array has
_PIECE = 2**20
# How many bytes one byte can stand for, at most; what starts with its size needs no entry.
_RATIO = {"gzip": 1040, "zlib": 1040, "bz2": 2_000_000, "lzma": 10_000, "zstd": 40_000}
_SIZE_AT = {"blosc": 4, "lz4": 0}  # a little-endian number of four bytes
_PACKERS = {*_RATIO, *_SIZE_AT}


class ChunkGuard:
    """Looks at the chunk files of one array in a local store before they are read."""

    def __init__(self, name: str, array: zarr.Array[Any]) -> None:
        self._name, self._array = name, array
        self._folder = Path(getattr(array.store, "root", "."), array.path)
        self._files = array.shards or array.chunks  # voxels of a file along each axis
        self._limit = max(MOST_BYTES, _SPARE * min(array.nbytes, _bytes_of(array)))
        found = [codec_name(codec) for codec in (*array.filters, *array.compressors)]
        packers = [codec for codec in found if codec in _PACKERS]
        if len(packers) > 1:
            raise InputError(
                f"{name}: its chunks are packed by {' and '.join(packers)}, one in the other; "
                "save it with one codec"
            )
        self._codec = packers[0] if packers else None

    def look(self, where: Sequence[int | slice]) -> None:
        """InputError if a chunk that holds some of these voxels would fill the memory."""
        if self._codec is None:
            return
        sides = [
            range(part.start // size, -(-part.stop // size))
            if isinstance(part, slice)
            else range(part // size, part // size + 1)
            for part, size in zip(where, self._files, strict=True)
        ]
        for place in product(*sides):
            self._look_at(self._folder / self._array.metadata.encode_chunk_key(place))

    def _look_at(self, path: Path) -> None:
        if not path.is_file():  # nothing stored: the fill value
            return
        with path.open("rb") as file:
            for start, length in self._parts(file, path.stat().st_size):
                file.seek(start)
                if _unpacks_to_more(self._codec or "", file, length, self._limit):
                    raise InputError(
                        f"{self._name} is damaged: a chunk ({path.name}) unpacks to more than "
                        f"{self._limit / 2**20:.3g} MiB, it should hold "
                        f"{_bytes_of(self._array) / 2**20:.3g} MiB; copy or export it again"
                    )

    def _parts(self, file: BinaryIO, size: int) -> Iterator[tuple[int, int]]:
        """Where packed bytes start in a chunk file, and how many they are."""
        if self._array.shards is None:
            yield 0, size
            return
        # The index of a shard: a place and a length of 8 bytes for each chunk, and a checksum.
        sides = zip(self._files, self._array.chunks, strict=True)
        length = 16 * math.prod(shard // chunk for shard, chunk in sides)
        metadata: Any = self._array.metadata
        at_end = metadata.codecs[0].to_dict()["configuration"]["index_location"] == "end"
        file.seek(max(size - length - 4, 0) if at_end else 0)
        index = np.frombuffer(file.read(length), "<u8").reshape(-1, 2)
        yield from ((int(start), int(count)) for start, count in index if start < size)


def codec_name(codec: Any) -> str:
    """As Zarr's metadata have it, of either version."""
    return str(getattr(codec, "codec_id", type(codec).__name__.removesuffix("Codec").lower()))


def _bytes_of(array: zarr.Array[Any]) -> int:
    return math.prod(array.chunks) * array.dtype.itemsize


def _unpacks_to_more(codec: str, file: BinaryIO, length: int, limit: int) -> bool:
    """Whether `length` bytes from here on unpack to more than `limit`."""
    if codec in _SIZE_AT:
        return int.from_bytes(file.read(8)[_SIZE_AT[codec] :][:4], "little") > limit
    if length * _RATIO[codec] <= limit:
        return False
    packed = file.read(length)
    if codec == "zstd":
        return _zstd_unpacks_to_more(packed, limit)
    total = 0
    for piece in _pieces(codec, packed):
        total += len(piece)
        if total > limit:
            return True
    return False


def _pieces(codec: str, packed: bytes) -> Iterator[bytes]:
    """What was packed, from the start on."""
    if codec == "zlib":
        unpacker = zlib.decompressobj()
        while piece := unpacker.decompress(packed, _PIECE):
            packed = unpacker.unconsumed_tail
            yield piece
        return
    openers: dict[str, Any] = {"gzip": gzip.open, "bz2": bz2.open, "lzma": lzma.open}
    with openers[codec](BytesIO(packed)) as file:
        while piece := file.read(_PIECE):
            yield piece


def _zstd_unpacks_to_more(packed: bytes, limit: int) -> bool:
    # RFC 8878, 3.1.1.1: magic number, a byte that says how long the fields are, window, dictionary.
    described = packed[4]
    one_segment, width = described >> 5 & 1, (0, 2, 4, 8)[described >> 6]
    if width or one_segment:
        start = 5 + (not one_segment) + (0, 1, 2, 4)[described & 3]
        return int.from_bytes(packed[start : start + (width or 1)], "little") > limit
    try:  # written as a stream, without its size
        imagecodecs.zstd_decode(packed, out=limit)
    except imagecodecs.ZstdError as error:
        return "too small" in str(error)
    return False
