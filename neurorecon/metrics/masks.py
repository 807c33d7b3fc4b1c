"""Masks: from stacks, from trees, and what every score of two masks needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurorecon.errors import InputError
from neurorecon.geometry import tree_distance
from neurorecon.morphology import Morphology

Mask = NDArray[np.bool_]

TUBE_RADIUS = 2.0  # voxels: gold centrelines are off by up to that, and neurites 2 to 5 wide


def full_scale(dtype: np.dtype[Any]) -> float | None:
    """The value that stands for certainty; None for types that no probability is stored in."""
    if dtype in (np.uint8, np.uint16):
        return float(np.iinfo(dtype).max)
    return 1.0 if dtype.kind == "f" else None


@dataclass(frozen=True, slots=True)
class StackValues:
    """What the voxels of a stack say about their meaning.

    dtype: of the voxels.
    low, high: smallest and largest value; both 0 for a stack without voxels.
    only: the one value besides 0, None where there are several; 0 where there is none.
    """

    dtype: np.dtype[Any]
    low: float
    high: float
    only: float | None

    @property
    def is_mask(self) -> bool:
        """Whether all voxels that are not 0 hold one and the same whole number, whichever it is.

        So {0, 1}, {0, 255} and one label of a segmentation are masks, {0, 0.3} is a probability.
        """
        return self.dtype.kind == "b" or (self.only is not None and self.only % 1 == 0)

    def foreground(self, voxels: NDArray[Any], threshold: float = 0.5) -> Mask:
        """Voxels of a mask, or of a probability from `threshold` (0 to 1) on.

        Certainty is 1 in a float stack, 255 and 65535 in an 8- and 16-bit one.

        Raises InputError for anything else: labels, intensities, values outside the range.
        """
        if self.is_mask:
            return np.asarray(voxels != 0)
        return np.asarray(voxels >= threshold * self.certainty())

    def certainty(self) -> float:
        """The value that stands for certainty; raises InputError where this is no probability.

        A 16-bit stack must use the upper half of its range: what a camera of 12 bits wrote is no
        probability.
        """
        scale = full_scale(self.dtype)
        if scale is None or (self.dtype == np.uint16 and self.high < scale / 2):
            raise InputError(
                f"a stack of {self.dtype} from {self.low:g} to {self.high:g} is neither a mask nor "
                "a probability; give a mask (0 and one other value), a probability (uint8 up to "
                "255, uint16 up to 65535, float up to 1), or --labels if each value is one neuron"
            )
        if not (self.low >= 0 and self.high <= scale):
            raise InputError(
                f"a stack of {self.dtype} from {self.low:g} to {self.high:g} is no probability; "
                "scale it to 0 to 1, or give a mask (0 and one other value)"
            )
        return scale


def scan_values(blocks: Iterable[NDArray[Any]]) -> StackValues:
    """What the voxels of a stack say, given its blocks (one at least)."""
    found: list[StackValues] = [_values_of(block) for block in blocks]
    only = {each.only for each in found} - {0}
    return StackValues(
        dtype=found[0].dtype,
        low=min(each.low for each in found),
        high=max(each.high for each in found),
        only=None if len(only) > 1 else (only or {0.0}).pop(),
    )


def _values_of(block: NDArray[Any]) -> StackValues:
    if block.size == 0:
        return StackValues(block.dtype, 0.0, 0.0, 0.0)
    low, high = block.min(), block.max()
    only = high if high != 0 else low
    # Plane by plane: what many values fill is found out early, and in little memory.
    is_one = all(((plane == 0) | (plane == only)).all() for plane in block)
    return StackValues(block.dtype, float(low), float(high), float(only) if is_one else None)


def tree_mask(
    tree_in_voxels: Morphology,
    shape_zyx: Sequence[int],
    radius: float = TUBE_RADIUS,
    first_zyx: Sequence[int] = (0, 0, 0),
) -> Mask:
    """The tree drawn into a stack as tubes of one radius, in voxels along every axis.

    tree_in_voxels: its coordinates are (fractional) indices of the stack; its radii do not count,
        since annotators measure them in many ways or not at all.
    shape_zyx, first_zyx: of the part of the stack that is wanted, and its first voxel.
    """
    radii = np.full(len(tree_in_voxels), radius)
    ones = (1.0, 1.0, 1.0)
    return tree_distance(tree_in_voxels, radii, shape_zyx, ones, first_zyx=first_zyx) <= 0


def check_shapes(test_zyx: Sequence[int], gold_zyx: Sequence[int]) -> None:
    """Raise InputError where two stacks do not cover the same voxels."""
    if tuple(test_zyx) != tuple(gold_zyx):
        raise InputError(
            f"the test has the shape {_shape(test_zyx)} and the gold {_shape(gold_zyx)} "
            "voxels (z, y, x); give two stacks of the same grid"
        )


def _shape(shape: Sequence[int]) -> str:
    return " x ".join(str(size) for size in shape)
