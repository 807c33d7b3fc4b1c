"""One block of a stack through a network: its windows, weighted and summed, and what comes of it.

Memory beyond the block's voxels: a buffer of its reach, 4 bytes a voxel, on the device that runs
the network, and one batch of windows; then the sums, 2 bytes a voxel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurorecon.model.intensity import LOWEST, IntensityScale
from neurorecon.segmentation.blocks import DIRECTIONS, Block, BlockGrid, Index
from neurorecon.segmentation.crops import Crops, Part, batches, part_box
from neurorecon.segmentation.empty import LEAST_WEIGHT
from neurorecon.segmentation.plan import Box, WindowPlan

# (N, Z, Y, X) scaled intensities to probabilities of the same shape, on one device.
Predict = Callable[[Tensor], Tensor]
# What a block adds to its own core, (0, 0, 0), and to those of its upper neighbours.
Pieces = dict[Index, NDArray[np.uint16]]

OWN: Index = (0, 0, 0)
SUM_SCALE = 65535  # a sum of 1, certain neurite
CERTAIN = 255
_PLANES = 16  # rounded, and finished, at once


def prepared(values: NDArray[Any], window_zyx: Index, device: torch.device) -> Tensor:
    """A block's stored values on the host, ready for a device: (Z, Y, X), uint8 or float32.

    They are mirrored at their end where the stack is smaller than a window, and pinned for a GPU.
    """
    values = values.astype(np.uint8 if values.dtype == np.uint8 else np.float32, copy=False)
    missing = [(0, max(n - have, 0)) for n, have in zip(window_zyx, values.shape, strict=True)]
    if np.any(missing):
        values = np.pad(values, missing, mode="symmetric")
    found = torch.from_numpy(np.require(values, requirements=["C", "W"]))
    return found.pin_memory() if device.type == "cuda" else found


def block_sums(
    plan: WindowPlan,
    block: Block,
    parts: Sequence[Part],
    values: Tensor,
    scale: IntensityScale,
    predict: Predict,
    batch_size: int,
    device: torch.device,
) -> NDArray[np.uint16]:
    """The weighted sum of a block's windows over its reach, (Z, Y, X), `SUM_SCALE` = 1.

    parts: of the windows of the block, what runs; the rest counts as empty.
    values: what is stored in `block.reach`, as `prepared` gives it.
    batch_size: the most whole windows at once, or parts with as many voxels.
    """
    with torch.inference_mode():
        whole = values.to(device, non_blocking=True)
        sums = torch.zeros(whole.shape, device=device)
        weights = [torch.from_numpy(weight).to(device) for weight in plan.weights_zyx]
        for batch in batches(parts, batch_size * plan.window_voxels):
            boxes = [part_box(plan, block, part) for part in batch]
            windows = scaled(torch.stack([whole[box] for box in boxes]), scale)
            for part, box, one in zip(batch, boxes, predict(windows), strict=True):
                weight_z, weight_y, weight_x = (
                    weight[n, side]
                    for weight, n, side in zip(weights, part.window, part.box, strict=True)
                )
                one *= weight_z[:, None, None]
                sums[box].addcmul_(one, weight_y[:, None] * weight_x)
        return _rounded(sums, block.reach_shape)


def scaled(windows: Tensor, scale: IntensityScale) -> Tensor:
    """What `scale` makes of stored values, on any device: (N, Z, Y, X) float32."""
    unit = (windows.float() - scale.low) * (1.0 / (scale.high - scale.low))
    above = unit.clamp(min=1.0).log_()  # 0 up to 1
    return unit.clamp_(LOWEST, 1.0).add_(above)


def _rounded(sums: Tensor, shape_zyx: Index) -> NDArray[np.uint16]:
    depth, height, width = shape_zyx
    result = np.empty(shape_zyx, np.uint16)
    for z in range(0, depth, _PLANES):
        part = sums[z : min(z + _PLANES, depth), :height, :width]
        result[z : z + _PLANES] = (part * SUM_SCALE).round_().clamp_(0, SUM_SCALE).cpu().numpy()
    return result


def pieces(grid: BlockGrid, block: Block, sums: NDArray[np.uint16]) -> Pieces:
    """A block's sums cut at the faces of its core: its own part, and its spills.

    A spill is left out where nothing is spilled; every piece starts at the first voxel of the core
    that it belongs to. The own part is a view, the spills are copies.
    """
    found = {OWN: sums[tuple(slice(0, size) for size in block.core_shape)]}
    for direction, _ in grid.upper(block):
        where = tuple(
            slice(size, None) if step else slice(0, size)
            for size, step in zip(block.core_shape, direction, strict=True)
        )
        if (spill := sums[where]).any():
            found[direction] = spill.copy()
    return found


def finished(
    plan: WindowPlan,
    core: Box,
    crops: Crops,
    own: NDArray[np.uint16],
    spills: Mapping[Index, NDArray[np.uint16]],
) -> NDArray[np.uint8]:
    """The probability in a core, 255 = certain, from its own sums and its lower neighbours' spills.

    spills: by direction from the neighbour to this block, as `pieces` named them there.

    Sums are divided by the weights of the windows that ran, so that a voxel's probability is the
    mean over them; where these count for less than `LEAST_WEIGHT`, beyond their zones, it fades.
    """
    parts = _parts_at(plan, core, crops)
    result = np.empty(own.shape, np.uint8)
    for start in range(0, len(own), _PLANES):
        slab = slice(start, min(start + _PLANES, len(own)))
        level = own[slab].astype(np.uint32)
        for direction in DIRECTIONS:
            spill = spills.get(direction)
            if spill is not None and start < len(spill):
                depth, height, width = spill[slab].shape
                level[:depth, :height, :width] += spill[slab]
        share: NDArray[np.uint32] | np.uint32 = np.uint32(SUM_SCALE)
        if parts is not None:
            z = slice(core[0].start + slab.start, core[0].start + slab.stop)
            least = np.uint32(LEAST_WEIGHT * SUM_SCALE)
            share = np.maximum(_weight_sums(plan, (z, *core[1:]), parts), least)
        level *= CERTAIN
        level += share // 2
        level //= share
        result[slab] = np.minimum(level, CERTAIN)
    return result


def _parts_at(plan: WindowPlan, box: Box, crops: Crops) -> list[Part] | None:
    """What runs of the windows that touch a box; None where all of them run as a whole."""
    touching = [
        np.flatnonzero((starts < side.stop) & (starts + window > side.start)).tolist()
        for starts, window, side in zip(plan.starts_zyx, plan.window_zyx, box, strict=True)
    ]
    where = np.ix_(*touching)
    if (crops.high[where] - crops.low[where] == plan.window_zyx).all():
        return None
    z, y, x = touching
    return crops.parts(product(z, y, x))


def _weight_sums(plan: WindowPlan, box: Box, parts: Sequence[Part]) -> NDArray[np.uint32]:
    """The weights of the windows that run, summed up in a box, `SUM_SCALE` = 1."""
    total = np.zeros([side.stop - side.start for side in box], np.float32)
    for part in parts:
        places, weights = [], []
        for axis, (n, side, whole) in enumerate(zip(part.window, part.box, box, strict=True)):
            start = int(plan.starts_zyx[axis][n])
            first = max(start + side.start, whole.start)
            last = max(min(start + side.stop, whole.stop), first)
            places.append(slice(first - whole.start, last - whole.start))
            weights.append(plan.weights_zyx[axis][n][first - start : last - start])
        z, y, x = weights
        if z.size and y.size and x.size:
            total[tuple(places)] += z[:, None, None] * (y[:, None] * x)
    return np.rint(total * SUM_SCALE).astype(np.uint32)
