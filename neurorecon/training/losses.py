"""Losses for thin structures, over the voxels whose label counts."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from neurorecon.config import LossConfig
from neurorecon.training.labels import IGNORED, NEURITE
from neurorecon.training.parallel import summed

# Keeps the Dice loss of a batch without neurite finite, and its gradient small.
DICE_SMOOTHING = 1.0
# Erosions until nothing is left of the drawn tubes, whose radius is at most 3 voxels.
SKELETON_ROUNDS = 3


def segmentation_loss(
    logits: Tensor, label: Tensor, config: LossConfig
) -> tuple[Tensor, dict[str, float]]:
    """Weighted sum of Dice loss, binary cross-entropy and soft clDice, and the soft Dice.

    logits, label: (N, 1, Z, Y, X); label as `labels` defines it, IGNORED voxels left out.
    Source: V-Net (Milletari et al., 3DV 2016) for the soft Dice loss.
    """
    counted = (label != IGNORED).to(logits.dtype)
    target = (label == NEURITE).to(logits.dtype)
    probability = torch.sigmoid(logits)
    cross_entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    shared, marked, neurite, surprise, voxels = summed(
        torch.stack(
            [
                (probability * target).sum(),
                (probability * counted).sum(),
                target.sum(),
                (cross_entropy * counted).sum(),
                counted.sum(),
            ]
        )
    )
    dice = (2 * shared + DICE_SMOOTHING) / (marked + neurite + DICE_SMOOTHING)
    loss = config.dice * (1 - dice) + config.cross_entropy * surprise / voxels.clamp(min=1)
    if config.cldice:
        loss = loss + config.cldice * soft_cldice_loss(probability, label)
    return loss * (voxels > 0), {"dice": dice.item()}


def soft_cldice_loss(probability: Tensor, label: Tensor) -> Tensor:
    """1 - soft clDice: how far the centrelines of each lie outside the other.

    probability, label: (N, 1, Z, Y, X). What of the predicted centreline lies in IGNORED voxels is
    neither right nor wrong. Source: clDice (Shit et al., CVPR 2021).
    """
    target = (label == NEURITE).to(probability.dtype)
    counted = (label != IGNORED).to(probability.dtype)
    predicted = soft_skeleton(probability) * counted
    wanted = soft_skeleton(target)
    inside, drawn, found, all_wanted = summed(
        torch.stack(
            [
                (predicted * target).sum(),
                predicted.sum(),
                (wanted * probability).sum(),
                wanted.sum(),
            ]
        )
    )
    precision = (inside + DICE_SMOOTHING) / (drawn + DICE_SMOOTHING)
    recall = (found + DICE_SMOOTHING) / (all_wanted + DICE_SMOOTHING)
    loss: Tensor = 1 - 2 * precision * recall / (precision + recall)
    return loss


def soft_skeleton(probability: Tensor) -> Tensor:
    """What soft openings remove from a stack (N, 1, Z, Y, X) and its soft erosions."""
    opened = _dilated(_eroded(probability))
    skeleton = functional.relu(probability - opened)
    for _ in range(SKELETON_ROUNDS):
        probability = _eroded(probability)
        lost = functional.relu(probability - _dilated(_eroded(probability)))
        skeleton = skeleton + functional.relu(lost - skeleton * lost)
    return skeleton


def _eroded(stack: Tensor) -> Tensor:
    """The least of a voxel and its six face neighbours."""
    along = [
        -functional.max_pool3d(-stack, size, 1, padding)
        for size, padding in (
            ((3, 1, 1), (1, 0, 0)),
            ((1, 3, 1), (0, 1, 0)),
            ((1, 1, 3), (0, 0, 1)),
        )
    ]
    return torch.minimum(torch.minimum(along[0], along[1]), along[2])


def _dilated(stack: Tensor) -> Tensor:
    return functional.max_pool3d(stack, 3, 1, 1)
