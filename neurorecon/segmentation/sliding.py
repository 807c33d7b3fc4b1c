"""Any network over any stack: overlapping windows, blended into one result.

Memory beyond the stack and its result is one batch of windows and a buffer of one window's depth
and at most `plan.BLOCK_YX` squared, whatever the size of the stack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
from numpy.typing import NDArray

from neurorecon.segmentation.plan import Box, WindowPlan

Array = NDArray[np.float32]
Read = Callable[[Box], Array]
Predict = Callable[[Array], Array]


def blend_windows(
    plan: WindowPlan, read: Read, predict: Predict, batch_size: int
) -> Iterator[tuple[Box, Array]]:
    """Yield finished parts of the result, each with its box; together they cover the stack once.

    read: the network's input for a box of the stack. predict: a batch of windows (N, Z, Y, X) to
        values of the same shape.
    """
    for y_block, x_block in plan.blocks():
        yield from _blend_block(plan, (y_block, x_block), read, predict, batch_size)


def _blend_block(
    plan: WindowPlan, block: tuple[slice, slice], read: Read, predict: Predict, batch_size: int
) -> Iterator[tuple[Box, Array]]:
    depth = plan.shape_zyx[0]
    starts_z, starts_y, starts_x = plan.starts_zyx
    columns = list(
        product(
            _touching(starts_y, plan.window_zyx[1], block[0]),
            _touching(starts_x, plan.window_zyx[2], block[1]),
        )
    )
    height, width = (part.stop - part.start for part in block)
    buffer = np.zeros((plan.window_zyx[0], height, width), np.float32)
    for row, start in enumerate(starts_z):
        for first in range(0, len(columns), batch_size):
            windows = [(row, y, x) for y, x in columns[first : first + batch_size]]
            inputs = np.stack([_read_window(plan, window, read) for window in windows])
            for window, values in zip(windows, predict(inputs), strict=True):
                _add(buffer, plan, window, values, block)
        stop = starts_z[row + 1] if row + 1 < len(starts_z) else depth
        done = stop - start
        yield (slice(start, stop), *block), buffer[:done].copy()
        buffer[:-done] = buffer[done:]
        buffer[-done:] = 0.0


def _touching(starts: NDArray[np.int64], window: int, part: slice) -> NDArray[np.int64]:
    """Numbers of the windows of an axis that reach into `part`."""
    return np.flatnonzero((starts < part.stop) & (starts + window > part.start))


def _read_window(plan: WindowPlan, window: tuple[int, int, int], read: Read) -> Array:
    """The input of one window, mirrored where the stack is smaller than a window."""
    box = tuple(
        slice(int(starts[n]), int(min(starts[n] + size, end)))
        for starts, n, size, end in zip(
            plan.starts_zyx, window, plan.window_zyx, plan.shape_zyx, strict=True
        )
    )
    values = read((box[0], box[1], box[2]))
    missing = [(0, n - have) for n, have in zip(plan.window_zyx, values.shape, strict=True)]
    return np.pad(values, missing, mode="symmetric") if np.any(missing) else values


def _add(
    buffer: Array,
    plan: WindowPlan,
    window: tuple[int, int, int],
    values: Array,
    block: tuple[slice, slice],
) -> None:
    """Add one window's weighted values to the buffer, as far as they lie in block and stack."""
    weight_z, weight_y, weight_x = (
        weights[n] for weights, n in zip(plan.weights_zyx, window, strict=True)
    )
    y, own_y = _overlap(int(plan.starts_zyx[1][window[1]]), plan.window_zyx[1], block[0])
    x, own_x = _overlap(int(plan.starts_zyx[2][window[2]]), plan.window_zyx[2], block[1])
    plane = weight_y[own_y, None] * weight_x[own_x]
    buffer[:, y, x] += values[:, own_y, own_x] * (weight_z[:, None, None] * plane)


def _overlap(start: int, size: int, part: slice) -> tuple[slice, slice]:
    """Where a window meets a part of its axis: in the part's own index, and in the window's."""
    low, high = max(start, part.start), min(start + size, part.stop)
    return slice(low - part.start, high - part.start), slice(low - start, high - start)
