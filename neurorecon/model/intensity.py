"""From stored intensities to the scale that the network was trained on.

One scale for the whole stack: scaling each window by itself would turn the noise of an empty window
into signal, and would leave seams.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurorecon.volume import LazyVoxels

# Neurites fill about 0.3 % of a stack, so the median is background and the 99.9th percentile is
# signal where there is plenty of it.
LOW_PERCENTILE, HIGH_PERCENTILE = 50.0, 99.9
# Where neurite fills less than 0.1 %, that percentile is background too; the top of the scale then
# stays at least this share of the intensity range above it.
LEAST_SHARE_OF_RANGE = 0.05
# Faint voxels below the background's median carry no more than this (the noise of the median).
LOWEST = -1.0
# Percentiles of a regular sample of this many voxels differ from the whole stack's by less than the
# camera's noise, and cost a fraction of a second.
SAMPLE_VOXELS = 4_000_000
_DARKER = 2.0  # times as far below the median as the brightest are above it


@dataclass(frozen=True)
class IntensityScale:
    """Background (`low`) to 0 and bright signal (`high`) to 1, brighter compressed.

    Above 1 the scale is logarithmic, 1 + ln(u): in sparse stacks neurite lies far above any
    percentile, and clipping it would erase its shape. `low` > `high` for dark-on-bright stacks.
    """

    low: float
    high: float

    def __call__(self, array: NDArray[Any]) -> NDArray[np.float32]:
        """Scaled float32 copy of intensities of any shape."""
        unit = array.astype(np.float32)
        unit -= np.float32(self.low)
        unit *= np.float32(1.0 / (self.high - self.low))
        np.maximum(unit, LOWEST, out=unit)
        bright = unit > 1.0
        unit[bright] = 1.0 + np.log(unit[bright])
        return unit


def estimate_scale(array: NDArray[Any] | LazyVoxels, invert: bool = False) -> IntensityScale:
    """The scale of a whole stack, from a regular sample of it; `invert` as of `scale_of`."""
    return scale_of(regular_sample(array), invert)


def is_dark_on_bright(sample: NDArray[Any]) -> bool:
    """Whether structures look darker than their surroundings, as in brightfield."""
    darkest, middle, brightest = np.percentile(sample, (0.1, 50.0, 99.9))
    return bool(middle - darkest > _DARKER * (brightest - middle))


def scale_of(sample: NDArray[np.float32], invert: bool = False) -> IntensityScale:
    """The scale that voxels spread over a stack tell.

    invert: neurites are dark on a bright background (brightfield).
    """
    if invert:
        sample = -sample
    low, high = np.percentile(sample, [LOW_PERCENTILE, HIGH_PERCENTILE])
    high = max(high, low + LEAST_SHARE_OF_RANGE * (sample.max() - low))
    if high <= low:  # a sample without contrast; the caller has refused constant stacks
        high = low + 1.0
    sign = -1.0 if invert else 1.0
    return IntensityScale(sign * float(low), sign * float(high))


def regular_sample(stack: NDArray[Any] | LazyVoxels) -> NDArray[np.float32]:
    """Voxels of a regular grid; those of a stack on disk block by block."""
    size = math.prod(stack.shape)
    step = max(1, int(np.ceil((size / SAMPLE_VOXELS) ** (1 / 3))))
    if isinstance(stack, np.ndarray):
        return np.asarray(stack[::step, ::step, ::step], np.float32)
    parts = []
    for box in stack.blocks():
        first = tuple(slice(-side.start % step, None, step) for side in box)
        parts.append(np.asarray(stack[box][first], np.float32).ravel())
    return np.concatenate(parts)
