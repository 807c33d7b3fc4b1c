"""Where the windows of a sliding-window run lie, and what the run will take."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from neurorecon.errors import InputError

Box = tuple[slice, slice, slice]

DEFAULT_WINDOW_ZYX = (96, 96, 96)
DEFAULT_OVERLAP = 0.25
# Windows may be this much larger than asked for, where that saves work. Smaller ones would cost the
# tokens at their borders context.
WINDOW_RANGE = (1.0, 1.25)


@dataclass(frozen=True)
class WindowPlan:
    """Overlapping windows that cover a stack.

    shape_zyx: of the stack. window_zyx: of every window; larger than the stack where that is
        smaller than a window, which is then mirrored.
    multiple_zyx: windows, and parts of them that run alone, are a multiple of this.
    overlap: least share of a window that its neighbour covers too.
    """

    shape_zyx: tuple[int, int, int]
    window_zyx: tuple[int, int, int]
    multiple_zyx: tuple[int, int, int]
    overlap: float

    @cached_property
    def starts_zyx(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """First voxels of the windows along each axis: every stride, the last at the border."""
        z, y, x = (
            _starts(size, window, self.overlap)
            for size, window in zip(self.shape_zyx, self.window_zyx, strict=True)
        )
        return z, y, x

    @cached_property
    def weights_zyx(self) -> tuple[NDArray[np.float32], ...]:
        """Blending weights along each axis, (windows, window size).

        At every voxel of the stack the weights of an axis sum to 1, so their products do in 3D.
        """
        return tuple(
            _weights(starts, window, size)
            for starts, window, size in zip(
                self.starts_zyx, self.window_zyx, self.shape_zyx, strict=True
            )
        )

    @property
    def stride_zyx(self) -> tuple[int, int, int]:
        """Voxels from one window to the next along each axis."""
        z, y, x = (_stride(window, self.overlap) for window in self.window_zyx)
        return z, y, x

    @property
    def window_count(self) -> int:
        """Windows of the whole stack."""
        return math.prod(len(starts) for starts in self.starts_zyx)

    @property
    def window_voxels(self) -> int:
        """Voxels of one window."""
        return math.prod(self.window_zyx)


def plan_windows(
    shape_zyx: tuple[int, int, int],
    multiple_zyx: tuple[int, int, int],
    window_zyx: tuple[int, int, int] = DEFAULT_WINDOW_ZYX,
    overlap: float = DEFAULT_OVERLAP,
) -> WindowPlan:
    """Windows for a stack: about `window_zyx`, and a multiple of what the network asks for.

    InputError if `overlap` is not in [0, 0.9].
    """
    if not 0.0 <= overlap <= 0.9:
        raise InputError(f"the overlap is {overlap:g}; give a share from 0 to 0.9")
    z, y, x = (
        _best_window(size, window, multiple, overlap)
        for window, size, multiple in zip(window_zyx, shape_zyx, multiple_zyx, strict=True)
    )
    return WindowPlan(shape_zyx, (z, y, x), multiple_zyx, overlap)


def _best_window(size: int, window: int, multiple: int, overlap: float) -> int:
    """The window size near `window` that covers an axis with the fewest voxels computed.

    An axis of 66 voxels takes one window of 72, not two of 64.
    """
    if size <= window:
        return math.ceil(size / multiple) * multiple
    least, most = (round(window * factor / multiple) for factor in WINDOW_RANGE)
    candidates = [count * multiple for count in range(max(least, 1), max(most, 1) + 1)]
    return min(candidates, key=lambda n: (len(_starts(size, n, overlap)) * n, -n))


def _stride(window: int, overlap: float) -> int:
    return max(1, math.floor(window * (1 - overlap)))


def _starts(size: int, window: int, overlap: float) -> NDArray[np.int64]:
    room = size - window
    if room <= 0:
        return np.zeros(1, np.int64)
    stride = _stride(window, overlap)
    count = math.ceil(room / stride) + 1
    return np.minimum(np.arange(count) * stride, room)


def _weights(starts: NDArray[np.int64], window: int, size: int) -> NDArray[np.float32]:
    """Tents, highest in the middle where the network sees most context, normalised to sum 1."""
    index = np.arange(window)
    tent = np.minimum(index + 1, window - index).astype(np.float64)
    total = np.zeros(max(size, window))
    for start in starts:
        total[start : start + window] += tent
    return np.stack([tent / total[start : start + window] for start in starts]).astype(np.float32)
