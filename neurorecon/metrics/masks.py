"""Masks: from stacks, from trees, and what every score of two masks needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurorecon.errors import InputError
from neurorecon.geometry import tree_distance
from neurorecon.morphology import Morphology

Mask = NDArray[np.bool_]
Box = tuple[slice, ...]

FULL_SCALE = 255  # the largest value of an 8-bit probability stands for certainty
TUBE_RADIUS = 2.0  # voxels: gold centrelines are off by up to that, and neurites 2 to 5 wide


def foreground(stack: NDArray[Any], threshold: float = 0.5) -> Mask:
    """Voxels of a mask, or of a probability from `threshold` (0 to 1) on.

    What `is_mask` is taken as it is. Otherwise a float stack is a probability from 0 to 1, and a
    uint8 stack one from 0 to 255.

    Raises InputError for anything else: labels, intensities, values outside the range.
    """
    if is_mask(stack):
        return stack != 0
    if stack.dtype == np.uint8:
        return stack >= threshold * FULL_SCALE
    if stack.dtype.kind != "f":
        raise InputError(
            f"a stack of {stack.dtype} with many values is neither a mask nor a probability; give "
            "a mask (0 and one other value) or a probability (uint8 up to 255, float up to 1)"
        )
    low, high = float(stack.min()), float(stack.max())
    if not (low >= 0 and high <= 1):
        raise InputError(
            f"a stack of {stack.dtype} from {low:g} to {high:g} is no probability; scale it to "
            "0 to 1, or give a mask (0 and one other value)"
        )
    return stack >= threshold


def is_mask(stack: NDArray[Any]) -> bool:
    """Whether all voxels that are not 0 hold one and the same whole number, whichever it is.

    So {0, 1}, {0, 255} and one label of a segmentation are masks, {0, 0.3} is a probability.
    """
    if stack.dtype.kind == "b":
        return True
    values = stack[stack != 0]
    return values.size == 0 or bool(values[0] % 1 == 0 and (values == values[0]).all())


def tree_mask(
    tree_in_voxels: Morphology, shape_zyx: Sequence[int], radius: float = TUBE_RADIUS
) -> Mask:
    """The tree drawn into a stack as tubes of one radius, in voxels along every axis.

    tree_in_voxels: its coordinates are (fractional) indices of the stack; its radii do not count,
        since annotators measure them in many ways or not at all.
    """
    radii = np.full(len(tree_in_voxels), radius)
    return tree_distance(tree_in_voxels, radii, shape_zyx, (1.0, 1.0, 1.0)) <= 0


def check_shapes(test: NDArray[Any], gold: NDArray[Any]) -> None:
    """Raise InputError where two stacks do not cover the same voxels."""
    if test.shape != gold.shape:
        raise InputError(
            f"the test has the shape {_shape(test.shape)} and the gold {_shape(gold.shape)} "
            "(z x y x x voxels); give two stacks of the same grid"
        )


def _shape(shape: Sequence[int]) -> str:
    return " x ".join(str(size) for size in shape)


def foreground_box(*masks: Mask, margin: int = 0) -> Box:
    """The smallest box around all foreground voxels, grown by `margin` inside the stack.

    Empty masks give an empty box.
    """
    extents = []
    for axis in range(masks[0].ndim):
        others = tuple(other for other in range(masks[0].ndim) if other != axis)
        hit = np.flatnonzero(np.logical_or.reduce([mask.any(axis=others) for mask in masks]))
        if len(hit) == 0:
            return (slice(0, 0),) * masks[0].ndim
        extents.append(slice(max(int(hit[0]) - margin, 0), int(hit[-1]) + 1 + margin))
    return tuple(extents)
