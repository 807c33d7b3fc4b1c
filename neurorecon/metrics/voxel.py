"""Scores of a mask against a gold mask: voxels, centrelines, surfaces, components.

All are computed block by block, and do not depend on where the blocks are cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neurorecon.metrics.blocks import (
    BLOCK_VOXELS,
    Block,
    Box,
    Reader,
    first_of,
    plan_blocks,
    whole,
    within,
)
from neurorecon.metrics.components import ComponentCounter
from neurorecon.metrics.masks import Mask, check_shapes
from neurorecon.metrics.ratio import Agreement, agreement_of_counts
from neurorecon.metrics.skeleton import HALOS, Depth, depth, is_settled, skeleton
from neurorecon.metrics.surface import Points, SurfaceDistance, distance_of_surfaces, surface


@dataclass(frozen=True, slots=True)
class MaskScores:
    """All scores of one pair of masks.

    overlap: precision and recall of voxels.
    centreline: precision is the share of the test's skeleton inside the gold, recall the share of
        the gold's skeleton inside the test.
    surface: distances between surfaces, in the unit of the voxel size.
    test_voxels, gold_voxels: foreground voxels of each.
    test_components, gold_components: pieces whose voxels touch, by a corner at least.
    """

    overlap: Agreement
    centreline: Agreement
    surface: SurfaceDistance
    test_voxels: int
    gold_voxels: int
    test_components: int
    gold_components: int

    @property
    def dice(self) -> float:
        """Dice coefficient: the F1 of the voxels."""
        return self.overlap.f1

    @property
    def iou(self) -> float:
        """Intersection over union (Jaccard index)."""
        return self.dice / (2 - self.dice)

    @property
    def cldice(self) -> float:
        """Centreline Dice: the F1 of the skeletons (Shit et al., CVPR 2021)."""
        return self.centreline.f1

    @property
    def hd95(self) -> float:
        """95 % Hausdorff distance, in the unit of the voxel size."""
        return self.surface.hd95.both

    @property
    def betti0_error(self) -> int:
        """How many components too many or too few."""
        return abs(self.test_components - self.gold_components)


class _Side:
    """What is counted of one of the two masks, over all blocks."""

    def __init__(self) -> None:
        self.voxels = 0
        self.skeleton = 0
        self.skeleton_inside = 0
        self.components = ComponentCounter()
        self._surface: list[Points] = []

    def add(self, mask: Mask, other: Mask, depth_zyx: Depth, block: Block, box: Box) -> None:
        """mask, other, depth_zyx: of the voxels of `box`, the block and its halo."""
        core = within(block.core, box)
        self.voxels += int(np.count_nonzero(mask[core]))
        line = skeleton(depth_zyx)[core]
        self.skeleton += int(np.count_nonzero(line))
        self.skeleton_inside += int(np.count_nonzero(line & other[core]))
        self.components.add(mask[within(block.overlapping(), box)], block)
        rim = within(block.padded(1), box)
        outline = surface(mask[rim])[within(block.core, block.padded(1))]
        self._surface.append((np.argwhere(outline) + first_of(block.core)).astype(np.int32))

    def surface_points(self) -> Points:
        return np.concatenate([np.empty((0, 3), np.int32), *self._surface])


def compare_masks(
    test: Mask, gold: Mask, voxel_size_zyx: Sequence[float] = (1.0, 1.0, 1.0)
) -> MaskScores:
    """Score the mask `test` against `gold` (Z, Y, X). Raises InputError where shapes differ."""
    check_shapes(test.shape, gold.shape)
    return compare_blocks(test.__getitem__, gold.__getitem__, test.shape, voxel_size_zyx)


def compare_blocks(
    test: Reader,
    gold: Reader,
    shape_zyx: Sequence[int],
    voxel_size_zyx: Sequence[float],
    block_voxels: int = BLOCK_VOXELS,
) -> MaskScores:
    """Score a mask against another, both read block by block.

    test, gold: give the mask (bool) of a box.

    Memory is that of a block of `block_voxels` and its halo, and 40 bytes for each voxel of a
    surface; the result is the same for blocks of any size.
    """
    sides = (_Side(), _Side())
    shared = 0
    for block in plan_blocks(shape_zyx, block_voxels):
        box, masks, depths = _read_settled(test, gold, block)
        core = within(block.core, box)
        shared += int(np.count_nonzero(masks[0][core] & masks[1][core]))
        for number, side in enumerate(sides):
            if masks[number].any():
                side.add(masks[number], masks[1 - number], depths[number], block, box)
    of_test, of_gold = sides
    return MaskScores(
        overlap=agreement_of_counts(shared, of_test.voxels, of_gold.voxels),
        centreline=_centreline(of_test, of_gold),
        surface=distance_of_surfaces(
            of_test.surface_points(), of_gold.surface_points(), voxel_size_zyx, shape_zyx
        ),
        test_voxels=of_test.voxels,
        gold_voxels=of_gold.voxels,
        test_components=of_test.components.total(),
        gold_components=of_gold.components.total(),
    )


def _read_settled(
    test: Reader, gold: Reader, block: Block
) -> tuple[Box, tuple[Mask, Mask], tuple[Depth, Depth]]:
    """A block with a halo so wide that the depths in the block are right."""
    for halo in HALOS:
        box = block.padded(halo)
        masks = test(box), gold(box)
        depths = depth(masks[0]), depth(masks[1])
        if box == whole(block.shape_zyx) or all(is_settled(each, block, box) for each in depths):
            break
    return box, masks, depths


def _centreline(test: _Side, gold: _Side) -> Agreement:
    if test.skeleton == 0 and gold.skeleton == 0:
        return Agreement(1.0, 1.0)
    return Agreement(
        *(side.skeleton_inside / side.skeleton if side.skeleton else 0.0 for side in (test, gold))
    )


def dice(test: Mask, gold: Mask) -> float:
    """Dice coefficient, twice the shared voxels over the voxels of both; 1 if both are empty."""
    check_shapes(test.shape, gold.shape)
    shared = int(np.count_nonzero(test & gold))
    return agreement_of_counts(shared, int(np.count_nonzero(test)), int(np.count_nonzero(gold))).f1


def cldice(test: Mask, gold: Mask) -> float:
    """Centreline Dice of two masks; 1 if both are empty."""
    return compare_masks(test, gold).cldice
