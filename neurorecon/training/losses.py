"""Losses for thin structures, over the voxels whose label counts."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from neurorecon.training.labels import IGNORED, NEURITE

# Keeps the Dice loss of a batch without neurite finite, and its gradient small.
DICE_SMOOTHING = 1.0


def dice_and_cross_entropy(logits: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
    """Loss (Dice loss + binary cross-entropy) and the Dice loss alone, over the batch.

    logits, label: the same shape; label as `labels` defines it, IGNORED voxels left out.
    Source: V-Net (Milletari et al., 3DV 2016) for the soft Dice loss.
    """
    counted = label != IGNORED
    target = (label == NEURITE)[counted].to(logits.dtype)
    chosen = logits[counted]
    if chosen.numel() == 0:
        zero = logits.sum() * 0.0
        return zero, zero
    cross_entropy = functional.binary_cross_entropy_with_logits(chosen, target)
    probability = torch.sigmoid(chosen)
    overlap = 2 * (probability * target).sum() + DICE_SMOOTHING
    dice_loss = 1 - overlap / (probability.sum() + target.sum() + DICE_SMOOTHING)
    return cross_entropy + dice_loss, dice_loss
