"""The task of `distill`: the student's features learn to agree with a 2D teacher's, no labels.

A crop is seen along one of its axes as the teacher sees pictures: a slab of it, projected. The
student's features of the same slab, averaged along the axis and projected to the teacher's width,
are pulled toward the teacher's, at two resolutions: tokens, and the convolutional path where it has
met them. Painting what the teacher sees at twice the tokens' resolution makes the tokens tell where
in them a neurite runs. Only the encoder is kept: a convolutional path that has learned to paint
features learns to paint neurites more slowly than a fresh one.

Source: distillation from 2D features as in DINeuro (arXiv 2410.22078); views, slabs, resolutions
and the distance are ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from neurorecon.model.runtime import Compute
from neurorecon.model.segmenter import Segmenter
from neurorecon.model.teacher import Teacher
from neurorecon.training.parallel import shared
from neurorecon.training.patches import PatchSampler

# Of the teacher's mean feature: long against the looks of a few crops.
MEMORY_STEPS = 100
_SLABS = 3  # tells their random numbers from those of the crops


class ProjectedStudent(nn.Module):
    """The student's features, projected to the teacher's width D'."""

    teacher_mean: Tensor

    def __init__(self, student: Segmenter, teacher_width: int) -> None:
        super().__init__()
        self.student = student
        self.from_tokens = nn.Linear(student.config.width, teacher_width)
        self.from_latent = nn.Linear(student.config.channels[2], teacher_width)
        self.register_buffer("teacher_mean", torch.zeros(teacher_width))

    def forward(self, stack: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 1, Z, Y, X) to (N, z, y, x, D') of the tokens, and of every fourth voxel."""
        tokens = self.student.encoder(stack)
        latent, _, _ = self.student.latent(stack, tokens)
        return self.from_tokens(tokens.movedim(1, -1)), self.from_latent(latent.movedim(1, -1))


@dataclass(frozen=True)
class Slab:
    """A part of a crop, seen along one axis (0 z, 1 y, 2 x); the rest in tokens along it."""

    axis: int
    first: int
    thickness: int
    tokens: int

    @classmethod
    def draw(cls, rng: np.random.Generator, grid_zyx: torch.Size) -> Slab:
        """Any slab of a crop with this grid of tokens."""
        axis = int(rng.integers(3))
        thickness = int(rng.integers(1, grid_zyx[axis] + 1))
        first = int(rng.integers(grid_zyx[axis] - thickness + 1))
        return cls(axis, first, thickness, grid_zyx[axis])

    def of(self, grid: Tensor) -> Tensor:
        """Its part of (N, Z, Y, X, ...) at any resolution that is a multiple of the tokens'."""
        each = grid.shape[1 + self.axis] // self.tokens
        return grid.narrow(1 + self.axis, self.first * each, self.thickness * each)


class DistillationTask:
    """Unlabelled crops; the loss is the cosine distance to the teacher, mean of two resolutions.

    Most of a neurite stack is dark, and the teacher's features of dark patches are alike: their
    running mean is taken off, and a patch counts as much as it differs from it.
    """

    def __init__(
        self, student: Segmenter, teacher: Teacher, sampler: PatchSampler, compute: Compute
    ) -> None:
        self.model = ProjectedStudent(student, teacher.width).to(compute.device)
        self.teacher = teacher.to(compute.device)
        self.sampler = sampler
        self.compute = compute
        self._network = shared(self.model, sampler.processes)

    def encoder_parameters(self) -> Iterator[nn.Parameter]:
        """Parameters of the transformer."""
        return self.model.student.encoder.parameters()

    def loss(self, step: int, part: int) -> tuple[Tensor, dict[str, float]]:
        """The loss of one batch, and the mean cosine similarity."""
        images, _ = self.sampler.batch(step, part)
        rng = np.random.default_rng((self.sampler.config.seed, step, part, _SLABS))
        stack = torch.from_numpy(images).to(self.compute.device)
        with self.compute.autocast():
            features = self._network(stack)
            slab = Slab.draw(rng, features[0].shape[1:4])
            tokens, latent = (slab.of(grid).mean(1 + slab.axis) for grid in features)
            picture = as_picture(slab.of(stack[:, 0]).amax(1 + slab.axis))
            rows, columns = latent.shape[1:3]
            wanted = self.teacher(picture, (rows, columns)).float()  # (N, D', rows, columns)
        self._remember(wanted, step)
        centred = wanted - self.model.teacher_mean.reshape(-1, 1, 1)
        pooled = functional.adaptive_avg_pool2d(centred, (tokens.shape[1], tokens.shape[2]))
        loss = (_distance(tokens, pooled) + _distance(latent, centred)) / 2
        return loss, {"similarity": 1 - loss.item()}

    @torch.no_grad()
    def _remember(self, wanted: Tensor, step: int) -> None:
        share = max(1 / (step + 1), 1 / MEMORY_STEPS)
        self.model.teacher_mean.lerp_(wanted.mean((0, 2, 3)), share)


def _distance(own: Tensor, wanted: Tensor) -> Tensor:
    """1 - cosine of features (N, rows, columns, D') to (N, D', rows, columns), by their length."""
    similarity = functional.cosine_similarity(own.float(), wanted.movedim(1, -1), dim=-1)
    weight = wanted.norm(dim=1)
    distance: Tensor = 1 - (weight * similarity).sum() / weight.sum().clamp(min=1e-6)
    return distance


def as_picture(projection: Tensor) -> Tensor:
    """Network intensities, which have no upper end, to grey values in [0, 1)."""
    positive = projection.clamp(min=0.0)
    return positive / (1.0 + positive)
