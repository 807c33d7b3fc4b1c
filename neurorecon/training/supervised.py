"""The task of `train`: segment labelled crops."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from neurorecon.model.segmenter import Segmenter
from neurorecon.training.losses import dice_and_cross_entropy
from neurorecon.training.patches import PatchSampler


class SupervisedTask:
    """Crops with labels; the loss is Dice + cross-entropy."""

    def __init__(self, model: Segmenter, sampler: PatchSampler, device: torch.device) -> None:
        self.model = model
        self.sampler = sampler
        self.device = device

    def encoder_parameters(self) -> Iterator[nn.Parameter]:
        """Parameters of the transformer."""
        return self.model.encoder.parameters()

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """The loss of one batch, and its soft Dice."""
        images, labels = self.sampler.batch(step)
        logits = self.model(torch.from_numpy(images).to(self.device))
        loss, dice_loss = dice_and_cross_entropy(logits, torch.from_numpy(labels).to(self.device))
        return loss, {"dice": 1 - dice_loss.item()}
