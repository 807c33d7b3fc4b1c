"""Which parts of a stack's windows may hold signal, from one look at every voxel.

A stack is cut into cells of 16 voxels a side. A cell is as bright as its brightest pair: the
highest value that two voxels reach which touch in a plane, so that a hot pixel counts for nothing
and a neurite two voxels wide for all that it is. A cell is dark if it is either

- no brighter than cells without neurite are: at most `USUAL` times as far above the median of all
  cells as their 5th percentile is below it, or at most `LEAST` of the way from the median voxel to
  the brightest cells; but never more than `MOST` of that way, which decides where most cells hold
  neurite, and their median is not that of the background; or
- bright, but in a group of fewer than `GROUP` cells that touch: a speck.

A window is run if there is a cell with signal in its zone, the part of it in which it counts more
than any neighbour; and of the window, the box around those cells with `CONTEXT` voxels around them,
which is what a window's own border gives the voxels at the border of its zone. So every voxel of
such a cell is seen by the window that sees it best, and empty space costs nothing but the look.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from neurorecon.segmentation.crops import Crops
from neurorecon.segmentation.plan import Box, WindowPlan

CELL = 16
USUAL = 4.0
LEAST, MOST = 0.02, 0.05
GROUP = 3
CONTEXT = 8  # voxels
LEAST_EDGE = 32  # voxels; the network was trained on crops of no less
# What a voxel of a window's zone gets of that window at least, of all weights along three axes.
LEAST_WEIGHT = 1 / 8

_TOP, _LOW = 99.9, 5.0  # percentiles over cells


class Cells:
    """The brightness of each cell, filled from boxes that cover the stack.

    Boxes start at multiples of `CELL` along y and x, and end there or at the border of the stack.

    invert: neurites are dark; brightness is then counted downwards.
    """

    def __init__(self, shape_zyx: tuple[int, int, int], dtype: np.dtype[Any], invert: bool) -> None:
        self._turn = invert
        counts = tuple(-(-size // CELL) for size in shape_zyx)
        lowest = -np.inf if dtype.kind == "f" else np.iinfo(dtype).min
        self._brightness = np.full(counts, lowest, dtype)

    def add(self, box: Box, values: NDArray[Any]) -> None:
        """Take in the voxels of a box, (z, y, x)."""
        y, x = (slice(side.start // CELL, -(-side.stop // CELL)) for side in box[1:])
        start = box[0].start
        if values.min() == values.max():  # much of a sparse stack is, and one value tells it all
            layers = self._brightness[start // CELL : -(-box[0].stop // CELL), y, x]
            np.maximum(layers, self._turned(values.flat[:1]), out=layers)
            return
        while start < box[0].stop:  # the planes of one layer of cells after the other
            stop = min(start + CELL - start % CELL, box[0].stop)
            part = self._turned(values[start - box[0].start : stop - box[0].start])
            cells = self._brightness[start // CELL, y, x]
            np.maximum(cells, _pairs(part).max(0), out=cells)
            start = stop

    def hold_signal(self, background: float) -> NDArray[np.bool_]:
        """Which cells are not dark. background: the median voxel of the stack."""
        cells = self._brightness.astype(np.float32)
        low, usual, top = np.percentile(cells, [_LOW, 50.0, _TOP])
        floor = float(self._turned(np.array(background, self._brightness.dtype)))
        least, most = (floor + share * (top - floor) for share in (LEAST, MOST))
        bright = cells > min(max(usual + USUAL * (usual - low), least), most)
        group, _ = ndimage.label(bright, np.ones((3, 3, 3)))
        large = np.bincount(group.ravel()) >= GROUP
        large[0] = False
        # In a stack of few cells a neurite has no room for more.
        kept: NDArray[np.bool_] = large[group] if large.any() else bright
        return kept

    def _turned(self, values: NDArray[Any]) -> NDArray[Any]:
        """The values in the order of brightness."""
        if not self._turn:
            return values
        return -values if values.dtype.kind == "f" else ~values


def crops_to_run(
    plan: WindowPlan, signal: NDArray[np.bool_], start_zyx: tuple[int, int, int] = (0, 0, 0)
) -> Crops:
    """A box around the cells with signal in each window's zone; nothing where there are none.

    signal: of the cells of the whole stack. start_zyx: where in it the plan's stack begins.
    """
    parts = [
        zones(plan.starts_zyx[axis], plan.window_zyx[axis], plan.shape_zyx[axis])
        for axis in range(3)
    ]
    cells = [
        [((low + first) // CELL, -(-(high + first) // CELL)) for low, high in parts_of_axis]
        for parts_of_axis, first in zip(parts, start_zyx, strict=True)
    ]
    low, high = [], []
    for axis, first in enumerate(start_zyx):
        found = signal
        for other in {0, 1, 2} - {axis}:
            found = np.stack([found.take(range(*s), other).any(other) for s in cells[other]], other)
        sides = [
            _side(plan, axis, number, found.take(range(*span), axis), span[0] * CELL - first, zone)
            for number, (span, zone) in enumerate(zip(cells[axis], parts[axis], strict=True))
        ]
        low.append(np.stack([side[0] for side in sides], axis))
        high.append(np.stack([side[1] for side in sides], axis))
    return Crops(np.stack(low, -1), np.stack(high, -1))


def _side(
    plan: WindowPlan,
    axis: int,
    number: int,
    found: NDArray[np.bool_],
    first: int,
    zone: tuple[int, int],
) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Where along an axis the boxes of the windows of one number begin and end.

    found: which of the zone's cells along the axis hold signal. first: voxel of its first cell.
    """
    window, multiple = plan.window_zyx[axis], plan.multiple_zyx[axis]
    start = int(plan.starts_zyx[axis][number])
    low = first + CELL * found.argmax(axis)
    high = first + CELL * (found.shape[axis] - np.flip(found, axis).argmax(axis))
    low = np.maximum(np.maximum(low, zone[0]) - CONTEXT - start, 0)
    high = np.minimum(np.minimum(high, zone[1]) + CONTEXT - start, window)
    least = min(-(-LEAST_EDGE // multiple) * multiple, window)
    size = np.maximum(-(-(high - low) // multiple) * multiple, least)
    low = np.clip(low - (size - (high - low)) // 2, 0, window - size)
    there = found.any(axis)
    return (there * low).astype(np.int16), (there * (low + size)).astype(np.int16)


def zones(starts: NDArray[np.int64], window: int, size: int) -> list[tuple[int, int]]:
    """Parts of an axis: each window's up to the middle of what it shares with its neighbours."""
    middles = [(int(a) + window + int(b)) // 2 for a, b in pairwise(starts)]
    return list(zip([0, *middles], [*middles, size], strict=True))


def _pairs(slab: NDArray[Any]) -> NDArray[Any]:
    """The brightest pair in each column of cells of a slab, (z, y, x) to (z, cells y, cells x)."""
    missing = [(0, 0), *((0, -size % CELL) for size in slab.shape[1:])]
    if np.any(missing):
        slab = np.pad(slab, missing, mode="edge")
    depth, height, width = slab.shape
    rows = slab.reshape(depth, height // CELL, CELL, width)
    along_y = np.minimum(rows[:, :, :-1], rows[:, :, 1:]).max(2)
    along_x = np.minimum(slab[..., :-1], slab[..., 1:])
    along_x = np.concatenate([along_x, slab[..., -1:]], -1).reshape(rows.shape).max(2)
    shape = (depth, height // CELL, width // CELL, CELL)
    # The last of each cell is a pair with the next cell's first, and belongs to neither.
    pairs: NDArray[Any] = np.maximum(
        along_y.reshape(shape).max(3), along_x.reshape(shape)[..., :-1].max(3)
    )
    return pairs
