"""Regions of interest as text: `Z0:Z1,Y0:Y1,X0:X1`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from neurorecon.errors import InputError

Box = tuple[slice, slice, slice]

_RANGE = re.compile(r"\s*(\d*)\s*:\s*(\d*)\s*", re.ASCII)


def parse_roi(text: str, shape_zyx: Sequence[int]) -> Box:
    """Slices along z, y and x with both ends given.

    text: three ranges of voxel indices, the end not included; a missing end is the stack's own, so
        that `10:20,:,:256` is z 10 to 19, all of y, the first 256 of x.

    Raises InputError for text of another form, an empty range, and one that leaves the stack.
    """
    parts = text.split(",")
    matches = [_RANGE.fullmatch(part) for part in parts]
    if len(parts) != 3 or not all(matches):
        raise InputError(
            f"--roi '{text}' is not understood; expected Z0:Z1,Y0:Y1,X0:X1 in whole voxels, "
            "for example 0:30,100:400,:"
        )
    z, y, x = (
        _checked_slice(match[1], match[2], size, axis)
        for match, size, axis in zip(matches, shape_zyx, "zyx", strict=True)
        if match
    )
    return z, y, x


def _checked_slice(first: str, last: str, size: int, axis: str) -> slice:
    start, stop = int(first or 0), int(last or size)
    if start >= stop:
        raise InputError(f"--roi is empty along {axis} ({start}:{stop}); the end must be larger")
    if stop > size:
        raise InputError(f"--roi leaves the stack along {axis} ({start}:{stop}); it has {size}")
    return slice(start, stop)
