"""Stacks against masks and trees: read block by block, scored."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from neurorecon.commands.evaluate.config import EvaluateConfig
from neurorecon.commands.evaluate.reading import doubt_in_stack, read_tree
from neurorecon.errors import InputError
from neurorecon.geometry import in_voxels
from neurorecon.io.address import in_dataset
from neurorecon.io.ondisk import VoxelsOnDisk
from neurorecon.io.stack import OpenStack, open_stack
from neurorecon.io.swc import read_swc_header
from neurorecon.metrics.blocks import Box, Reader, first_of
from neurorecon.metrics.curve import ThresholdCurve, threshold_curve
from neurorecon.metrics.masks import Mask, StackValues, check_shapes, scan_values, tree_mask
from neurorecon.metrics.voxel import MaskScores, compare_blocks
from neurorecon.morphology import Morphology
from neurorecon.volume import Grid, Unit

# Of each stack: blocks that lie side by side then do not decode the same pages again.
_KEPT_BYTES = 512 * 2**20


@dataclass(frozen=True, slots=True)
class MaskEvaluation:
    """Scores of two masks.

    grid: of the stacks; its unit is that of every distance.
    curve: where the test is a probability.
    outside: share of the gold tree's nodes that lie outside of the stack; 0 without a tree.
    doubt: what is not known about where the tree lies, for the user; empty: nothing.
    """

    scores: MaskScores
    grid: Grid
    curve: ThresholdCurve | None
    outside: float = 0.0
    doubt: str = ""

    @property
    def unit(self) -> Unit:
        """Of every distance."""
        return self.grid.unit


@dataclass(frozen=True, slots=True)
class _Stack:
    """An open stack, and what its values say."""

    path: Path
    voxels: VoxelsOnDisk
    values: StackValues
    grid: Grid

    def mask(self, threshold: float) -> Reader:
        """What gives the foreground of a box."""

        def read(box: Box) -> Mask:
            return self.values.foreground(self.voxels[box], threshold)

        return read


def evaluate_stacks(test: Path, gold: Path, config: EvaluateConfig) -> MaskEvaluation:
    """Score the mask or probability in TEST against the mask in GOLD."""
    with ExitStack() as files:
        opened = [files.enter_context(open_test(path, config)) for path in (test, gold)]
        try:
            check_shapes(opened[0].shape_zyx, opened[1].shape_zyx)
        except InputError as error:
            raise InputError(f"{test} and {gold} cannot be compared: {error}") from None
        gold_stack = _scanned(gold, opened[1])
        if not gold_stack.values.is_mask:
            raise InputError(
                f"{gold} has many values; a gold mask has 0 and one other value: threshold it "
                "first, or put the probability first"
            )
        test_stack = _scanned(test, opened[0])
        grid = gold_stack.grid if gold_stack.grid.unit == "um" else test_stack.grid
        return _score(test_stack, gold_stack.mask(config.threshold), grid, config.threshold)


def evaluate_stack_and_tree(test: Path, gold: Path, config: EvaluateConfig) -> MaskEvaluation:
    """Score the mask or probability in TEST against the tree in GOLD, drawn into the stack."""
    with open_test(test, config) as opened:
        tree = tree_in_stack(test, opened, gold, config)
        stack = _scanned(test, opened)

        def drawn(box: Box) -> Mask:
            shape = [side.stop - side.start for side in box]
            return tree_mask(tree, shape, first_zyx=first_of(box))

        evaluation = _score(stack, drawn, stack.grid, config.threshold)
    if not evaluation.scores.gold_voxels:
        raise InputError(
            f"{gold} lies outside of {test}; check --swc-units, --swc-origin and --voxel-size, or "
            "whether they belong together"
        )
    index = np.rint(tree.point_zyx)
    outside = ((index < 0) | (index >= opened.shape_zyx)).any(axis=1)
    return replace(
        evaluation,
        outside=float(outside.mean()),
        doubt=doubt_about(test, stack.grid, [gold], config),
    )


def tree_in_stack(stack: Path, opened: OpenStack, path: Path, config: EvaluateConfig) -> Morphology:
    """The tree of an SWC file in voxel indices of an open stack."""
    tree = read_tree(path, config)
    if tree.unit == "um" and opened.grid.unit == "voxel":
        raise InputError(
            f"{path} is in µm and the voxel size of {stack} is unknown; give --voxel-size Z Y X, "
            "or --swc-units voxel if the coordinates are voxels"
        )
    from_stack = config.swc_origin == "stack" and read_swc_header(path).origin_zyx is None
    return in_voxels(
        tree, replace(opened.grid, origin_zyx=(0.0,) * 3) if from_stack else opened.grid
    )


def doubt_about(stack: Path, grid: Grid, golds: Sequence[Path], config: EvaluateConfig) -> str:
    """What is not known about where the trees lie in a stack."""
    silent = [gold for gold in golds if read_swc_header(gold).origin_zyx is None]
    return doubt_in_stack(stack, grid.origin_zyx, grid.unit, silent, config)


def open_test(path: Path, config: EvaluateConfig) -> AbstractContextManager[OpenStack]:
    """A stack as the options say."""
    path = in_dataset(path, config.dataset)
    return open_stack(path, voxel_size_zyx=config.voxel_size_zyx, channel=config.channel)


def _scanned(path: Path, opened: OpenStack) -> _Stack:
    """A pass over all voxels: are they a mask, a probability?"""
    voxels = VoxelsOnDisk(opened, cache_bytes=_KEPT_BYTES)
    values = scan_values(voxels[box] for box in voxels.blocks())
    try:
        if not values.is_mask:
            values.certainty()
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return _Stack(path, voxels, values, opened.grid)


def _score(test: _Stack, gold: Reader, grid: Grid, threshold: float) -> MaskEvaluation:
    shape = test.voxels.shape
    scores = compare_blocks(test.mask(threshold), gold, shape, grid.voxel_size_zyx)
    curve = None
    if not test.values.is_mask:
        curve = threshold_curve(test.voxels.__getitem__, gold, shape, test.values.dtype)
    return MaskEvaluation(scores, grid, curve)
