"""Simulated stacks among the real ones, made while training goes on."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace

import numpy as np

from neurorecon.config import LabelConfig, SimulatedConfig
from neurorecon.geometry import in_voxels
from neurorecon.model.intensity import estimate_scale
from neurorecon.simulation.config import config_for, growth_for
from neurorecon.simulation.growth import grow_tree
from neurorecon.simulation.stack import simulate_stack
from neurorecon.training.labels import BACKGROUND, IGNORED, label_from_tree
from neurorecon.training.patches import TrainingStack


class SimulatedStacks:
    """A pool of stacks, renewed every some steps; what is in it depends on the seed alone."""

    def __init__(self, config: SimulatedConfig, label: LabelConfig, seed: int) -> None:
        self.config = config
        self.label = label
        self.seed = seed
        self._kept: OrderedDict[tuple[int, int], TrainingStack] = OrderedDict()

    def draw(self, step: int, rng: np.random.Generator) -> TrainingStack:
        """One of the stacks that serve step number `step`."""
        key = (step // self.config.renewed_after, int(rng.integers(self.config.pool)))
        if key not in self._kept:
            self._kept[key] = self._make(*key)
            if len(self._kept) > self.config.pool:
                self._kept.popitem(last=False)
        return self._kept[key]

    def _make(self, generation: int, number: int) -> TrainingStack:
        """A varied look on a random tree, with voxels of a random size."""
        seed = [self.seed, generation, number]
        rng = np.random.default_rng(seed)
        lateral = float(np.exp(rng.uniform(*np.log(self.config.voxel_um))))
        along_z = lateral * float(np.exp(rng.uniform(*np.log(self.config.anisotropy))))
        config = replace(
            config_for("varied", rng),
            voxel_size_zyx_um=(along_z, lateral, lateral),
            shape_zyx=self.config.shape_zyx,
        )
        simulated = simulate_stack(grow_tree(growth_for(rng), rng), config, seed)
        tree = in_voxels(simulated.morphology, simulated.grid)
        z, y, x = simulated.array.shape
        label = label_from_tree(tree, (z, y, x), self.label)
        # Thick neurites and somas are drawn thinner, as from a gold tree; what is left out of them
        # is not background.
        label[(simulated.label > 0) & (label == BACKGROUND)] = IGNORED
        scale = estimate_scale(simulated.array)
        return TrainingStack("simulated", simulated.array, scale, label)
