"""A probability against a gold mask at every threshold: precision, recall, Dice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurorecon.metrics.blocks import BLOCK_VOXELS, Reader, plan_blocks
from neurorecon.metrics.masks import full_scale

FINE_STEPS = 1000  # thresholds but for 8 bits: finer than any network's output means


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The scores of the voxels at one threshold."""

    threshold: float
    precision: float
    recall: float
    dice: float


@dataclass(frozen=True, slots=True)
class ThresholdCurve:
    """Scores of the voxels at thresholds (t,) from 0 to 1, ascending; shares from 0 to 1.

    average_precision: sum over thresholds of precision times the recall that it adds, as
        scikit-learn defines it; None where the gold is empty.
    """

    threshold: NDArray[np.float64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    average_precision: float | None

    @property
    def dice(self) -> NDArray[np.float64]:
        """Harmonic mean of precision and recall; 0 where both are 0."""
        total = self.precision + self.recall
        product = 2 * self.precision * self.recall
        return np.divide(product, total, out=np.zeros_like(total), where=total > 0)

    @property
    def best(self) -> CurvePoint:
        """The point with the largest Dice; of several, the one in the middle."""
        dice = self.dice
        highest = np.flatnonzero(dice == dice.max())
        return self.at(int(highest[len(highest) // 2]))

    def at(self, number: int) -> CurvePoint:
        """One point of the curve."""
        values = (self.threshold, self.precision, self.recall, self.dice)
        threshold, precision, recall, dice = (float(each[number]) for each in values)
        return CurvePoint(threshold, precision, recall, dice)

    def thinned(self, points: int = 21) -> list[CurvePoint]:
        """Evenly spaced points from threshold 0 to 1, for a table."""
        numbers = np.rint(np.linspace(0, len(self.threshold) - 1, points)).astype(int)
        return [self.at(int(number)) for number in numbers]


def threshold_curve(
    probability: Reader,
    gold: Reader,
    shape_zyx: Sequence[int],
    dtype: np.dtype[Any],
    block_voxels: int = BLOCK_VOXELS,
) -> ThresholdCurve:
    """The curve of a probability (uint8, uint16 or float), read block by block.

    A uint8 probability has a threshold for each of its values; others have 1001.
    """
    scale = full_scale(dtype) or 1.0
    steps = 255 if dtype == np.uint8 else FINE_STEPS
    threshold = np.arange(steps + 1) / steps
    lowest = threshold * scale  # value from which a voxel passes each of them
    if dtype.kind == "f":
        lowest = lowest.astype(dtype)  # as a float stack is compared with one threshold
    found, wanted = np.zeros((2, steps + 1), np.int64)
    for block in plan_blocks(shape_zyx, block_voxels):
        voxels, mask = probability(block.core), gold(block.core)
        found += _voxels_a_level(voxels, lowest)
        wanted += _voxels_a_level(voxels[mask], lowest)
    return _curve(threshold, found, wanted)


def _voxels_a_level(voxels: NDArray[Any], lowest: NDArray[Any]) -> NDArray[np.int64]:
    """(t,) number of voxels whose highest threshold passed is each one."""
    if voxels.dtype == np.uint8:
        level: NDArray[Any] = voxels
    else:
        level = np.searchsorted(lowest, voxels, side="right") - 1
    return np.bincount(level.ravel(), minlength=len(lowest)).astype(np.int64)


def _curve(
    threshold: NDArray[np.float64], found: NDArray[np.int64], wanted: NDArray[np.int64]
) -> ThresholdCurve:
    foreground = found[::-1].cumsum()[::-1]  # at least this probable
    right = wanted[::-1].cumsum()[::-1]
    gold = int(wanted.sum())
    # A mask without voxels makes no mistake: precision 1, as everyone draws the curve's end.
    precision = np.divide(right, foreground, out=np.ones(len(right)), where=foreground > 0)
    recall = right / gold if gold else np.zeros(len(right))
    added = recall - np.append(recall[1:], 0.0)
    average = float((added * precision).sum()) if gold else None
    return ThresholdCurve(threshold, precision, recall, average)
