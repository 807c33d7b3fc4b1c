"""A label volume against gold neurons: run length, splits, merges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from neurorecon.commands.evaluate.config import EvaluateConfig
from neurorecon.commands.evaluate.stacks import doubt_about, open_test, tree_in_stack
from neurorecon.errors import InputError
from neurorecon.io.ondisk import VoxelsOnDisk
from neurorecon.metrics.run_length import RunComparison, runs_in_volume
from neurorecon.volume import Grid, Unit


@dataclass(frozen=True, slots=True)
class LabelEvaluation:
    """golds: the files, in the order of `runs.neurons`; lengths are in voxels.

    doubt: what is not known about where the golds lie, for the user; empty: nothing.
    """

    golds: tuple[Path, ...]
    runs: RunComparison
    grid: Grid
    doubt: str

    @property
    def unit(self) -> Unit:
        """Of every length."""
        return "voxel"


def evaluate_labels(test: Path, golds: Sequence[Path], config: EvaluateConfig) -> LabelEvaluation:
    """Score the label volume TEST, in which 0 is background, against one neuron a gold file.

    Voxels are looked up where the golds run: the volume may be larger than memory.
    """
    with open_test(test, config) as opened:
        if opened.dtype.kind not in "ui":
            raise InputError(
                f"{test} holds {opened.dtype}; a label volume holds whole numbers, 0 for background"
            )
        trees = [tree_in_stack(test, opened, gold, config) for gold in golds]
        for gold, tree in zip(golds, trees, strict=True):
            inside = (tree.point_zyx >= -0.5) & (
                tree.point_zyx < [s - 0.5 for s in opened.shape_zyx]
            )
            if not inside.all(axis=1).any():
                raise InputError(
                    f"{gold} lies outside of {test}; check --swc-units, --swc-origin and "
                    "--voxel-size, or whether they belong together"
                )
        runs = runs_in_volume(trees, VoxelsOnDisk(opened), config.scoring.step)
        doubt = doubt_about(test, opened.grid, golds, config)
        return LabelEvaluation(tuple(golds), runs, opened.grid, doubt)
