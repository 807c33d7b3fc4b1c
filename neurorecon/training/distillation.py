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

from neurorecon.model.runtime import Compute
from neurorecon.model.segmenter import Segmenter
from neurorecon.model.teacher import Teacher
from neurorecon.training.parallel import shared
from neurorecon.training.patches import PatchSampler

AXES_ZYX = (2, 3, 4)  # of (N, C, Z, Y, X)


class ProjectedEncoder(nn.Module):
    """The student's encoder, and a projection of its tokens to the teacher's width."""

    def __init__(self, encoder: nn.Module, width: int, teacher_width: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.projection = nn.Linear(width, teacher_width)

    def forward(self, stack: Tensor) -> Tensor:
        """(N, 1, Z, Y, X) to projected tokens (N, z, y, x, D'), D' the teacher's width."""
        return self.projection(self.encoder(stack).movedim(1, -1))


class DistillationTask:
    """Unlabelled crops; the loss is the cosine distance to the teacher, mean over three views."""

    def __init__(
        self, student: Segmenter, teacher: Teacher, sampler: PatchSampler, compute: Compute
    ) -> None:
        width = student.config.width
        self.model = ProjectedEncoder(student.encoder, width, teacher.width).to(compute.device)
        self.teacher = teacher.to(compute.device)
        self.sampler = sampler
        self.compute = compute
        self.token_size_zyx = student.config.token_size_zyx
        self._network = shared(self.model, sampler.processes)

    def encoder_parameters(self) -> Iterator[nn.Parameter]:
        """Parameters of the transformer."""
        return self.model.encoder.parameters()

    def loss(self, step: int, part: int) -> tuple[Tensor, dict[str, float]]:
        """The loss of one batch, and the mean cosine similarity."""
        images, _ = self.sampler.batch(step, part)
        rng = np.random.default_rng((self.sampler.config.seed, step, part, len(AXES_ZYX)))
        stack = torch.from_numpy(images).to(self.compute.device)
        with self.compute.autocast():
            tokens = self._network(stack)
        distances = [self._view_distance(stack, tokens, axis, rng) for axis in AXES_ZYX]
        loss = torch.stack(distances).mean()
        return loss, {"similarity": 1 - loss.item()}

    def _view_distance(
        self, stack: Tensor, tokens: Tensor, axis: int, rng: np.random.Generator
    ) -> Tensor:
        """Cosine distance for one random slab along one axis (2, 3, 4 of the stack)."""
        count = tokens.shape[axis - 1]
        thickness = int(rng.integers(1, count + 1))
        first = int(rng.integers(count - thickness + 1))
        side = self.token_size_zyx[axis - 2]
        slab = stack.narrow(axis, first * side, thickness * side)
        own = tokens.narrow(axis - 1, first, thickness).mean(axis - 1)  # (N, rows, columns, D')
        with self.compute.autocast():
            wanted = self.teacher(as_picture(slab.amax(axis)[:, 0]), (own.shape[1], own.shape[2]))
        similarity = functional.cosine_similarity(
            own.float(), wanted.float().movedim(1, -1), dim=-1
        )
        return 1 - similarity.mean()


def as_picture(projection: Tensor) -> Tensor:
    """Network intensities, which have no upper end, to grey values in [0, 1)."""
    positive = projection.clamp(min=0.0)
    return positive / (1.0 + positive)
