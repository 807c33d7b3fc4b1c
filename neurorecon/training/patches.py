"""Training crops from labelled or unlabelled stacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from neurorecon.config import TrainConfig
from neurorecon.model.intensity import IntensityScale
from neurorecon.training.augment import bend, change_look, draw_zoom, resample, turn
from neurorecon.training.labels import IGNORED, NEURITE
from neurorecon.training.parallel import ALONE, Processes
from neurorecon.volume import LazyVoxels


@dataclass(frozen=True)
class TrainingStack:
    """A stack in memory (or memory-mapped) with its label.

    array: (Z, Y, X) intensities as stored; scale: to the network's intensities.
    label: (Z, Y, X) as `labels` defines it, or None where only features are distilled.
    """

    name: str
    array: NDArray[Any] | LazyVoxels
    scale: IntensityScale
    label: NDArray[np.uint8] | None = None

    @cached_property
    def neurite_index(self) -> NDArray[np.int64]:
        """Flat indices of the labelled neurite."""
        assert self.label is not None
        return np.flatnonzero(self.label == NEURITE)


class Simulation(Protocol):
    """A source of simulated stacks."""

    def draw(self, step: int, rng: np.random.Generator) -> TrainingStack:
        """One of the stacks that serve a step."""
        ...


class PatchSampler:
    """Draws augmented batches; the crops of a step depend on seed, step and their number alone.

    So a resumed run sees what an unbroken one would have seen, and several processes see together
    what one with the larger batch would.
    """

    def __init__(
        self,
        stacks: Sequence[TrainingStack],
        config: TrainConfig,
        processes: Processes = ALONE,
        simulated: Simulation | None = None,
    ) -> None:
        self.stacks = stacks
        self.simulated = simulated
        self.config = config
        self.processes = processes

    def batch(self, step: int, part: int = 0) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Images (N, 1, Z, Y, X) and labels of the same shape (all IGNORED without labels)."""
        size = self.config.batch_size
        first = (part * self.processes.count + self.processes.rank) * size
        crops = [
            self._crop(step, np.random.default_rng((self.config.seed, step, number)))
            for number in range(first, first + size)
        ]
        images, labels = zip(*crops, strict=True)
        return np.stack(images)[:, None], np.stack(labels)[:, None]

    def _crop(
        self, step: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        stack = self._stack(step, rng)
        patch = self.config.patch_zyx
        zoom = draw_zoom(self.config.augment, rng)
        size = tuple(max(1, round(p / f)) for p, f in zip(patch, zoom, strict=True))
        image, label = _cut(stack, self._corner(stack, size, rng), size)
        image, label = resample(image, label, patch)
        image, label = turn(image, label, rng)
        image, label = bend(image, label, self.config.augment, rng)
        image = change_look(image, self.config.augment, rng)
        return np.ascontiguousarray(image), np.ascontiguousarray(label)

    def _stack(self, step: int, rng: np.random.Generator) -> TrainingStack:
        if self.simulated is not None and rng.random() < self.config.simulated.share:
            return self.simulated.draw(step, rng)
        return self.stacks[int(rng.integers(len(self.stacks)))]

    def _corner(
        self, stack: TrainingStack, size: tuple[int, ...], rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """First voxel of the next crop: near labelled neurite, or anywhere."""
        room = np.maximum(np.array(stack.array.shape) - size, 0)
        if stack.label is None or rng.random() >= self.config.near_neurite:
            return rng.integers(0, room + 1)
        if not len(stack.neurite_index):
            return rng.integers(0, room + 1)
        flat = stack.neurite_index[rng.integers(len(stack.neurite_index))]
        voxel = np.array(np.unravel_index(flat, stack.array.shape))
        return np.clip(voxel - rng.integers(0, size), 0, room)


def _cut(
    stack: TrainingStack, corner: NDArray[np.int64], size: tuple[int, ...]
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """A crop of exactly `size`; beyond a stack smaller than it, mirrored and ignored."""
    box = tuple(slice(a, a + n) for a, n in zip(corner, size, strict=True))
    image = stack.scale(np.asarray(stack.array[box]))
    label = (
        np.full(image.shape, IGNORED, np.uint8) if stack.label is None else stack.label[box].copy()
    )
    missing = [(0, n - have) for n, have in zip(size, image.shape, strict=True)]
    if any(after for _, after in missing):
        image = np.pad(image, missing, mode="symmetric")
        label = np.pad(label, missing, constant_values=IGNORED)
    return image, label
