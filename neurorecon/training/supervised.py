"""The task of `train`: segment labelled crops."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from neurorecon.model.segmenter import Segmenter
from neurorecon.training.losses import segmentation_loss
from neurorecon.training.patches import PatchSampler


class SupervisedTask:
    """Crops with labels; the loss is `losses.segmentation_loss`."""

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
        label = torch.from_numpy(labels).to(self.device)
        return segmentation_loss(logits, label, self.sampler.config.loss)
