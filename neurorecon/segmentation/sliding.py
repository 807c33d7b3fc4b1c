"""One block of a stack through a network: its windows, weighted and summed, and what comes of it.

Memory beyond the block's voxels: a buffer of its reach, 4 bytes a voxel, on the device that runs
the network, and one batch of windows; then the sums, 2 bytes a voxel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurorecon.segmentation.blocks import DIRECTIONS, Block, BlockGrid, Index
from neurorecon.segmentation.empty import LEAST_WEIGHT
from neurorecon.segmentation.plan import Box, WindowPlan

# (N, Z, Y, X) scaled intensities to probabilities of the same shape, on one device.
Predict = Callable[[Tensor], Tensor]
# What a block adds to its own core, (0, 0, 0), and to those of its upper neighbours.
Pieces = dict[Index, NDArray[np.uint16]]

OWN: Index = (0, 0, 0)
SUM_SCALE = 65535  # a sum of 1, certain neurite
CERTAIN = 255
_PLANES = 16  # rounded and copied at once


def block_sums(
    plan: WindowPlan,
    block: Block,
    windows: Sequence[Index],
    values: NDArray[np.float32],
    predict: Predict,
    batch_size: int,
    device: torch.device,
) -> NDArray[np.uint16]:
    """The weighted sum of a block's windows over its reach, (Z, Y, X), `SUM_SCALE` = 1.

    windows: those of `block.window_indices()` to run, in that order; the others count as empty.
    values: the network's input in `block.reach`.
    batch_size: the most windows at once; batches of a block are as equal as they can be.
    """
    with torch.inference_mode():
        whole = torch.from_numpy(_mirrored(values, plan.window_zyx)).to(device)
        sums = torch.zeros(whole.shape, device=device)
        weights = [torch.from_numpy(weight).to(device) for weight in plan.weights_zyx]
        for batch in _batches(windows, batch_size):
            boxes = [_window_box(plan, block, window) for window in batch]
            probability = predict(torch.stack([whole[box] for box in boxes]))
            for window, box, one in zip(batch, boxes, probability, strict=True):
                weight_z, weight_y, weight_x = (
                    weight[n] for weight, n in zip(weights, window, strict=True)
                )
                one *= weight_z[:, None, None]
                sums[box].addcmul_(one, weight_y[:, None] * weight_x)
        return _rounded(sums, block.reach_shape)


def pieces(grid: BlockGrid, block: Block, sums: NDArray[np.uint16]) -> Pieces:
    """A block's sums cut at the faces of its core: its own part, and its spills.

    A spill is left out where nothing is spilled; every piece starts at the first voxel of the core
    that it belongs to.
    """
    cut = tuple(slice(0, size) for size in block.core_shape)
    found = {OWN: np.ascontiguousarray(sums[cut])}
    for direction, _ in grid.upper(block):
        where = tuple(
            slice(size, None) if step else slice(0, size)
            for size, step in zip(block.core_shape, direction, strict=True)
        )
        if (spill := sums[where]).any():
            found[direction] = np.ascontiguousarray(spill)
    return found


def weight_sums(plan: WindowPlan, box: Box, kept: NDArray[np.bool_]) -> NDArray[np.uint32] | None:
    """The weights of the windows that run, summed up in a box, `SUM_SCALE` = 1.

    kept: which windows run, (windows along z, y, x). None where all that touch the box do.
    """
    touching = [
        np.flatnonzero((starts < side.stop) & (starts + window > side.start))
        for starts, window, side in zip(plan.starts_zyx, plan.window_zyx, box, strict=True)
    ]
    there = kept[np.ix_(*touching)]
    if there.all():
        return None
    total = there.astype(np.float64)
    for axis in (2, 1, 0):
        weights = _weights_in(plan, axis, touching[axis], box[axis])
        # (windows along the axes up to this one, voxels along the others)
        total = np.moveaxis(np.tensordot(total, weights, (axis, 0)), -1, axis)
    return np.rint(total * SUM_SCALE).astype(np.uint32)


def finished(
    own: NDArray[np.uint16],
    spills: Mapping[Index, NDArray[np.uint16]],
    weights: NDArray[np.uint32] | None = None,
) -> NDArray[np.uint8]:
    """The probability in a core, 255 = certain, from its own sums and its lower neighbours' spills.

    spills: by direction from the neighbour to this block, as `pieces` named them there.
    weights: `weight_sums` in the core. Sums are divided by them, so that a voxel's probability is
        the mean over the windows that ran; where these count for less than `LEAST_WEIGHT`, beyond
        their zones, it fades away.
    """
    result = np.empty(own.shape, np.uint8)
    for z in range(len(own)):
        plane = own[z].astype(np.uint32)
        for direction in DIRECTIONS:
            spill = spills.get(direction)
            if spill is not None and z < len(spill):
                height, width = spill.shape[1:]
                plane[:height, :width] += spill[z]
        share: NDArray[np.uint32] | int = SUM_SCALE
        if weights is not None:
            share = np.maximum(weights[z], np.uint32(LEAST_WEIGHT * SUM_SCALE))
        plane *= CERTAIN
        plane += share // 2
        plane //= share
        result[z] = np.minimum(plane, CERTAIN)
    return result


def _weights_in(
    plan: WindowPlan, axis: int, numbers: NDArray[np.int64], side: slice
) -> NDArray[np.float64]:
    """Weights of some windows along a part of an axis, (windows, voxels)."""
    result = np.zeros((len(numbers), side.stop - side.start))
    for row, number in zip(result, numbers, strict=True):
        start = int(plan.starts_zyx[axis][number])
        first, last = max(start, side.start), min(start + plan.window_zyx[axis], side.stop)
        row[first - side.start : last - side.start] = plan.weights_zyx[axis][number][
            first - start : last - start
        ]
    return result


def _mirrored(values: NDArray[np.float32], window_zyx: Index) -> NDArray[np.float32]:
    """The values, mirrored at their end where the stack is smaller than a window."""
    missing = [(0, max(n - have, 0)) for n, have in zip(window_zyx, values.shape, strict=True)]
    return np.pad(values, missing, mode="symmetric") if np.any(missing) else values


def _batches(windows: Sequence[Index], batch_size: int) -> Iterator[Sequence[Index]]:
    """Batches as equal as they can be: one window alone takes nearly as long as several."""
    count = -(-len(windows) // batch_size)
    edges = [number * len(windows) // max(count, 1) for number in range(count + 1)]
    return (windows[a:b] for a, b in pairwise(edges))


def _window_box(plan: WindowPlan, block: Block, window: Index) -> Box:
    """A window in the block's own frame."""
    z, y, x = (
        slice(int(starts[n]) - side.start, int(starts[n]) - side.start + size)
        for starts, n, side, size in zip(
            plan.starts_zyx, window, block.reach, plan.window_zyx, strict=True
        )
    )
    return z, y, x


def _rounded(sums: Tensor, shape_zyx: Index) -> NDArray[np.uint16]:
    depth, height, width = shape_zyx
    result = np.empty(shape_zyx, np.uint16)
    for z in range(0, depth, _PLANES):
        part = sums[z : min(z + _PLANES, depth), :height, :width]
        result[z : z + _PLANES] = (part * SUM_SCALE).round_().clamp_(0, SUM_SCALE).cpu().numpy()
    return result
