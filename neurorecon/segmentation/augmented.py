"""Test-time augmentation: what the network sees in a window and in its mirror images, averaged."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from neurorecon.segmentation.sliding import Predict

# Every combination of flips of z, y and x, axes of (N, Z, Y, X).
FLIPS = [tuple(1 + axis for axis in range(3) if turn[axis]) for turn in product((0, 1), repeat=3)]


def mirrored(predict: Predict) -> Predict:
    """`predict` averaged over the eight mirror images: eight times the work."""

    def predict_all(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        total = np.zeros(windows.shape, np.float32)
        for axes in FLIPS:
            total += np.flip(predict(np.ascontiguousarray(np.flip(windows, axes))), axes)
        return total / np.float32(len(FLIPS))

    return predict_all
