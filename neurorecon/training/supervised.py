"""The task of `train`: segment labelled crops."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from neurorecon.model.runtime import Compute
from neurorecon.model.segmenter import Segmenter
from neurorecon.training.losses import segmentation_loss
from neurorecon.training.parallel import shared
from neurorecon.training.patches import PatchSampler


class SupervisedTask:
    """Crops with labels; the loss is `losses.segmentation_loss`."""

    def __init__(self, model: Segmenter, sampler: PatchSampler, compute: Compute) -> None:
        self.model = model
        self.sampler = sampler
        self.compute = compute
        self._network = shared(model, sampler.processes)

    def encoder_parameters(self) -> Iterator[nn.Parameter]:
        """Parameters of the transformer."""
        return self.model.encoder.parameters()

    def loss(self, step: int, part: int) -> tuple[Tensor, dict[str, float]]:
        """The loss of one batch, and its soft Dice."""
        images, labels = self.sampler.batch(step, part)
        device = self.compute.device
        with self.compute.autocast():
            logits = self._network(torch.from_numpy(images).to(device))
        label = torch.from_numpy(labels).to(device)
        return segmentation_loss(logits.float(), label, self.sampler.config.loss)
