"""Test-time augmentation: what the network sees in a window and in its mirror images, averaged."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor

from neurorecon.segmentation.sliding import Predict

# Every combination of flips of z, y and x, axes of (N, Z, Y, X).
FLIPS = [tuple(1 + axis for axis in range(3) if turn[axis]) for turn in product((0, 1), repeat=3)]


def mirrored(predict: Predict) -> Predict:
    """`predict` averaged over the eight mirror images: eight times the work."""

    def predict_all(windows: Tensor) -> Tensor:
        total = torch.zeros_like(windows)
        for axes in FLIPS:
            total += predict(windows.flip(axes)).flip(axes)
        return total / len(FLIPS)

    return predict_all
