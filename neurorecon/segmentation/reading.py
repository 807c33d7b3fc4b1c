"""What the values of a stack mean: probabilities of neurite, a mask, or raw intensities.

A file seldom says so. A network, or a pixel classifier, is certain about most voxels: its values
crowd at both ends of the scale, and the upper end is the fuller one. Light falls off instead:
the brighter, the fewer voxels. The histogram tells them apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurorecon.errors import InputError
from neurorecon.model.intensity import is_dark_on_bright
from neurorecon.volume import LazyVoxels, blocks_of

_LEVELS = 256
_ENOUGH = 64_000_000  # voxels that are looked at; of a larger stack blocks spread over it
# On segmentations by networks the ratios below are 0.1 to 0.4, 4 to 17 and 3 to 4; on raw stacks 1
# and more, 2.5 and less, 2.5 and less, but for a saturated one, which the third tells.
_MOST_DOUBTFUL = 0.9  # values from 0.1 to 0.5, against those above 0.5
_LEAST_CERTAIN = 2.0  # values above 0.75, against those from 0.5 to 0.75
_LEAST_RISE = 1.3  # the same without the topmost value, which saturation fills
_MOSTLY_EMPTY = 0.5  # share of zeros, or of values near 0: neurites fill little of a stack
_MOST_LABELS = 10
_SAMPLE = 1_000_000  # values kept
_BRIGHT = 20_000  # voxels above a tenth of the highest value that tell what they are


class Reading(StrEnum):
    """What the values of a stack mean."""

    probability = "probability"
    mask = "mask"
    raw = "raw"


@dataclass(frozen=True)
class Survey:
    """What was seen of a stack's values.

    low, high: their range. count: how many were looked at.
    full_scale: the value that would stand for certainty; None where no type of probability fits.
    histogram: (256,) counts from 0 to `full_scale`, all zero where there is none.
    single: the one value besides 0; None where there are more, 0 where there is none.
    whole: whether all values are whole numbers.
    sample: (m,) values spread evenly over what was looked at.
    """

    low: float
    high: float
    count: int
    full_scale: float | None
    histogram: NDArray[np.int64]
    single: float | None
    whole: bool
    sample: NDArray[Any]

    @property
    def is_dark_on_bright(self) -> bool:
        """Whether the structures are darker than their surroundings, as in brightfield."""
        return is_dark_on_bright(self.sample)


def survey(stack: NDArray[Any] | LazyVoxels) -> Survey:
    """Look at a stack's values, or at blocks spread evenly over a large one.

    Where hardly anything but background is in these, more are looked at.
    """
    blocks = list(blocks_of(stack))
    step = max(math.ceil(math.prod(stack.shape) / _ENOUGH), 1)
    seen = _Seen(stack.dtype)
    for start in range(step):
        for box in islice(blocks, start, None, step):
            for plane in stack[box]:
                seen.add(plane, stack.shape[0])
        if seen.bright >= _BRIGHT:
            break
    return seen.survey()


class _Seen:
    """Statistics that grow plane by plane."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.full_scale = _full_scale(dtype)
        self.low, self.high, self.count, self.bright = math.inf, -math.inf, 0, 0
        self.histogram = np.zeros(_LEVELS, np.int64)
        self.single: float | None = 0.0
        self.whole = True
        self.sample: list[NDArray[Any]] = []

    def add(self, plane: NDArray[Any], planes: int) -> None:
        low, high = float(plane.min()), float(plane.max())
        self.low, self.high = min(self.low, low), max(self.high, high)
        self.count += plane.size
        self.sample.append(plane.ravel()[:: max(plane.size * planes // _SAMPLE, 1)].copy())
        if high != 0 and self.single is not None:
            same = np.count_nonzero(plane == plane.dtype.type(high)) == np.count_nonzero(plane)
            known = self.single in (0.0, high)
            self.single = high if same and known else None
        if plane.dtype.kind == "f":
            self.whole = self.whole and bool((plane == np.rint(plane)).all())
        if self.full_scale is not None and (self.low < 0 or self.high > self.full_scale):
            self.full_scale, self.histogram[:] = None, 0
        if self.full_scale is not None:
            level = plane
            if plane.dtype != np.uint8:
                level = (plane * np.float32(255.0 / self.full_scale)).astype(np.uint8)
            self.histogram += np.bincount(level.ravel(), minlength=_LEVELS)
        self.bright += int(np.count_nonzero(plane > 0.1 * self.high))

    def survey(self) -> Survey:
        return Survey(
            self.low,
            self.high,
            self.count,
            self.full_scale,
            self.histogram,
            self.single,
            self.whole,
            np.concatenate(self.sample),
        )


def _full_scale(dtype: np.dtype[Any]) -> float | None:
    if dtype in (np.uint8, np.uint16):
        return float(np.iinfo(dtype).max)
    return 1.0 if dtype.kind == "f" else None


def tell(seen: Survey) -> tuple[Reading, str]:
    """What the values mean, and the reason in words.

    Raises InputError for numbered labels, which are neither.
    """
    if seen.single is not None:
        return Reading.mask, f"one value besides 0 ({seen.single:g})"
    if seen.whole and seen.low >= 0 and seen.high <= _MOST_LABELS:
        raise InputError(
            f"the stack holds whole numbers from {seen.low:g} to {seen.high:g}, as labels do; give "
            "--input mask if every one of them is neurite, or --input raw if they are intensities"
        )
    if seen.full_scale is None:
        return Reading.raw, f"values from {seen.low:g} to {seen.high:g}"
    counts = seen.histogram
    doubtful, high = int(counts[26:128].sum()), int(counts[128:].sum())
    lower, upper = int(counts[128:192].sum()), int(counts[192:].sum())
    empty = counts[0] / max(seen.count, 1) >= _MOSTLY_EMPTY
    if high == 0:  # whole numbers that leave half of their range empty are intensities
        certain = bool(empty) and seen.full_scale == 1.0
    elif counts[:26].sum() < _MOSTLY_EMPTY * seen.count:
        certain = False
    else:
        certain = doubtful < _MOST_DOUBTFUL * high and upper >= _LEAST_CERTAIN * lower
        certain &= bool(empty) or int(counts[192:255].sum()) >= _LEAST_RISE * lower
    if certain:
        return Reading.probability, "its values crowd near 0 and near the top of the scale"
    return Reading.raw, "its values do not crowd near 0 and near the top of the scale"


def converter(
    reading: Reading, dtype: np.dtype[Any], single: float | None = None
) -> tuple[Callable[[NDArray[Any]], NDArray[Any]], np.dtype[Any]]:
    """What turns a stack's values into uint8 0..255 or float32 0..1, and which of the two.

    dtype: of the stack. single: the value that is known to be the only one of a mask besides 0.

    The function raises InputError where it meets a value that has no meaning.

    Raises InputError for a dtype that holds no probabilities.
    """
    if reading == Reading.mask:
        return _from_mask(single), np.dtype(np.uint8)
    if dtype == np.uint8:
        return lambda array: array, dtype
    full_scale = _full_scale(dtype)
    if full_scale is None:
        raise InputError(
            f"a {dtype} stack holds no probabilities: expected uint8 0..255, uint16 0..65535 or "
            "floats 0..1; convert it, or give --input mask or raw"
        )
    return _scaled(full_scale), np.dtype(np.float32)


def _from_mask(single: float | None) -> Callable[[NDArray[Any]], NDArray[np.uint8]]:
    def convert(array: NDArray[Any]) -> NDArray[np.uint8]:
        if single and ((array != 0) & (array != single)).any():
            other = array[(array != 0) & (array != single)].flat[0]
            raise InputError(
                f"the stack looked like a mask of {single:g} but holds {other:g} too; say with "
                "--input mask, probability or raw what it is"
            )
        return np.where(array != 0, np.uint8(255), np.uint8(0))

    return convert


def _scaled(full_scale: float) -> Callable[[NDArray[Any]], NDArray[np.float32]]:
    def convert(array: NDArray[Any]) -> NDArray[np.float32]:
        if array.size and not (array.min() >= 0 and array.max() <= full_scale):
            raise InputError(
                f"a probability lies between 0 and {full_scale:g}, but the stack holds values from "
                f"{array.min():g} to {array.max():g}; scale them, or give --input raw"
            )
        return array.astype(np.float32, copy=False) / np.float32(full_scale)

    return convert
