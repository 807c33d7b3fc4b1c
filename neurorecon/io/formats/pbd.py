"""Vaa3D's packed bits and differences (PBD), unpacked.

A stream of packets, each a code byte and what belongs to it: literal values, one value repeated, or
differences of a few bits, each to the value before. Source: Vaa3D, v3d_main/neuron_annotator/
utility/ImageLoaderBasic.cpp (decompressPBD8, decompressPBD16).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_BYTES_PER_BYTE = 64.0  # 128 equal values of one byte in two
_PACKETS = 2**18  # unpacked at once: some tens of megabytes of working memory
_LITERAL, _REPEAT = 0, 1  # any other kind is the number of bits of a difference


@dataclass(frozen=True)
class _Codes:
    """What each code byte means: arrays of 256.

    kind: literal, repeat, or bits of a difference. count: values that come out.
    size: bytes of the packet, the code included.
    """

    kind: NDArray[np.int64]
    count: NDArray[np.int64]
    size: NDArray[np.int64]


def _codes(kinds: list[tuple[int, int]], itemsize: int) -> _Codes:
    """kinds: (first code, kind) in ascending order; the n-th code of a kind stands for n values."""
    code = np.arange(256)
    kind, count = np.empty(256, np.int64), np.empty(256, np.int64)
    for first, of_kind in kinds:
        kind[first:] = of_kind
        count[first:] = code[first:] - first + 1
    bits = np.where(kind == _LITERAL, 8 * itemsize * count, kind * count)
    bits[kind == _REPEAT] = 8 * itemsize
    return _Codes(kind, count, 1 + -(-bits // 8))


_CODES = {
    1: _codes([(0, _LITERAL), (33, 2), (128, _REPEAT)], 1),
    2: _codes([(0, _LITERAL), (32, 3), (80, 4), (183, 5), (223, _REPEAT)], 2),
}


def unpack(packed: NDArray[np.uint8], count: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """(count,) values of `dtype` (one or two bytes) in the machine's byte order.

    Raises ValueError where the packets end early or hold another number of values.
    """
    codes = _CODES[dtype.itemsize]
    result = np.empty(count, f"u{dtype.itemsize}")
    words = np.append(packed, np.zeros(2, np.uint8))  # differences are read two bytes at a time
    packets = _packet_starts(packed.tobytes(), codes, count)
    done, last = 0, 0
    while starts := list(islice(packets, _PACKETS)):
        values = _expand(words, np.array(starts), codes, dtype, last)
        result[done : done + len(values)] = values
        done, last = done + len(values), int(values[-1])
    return result


def _packet_starts(packed: bytes, codes: _Codes, count: int) -> Iterator[int]:
    """Where packets begin, until they have given `count` values."""
    size, out = codes.size.tolist(), codes.count.tolist()
    place, end, left = 0, len(packed), count
    while left > 0:
        if place >= end or place + size[packed[place]] > end:
            raise ValueError(f"the packed values of {left:,} voxels are missing")
        left -= out[packed[place]]
        if left < 0:
            raise ValueError("packed values run past the last voxel")
        yield place
        place += size[packed[place]]


def _expand(
    words: NDArray[np.uint8],
    start: NDArray[np.int64],
    codes: _Codes,
    dtype: np.dtype[Any],
    last: int,
) -> NDArray[Any]:
    """The values of packets that begin at `start`; `last` is the value before them."""
    code = words[start]
    count = codes.count[code]
    packet = np.repeat(np.arange(len(start)), count)
    within = np.arange(len(packet)) - np.repeat(np.cumsum(count) - count, count)
    kind, place = codes.kind[code][packet], start[packet] + 1
    unsigned = f"u{dtype.itemsize}"
    value = np.zeros(len(packet), unsigned)
    absolute = kind <= _REPEAT
    where = place + np.where(kind == _LITERAL, within * dtype.itemsize, 0)
    value[absolute] = _stored(words, where[absolute], dtype)
    for bits in np.unique(kind[~absolute]).tolist():
        rows = kind == bits
        value[rows] = _difference(words, place[rows], within[rows], bits).astype(unsigned)
    # Modular sums of differences, begun anew at every value that stands for itself.
    total = np.cumsum(np.where(absolute, 0, value), dtype=unsigned)
    origin = np.maximum.accumulate(np.where(absolute, np.arange(len(value)), -1))
    base = np.where(origin < 0, np.array(last, unsigned), value[origin] - total[origin])
    decoded: NDArray[Any] = (base + total).astype(unsigned)
    return decoded


def _stored(
    words: NDArray[np.uint8], place: NDArray[np.int64], dtype: np.dtype[Any]
) -> NDArray[Any]:
    if dtype.itemsize == 1:
        return words[place]
    first, second = words[place].astype(np.uint16), words[place + 1].astype(np.uint16)
    is_big = dtype.newbyteorder(">") == dtype
    return (first << 8 | second) if is_big else (second << 8 | first)


def _difference(
    words: NDArray[np.uint8], place: NDArray[np.int64], within: NDArray[np.int64], bits: int
) -> NDArray[np.int64]:
    """Signed differences: of two bits from the lowest bit up, wider ones from the highest down."""
    if bits == 2:
        code = (words[place + within // 4] >> (2 * (within % 4)).astype(np.uint8)) & 3
        step: NDArray[np.int64] = np.array([0, 1, 2, -1])[code]
        return step
    byte, bit = np.divmod(within * bits, 8)
    pair = words[place + byte].astype(np.int64) << 8 | words[place + byte + 1]
    code = (pair >> (16 - bits - bit)) & (2**bits - 1)
    largest = 2 ** (bits - 1)
    difference: NDArray[np.int64] = np.where(code > largest, largest - code, code)
    return difference
