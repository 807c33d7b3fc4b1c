"""The task of `distill`: student tokens learn to agree with a 2D teacher's features, no labels.

A crop is seen along each axis as the teacher sees pictures: a slab of it, projected. The student's
tokens of the same slab, averaged along the axis and projected to the teacher's width, are pulled
toward the teacher's features, patch by patch.

Source: distillation from 2D features as in DINeuro (arXiv 2410.22078); views, slabs and the cosine
distance are ours.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from neurorecon.model.segmenter import Segmenter
from neurorecon.model.teacher import Teacher
from neurorecon.training.patches import PatchSampler

AXES_ZYX = (2, 3, 4)  # of (N, C, Z, Y, X)


class DistillationTask:
    """Unlabelled crops; the loss is the cosine distance to the teacher, mean over three views."""

    def __init__(
        self, student: Segmenter, teacher: Teacher, sampler: PatchSampler, device: torch.device
    ) -> None:
        encoder, width = student.encoder, student.config.width
        projection = nn.Linear(width, teacher.width)
        self.model = nn.ModuleDict({"encoder": encoder, "projection": projection}).to(device)
        self.teacher = teacher.to(device)
        self.sampler = sampler
        self.device = device
        self.token_size_zyx = student.config.token_size_zyx

    def encoder_parameters(self) -> Iterator[nn.Parameter]:
        """Parameters of the transformer."""
        return self.model["encoder"].parameters()

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """The loss of one batch, and the mean cosine similarity."""
        images, _ = self.sampler.batch(step)
        rng = np.random.default_rng((self.sampler.config.seed, step, len(AXES_ZYX)))
        stack = torch.from_numpy(images).to(self.device)
        tokens = self.model["encoder"](stack)
        distances = [self._view_distance(stack, tokens, axis, rng) for axis in AXES_ZYX]
        loss = torch.stack(distances).mean()
        return loss, {"similarity": 1 - loss.item()}

    def _view_distance(
        self, stack: Tensor, tokens: Tensor, axis: int, rng: np.random.Generator
    ) -> Tensor:
        """Cosine distance for one random slab along one axis."""
        count = tokens.shape[axis]
        thickness = int(rng.integers(1, count + 1))
        first = int(rng.integers(count - thickness + 1))
        side = self.token_size_zyx[axis - 2]
        slab = stack.narrow(axis, first * side, thickness * side)
        own = tokens.narrow(axis, first, thickness).mean(axis)  # (N, D, rows, columns)
        wanted = self.teacher(as_picture(slab.amax(axis)[:, 0]), (own.shape[2], own.shape[3]))
        projected = self.model["projection"](own.movedim(1, -1))  # (N, rows, columns, D')
        similarity = functional.cosine_similarity(projected, wanted.movedim(1, -1), dim=-1)
        return 1 - similarity.mean()


def as_picture(projection: Tensor) -> Tensor:
    """Network intensities, which have no upper end, to grey values in [0, 1)."""
    positive = projection.clamp(min=0.0)
    return positive / (1.0 + positive)
