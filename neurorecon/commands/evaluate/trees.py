"""Trees against trees: read, brought into one frame, scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from neurorecon.commands.evaluate.config import EvaluateConfig, VoxelSize
from neurorecon.commands.evaluate.reading import doubts, read_tree
from neurorecon.errors import InputError
from neurorecon.geometry import in_voxels
from neurorecon.io.swc import SwcHeader, read_swc_header
from neurorecon.io.tiff_grid import Placement, make_grid
from neurorecon.metrics import LARGEST_DETAILED
from neurorecon.metrics.blast import NblastScores, nblast
from neurorecon.metrics.critical import compare_critical_nodes
from neurorecon.metrics.diadem import DiademScores, compare_diadem
from neurorecon.metrics.diadem_scoring import DiademScoring
from neurorecon.metrics.labelling import joined
from neurorecon.metrics.matching import PointMatch
from neurorecon.metrics.morphometry import MorphometryPair, compare_morphometry
from neurorecon.metrics.persistence import PersistenceScores, compare_persistence
from neurorecon.metrics.run_length import RunComparison, runs_in_trees
from neurorecon.metrics.substantial import (
    SubstantialScores,
    SubstantialScoring,
    compare_substantial,
)
from neurorecon.metrics.tree import TreeScores, compare_trees
from neurorecon.morphology import Morphology
from neurorecon.volume import Grid, Unit

# Scores sample trees at every voxel. The longest neurons known are below a million; whole brains of
# them stay under this, which a wrong coordinate does not.
LONGEST_TREE = 3e7


@dataclass(frozen=True, slots=True)
class SlowScores:
    """Scores whose time grows faster than the trees.

    nblast: None where a tree has no length, and so no direction.
    """

    diadem: DiademScores
    nblast: NblastScores | None
    persistence: PersistenceScores


@dataclass(frozen=True, slots=True)
class TreeEvaluation:
    """Trees and their scores.

    test, gold: as they were scored, in the unit of every distance and length of the scores; several
        files of one side together.
    grid: frame of the voxels that they are in; its unit is "voxel" where no voxel size is known.
    runs: of each gold file, and of all.
    morphometry: in µm where the voxel size is known, else in the unit of the trees.
    slow: None where they were left out.
    doubt: what is not known about where the trees lie, for the user; empty: nothing.
    """

    test: Morphology
    gold: Morphology
    grid: Grid
    scores: TreeScores
    substantial: SubstantialScores
    critical: PointMatch
    runs: RunComparison
    morphometry: MorphometryPair
    slow: SlowScores | None
    doubt: str

    @property
    def unit(self) -> Unit:
        """Of every distance and length, morphometry apart."""
        return self.gold.unit

    @property
    def size_unit(self) -> Unit:
        """Of morphometry."""
        return "um" if self.grid.unit == "um" else self.unit


def evaluate_trees(
    tests: Sequence[Path], golds: Sequence[Path], config: EvaluateConfig
) -> TreeEvaluation:
    """Score the trees of the test files, together, against those of the gold files.

    Each gold file is one neuron, and each tree of a test file one segment, for splits and merges.
    """
    paths = [*tests, *golds]
    headers = [read_swc_header(path) for path in paths]
    trees, grid = read_trees(paths, headers, config)
    doubt = doubts(paths, headers, config)
    return score_trees(trees[: len(tests)], trees[len(tests) :], grid, config, doubt)


def score_trees(
    tests: Sequence[Morphology],
    golds: Sequence[Morphology],
    grid: Grid,
    config: EvaluateConfig,
    doubt: str = "",
) -> TreeEvaluation:
    """The same of trees in memory, all in one unit: in voxels of the grid where these are known."""
    test, gold = joined(tests), joined(golds)
    limits = config.scoring
    slow = config.slow
    if slow is None:
        slow = max(len(test), len(gold)) <= LARGEST_DETAILED
    return TreeEvaluation(
        test=test,
        gold=gold,
        grid=grid,
        scores=compare_trees(test, gold, limits),
        substantial=compare_substantial(
            test, gold, SubstantialScoring(limits.substantial, limits.step)
        ),
        critical=compare_critical_nodes(test, gold, limits.match_radius),
        runs=runs_in_trees(golds, tests, limits.tolerance, limits.step, limits.match_radius),
        morphometry=compare_morphometry(in_um(test, grid), in_um(gold, grid)),
        slow=_slow_scores(test, gold, grid) if slow else None,
        doubt=doubt,
    )


def _slow_scores(test: Morphology, gold: Morphology, grid: Grid) -> SlowScores:
    depth, height, width = grid.voxel_size_zyx
    scoring = DiademScoring(z_scale=depth / float(np.sqrt(height * width)))
    pair = in_um(test, grid), in_um(gold, grid)
    return SlowScores(
        diadem=compare_diadem(test, gold, scoring),
        nblast=nblast(*pair) if test.length > 0 and gold.length > 0 else None,
        persistence=compare_persistence(*pair),
    )


def in_um(tree: Morphology, grid: Grid) -> Morphology:
    """The trees in µm where the grid's voxel size is known; as they are where it is not."""
    if grid.unit != "um" or tree.unit == "um":
        return tree
    scale = float(np.cbrt(np.prod(grid.voxel_size_zyx)))  # as `in_voxels` divides
    return replace(
        tree,
        point_zyx=grid.to_physical(tree.point_zyx),
        radius=tree.radius * scale,
        unit="um",
    )


def read_trees(
    paths: Sequence[Path], headers: Sequence[SwcHeader], config: EvaluateConfig
) -> tuple[list[Morphology], Grid]:
    """Trees in one frame: in voxels wherever the coordinates or the voxel size allow it.

    The last files decide the voxel size before the others: they are the golds, so that several
    tests share one frame. Voxels are those of the whole recording, or with `swc_origin` "stack"
    each file's count from the first voxel of the stack that its header names.

    Raises InputError where units differ, or a tree is longer than any neuron.
    """
    trees = [read_tree(path, config) for path in paths]
    size = config.voxel_size_zyx or _size_in_um(headers[::-1])
    grid = Grid() if size is None else make_grid(Placement(), size)
    if config.swc_origin == "stack":
        trees = [
            replace(tree, point_zyx=tree.point_zyx - (header.origin_zyx or 0.0))
            for tree, header in zip(trees, headers, strict=True)
        ]
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
