"""Trees against trees: read, brought into one frame, scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from neurorecon.commands.evaluate.config import EvaluateConfig, VoxelSize
from neurorecon.errors import InputError
from neurorecon.geometry import in_voxels
from neurorecon.io.swc import SwcHeader, read_swc, read_swc_header
from neurorecon.io.tiff_grid import Placement, make_grid
from neurorecon.metrics.tree import TreeScores, compare_trees
from neurorecon.morphology import Morphology
from neurorecon.volume import Grid, Unit

# Scores sample trees at every voxel. The longest neurons known are below a million; whole brains of
# them stay under this, which a wrong coordinate does not.
LONGEST_TREE = 3e7


@dataclass(frozen=True, slots=True)
class TreeEvaluation:
    """Two trees and their scores.

    test, gold: as they were scored, in the unit of every distance and length.
    grid: frame of the voxels that they are in; its unit is "voxel" where no voxel size is known.
    """

    test: Morphology
    gold: Morphology
    grid: Grid
    scores: TreeScores

    @property
    def unit(self) -> Unit:
        """Of every distance and length."""
        return self.gold.unit


def evaluate_trees(test: Path, gold: Path, config: EvaluateConfig) -> TreeEvaluation:
    """Score the tree in TEST against the one in GOLD."""
    (test_tree, gold_tree), grid = read_trees([test, gold], config)
    return TreeEvaluation(
        test_tree, gold_tree, grid, compare_trees(test_tree, gold_tree, config.scoring)
    )


def read_trees(paths: Sequence[Path], config: EvaluateConfig) -> tuple[list[Morphology], Grid]:
    """Trees in one frame: in voxels wherever the coordinates or the voxel size allow it.

    The last file decides the voxel size before the others: it is the gold, so that several tests
    share one frame.

    Raises InputError where units differ, or a tree is longer than any neuron.
    """
    trees = [read_swc(path, config.swc_units) for path in paths]
    size = config.voxel_size_zyx or _size_in_um([read_swc_header(path) for path in paths[::-1]])
    grid = Grid() if size is None else make_grid(Placement(), size)
    if size is not None:
        trees = [in_voxels(tree, grid) for tree in trees]
    for path, tree in zip(paths, trees, strict=True):
        if tree.unit != trees[-1].unit:
            raise InputError(
                f"{path} is in {tree.unit} and {paths[-1]} in {trees[-1].unit}; give --voxel-size "
                "Z Y X, or say with --swc-units what an SWC file without a header is in"
            )
        if tree.length > LONGEST_TREE:
            raise InputError(
                f"{path} is {tree.length:.3g} {tree.unit}s long, with an edge of "
                f"{tree.edge_length.max():.3g}: a coordinate is wrong, or the unit; correct it"
            )
    return trees, grid


def _size_in_um(headers: Sequence[SwcHeader]) -> VoxelSize | None:
    sizes = (header.voxel_size_zyx for header in headers if header.unit == "um")
    return next((size for size in sizes if size), None)
