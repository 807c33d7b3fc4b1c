"""Output that means what it says: 0.5 is where neurite and background are best told apart.

Training crops hold ten times more neurite than whole stacks do, so a network trained on them finds
neurite too likely. Shifting its logits by one number corrects such a change of prior (Saerens et
al., Neural Computation 2002); the number is the one with the best Dice on unselected windows of the
training stacks (median over stacks: a gold that leaves neurites out asks for too much). The shell
that the loss ignores, which may be neurite or not, counts a quarter as background here: what is
drawn too wide makes neighbouring neurites touch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from neurorecon.segmentation.plan import plan_windows
from neurorecon.segmentation.sliding import Predict
from neurorecon.training.labels import BACKGROUND, IGNORED, NEURITE
from neurorecon.training.patches import TrainingStack

# Enough to see every kind of background; a minute of work on two cores with the default network.
MOST_VOXELS = 40_000_000
# With more stacks, each one's share would be too few windows to hold neurite and background both.
MOST_STACKS = 20
SHELL_WEIGHT = 0.25
LOGIT_EDGES = np.linspace(-8.0, 12.0, 201)


@dataclass(frozen=True)
class Calibration:
    """What was found.

    logit: median over stacks of the logit at which Dice is best.
    weighted_dice: median over stacks at that logit; the ignored shell counts `SHELL_WEIGHT`.
    """

    logit: float
    weighted_dice: float


def calibrate(
    stacks: Sequence[TrainingStack],
    predict: Predict,
    multiple_zyx: tuple[int, int, int],
    batch_size: int,
    seed: int,
) -> Calibration | None:
    """The best logit over unselected windows of the stacks.

    None where the windows hold no neurite, or the network does not tell it from background.

    predict: windows (N, Z, Y, X) to probabilities. multiple_zyx: what window sizes must divide by.
    """
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(stacks))[:MOST_STACKS]
    share = MOST_VOXELS // len(chosen)
    curves = []
    for stack in (stacks[int(number)] for number in chosen):
        neurite, background = _histograms(stack, predict, multiple_zyx, batch_size, share, rng)
        if neurite.sum():
            found, wrong = (counts[::-1].cumsum()[::-1] for counts in (neurite, background))
            curves.append(2 * found / (found + wrong + neurite.sum()))
    # A network that has learnt nothing is best where it marks everything: no ground for a shift.
    curves = [curve for curve in curves if curve.max() > curve[0] + 1e-9]
    if not curves:
        return None
    best = int(np.median([_middle_of_best(curve) for curve in curves]))
    dice = np.median([curve[best] for curve in curves])
    return Calibration(logit=float(LOGIT_EDGES[best]), weighted_dice=float(dice))


def _middle_of_best(curve: NDArray[np.float64]) -> int:
    """Where a curve is highest; the middle, where it is equally high over a stretch."""
    return int(np.median(np.flatnonzero(curve >= curve.max() - 1e-9)))


def _histograms(
    stack: TrainingStack,
    predict: Predict,
    multiple_zyx: tuple[int, int, int],
    batch_size: int,
    most_voxels: int,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How often each range of logits occurs in neurite and in background, over random windows."""
    assert stack.label is not None
    z, y, x = stack.array.shape
    plan = plan_windows((z, y, x), multiple_zyx, overlap=0.0)
    corners = np.stack(np.meshgrid(*plan.starts_zyx, indexing="ij"), axis=-1).reshape(-1, 3)
    count = max(1, most_voxels // plan.window_voxels)
    corners = rng.permutation(corners)[:count]
    neurite = np.zeros(len(LOGIT_EDGES) - 1)
    background = np.zeros_like(neurite)
    for first in range(0, len(corners), batch_size):
        boxes = [
            tuple(slice(a, a + n) for a, n in zip(corner, plan.window_zyx, strict=True))
            for corner in corners[first : first + batch_size]
        ]
        images = [stack.scale(stack.array[box]) for box in boxes]
        padded = [_padded(image, plan.window_zyx) for image in images]
        probability = predict(torch.from_numpy(np.stack(padded))).cpu().numpy()
        for box, image, values in zip(boxes, images, probability, strict=True):
            own = values[tuple(slice(n) for n in image.shape)].astype(np.float64)
            logit = np.log(np.maximum(own, 1e-12) / np.maximum(1 - own, 1e-12))
            logit = np.clip(logit, LOGIT_EDGES[0], LOGIT_EDGES[-1])
            label = stack.label[box]
            neurite += np.histogram(logit[label == NEURITE], LOGIT_EDGES)[0]
            background += np.histogram(logit[label == BACKGROUND], LOGIT_EDGES)[0]
            background += SHELL_WEIGHT * np.histogram(logit[label == IGNORED], LOGIT_EDGES)[0]
    return neurite, background


def _padded(image: NDArray[np.float32], window_zyx: tuple[int, int, int]) -> NDArray[np.float32]:
    missing = [(0, n - have) for n, have in zip(window_zyx, image.shape, strict=True)]
    return np.pad(image, missing, mode="symmetric")
