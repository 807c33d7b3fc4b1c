"""Scores of a mask against a gold mask: overlap of voxels and of centrelines, surface distance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from neurorecon.metrics.masks import Mask, check_shapes, foreground_box
from neurorecon.metrics.ratio import Agreement, agreement_of_counts
from neurorecon.metrics.surface import hd95


@dataclass(frozen=True, slots=True)
class MaskScores:
    """All scores of one pair of masks.

    overlap: precision and recall of voxels.
    centreline: precision and recall of skeletons.
    hd95: 95 % Hausdorff distance, in the unit of the voxel size.
    test_voxels, gold_voxels: foreground voxels of each.
    """

    overlap: Agreement
    centreline: Agreement
    hd95: float
    test_voxels: int
    gold_voxels: int

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
        """Centreline Dice: the F1 of the skeletons."""
        return self.centreline.f1


def compare_masks(
    test: Mask, gold: Mask, voxel_size_zyx: Sequence[float] = (1.0, 1.0, 1.0)
) -> MaskScores:
    """Score the mask `test` against `gold` (Z, Y, X). Raises InputError where shapes differ."""
    return MaskScores(
        overlap=overlap(test, gold),
        centreline=centreline_overlap(test, gold),
        hd95=hd95(test, gold, voxel_size_zyx),
        test_voxels=int(np.count_nonzero(test)),
        gold_voxels=int(np.count_nonzero(gold)),
    )


def overlap(test: Mask, gold: Mask) -> Agreement:
    """Precision and recall of voxels; their F1 is the Dice coefficient. Two empty masks agree."""
    check_shapes(test, gold)
    shared = int(np.count_nonzero(test & gold))
    return agreement_of_counts(shared, int(np.count_nonzero(test)), int(np.count_nonzero(gold)))


def dice(test: Mask, gold: Mask) -> float:
    """Dice coefficient, twice the shared voxels over the voxels of both; 1 if both are empty."""
    return overlap(test, gold).f1


def centreline_overlap(test: Mask, gold: Mask) -> Agreement:
    """Precision and recall of centrelines; their F1 is clDice (Shit et al., CVPR 2021).

    Precision is the share of the test's skeleton inside the gold, recall the share of the gold's
    skeleton inside the test. The skeletons are those of the paper's algorithm 1, applied to masks.
    (Thinning, as in scikit-image, deletes lines whose width is even.)
    """
    check_shapes(test, gold)
    box = foreground_box(test, gold, margin=1)
    test, gold = test[box], gold[box]
    of_test, of_gold = morphological_skeleton(test), morphological_skeleton(gold)
    if not of_test.any() and not of_gold.any():
        return Agreement(1.0, 1.0)
    return Agreement(_share_inside(of_test, gold), _share_inside(of_gold, test))


def cldice(test: Mask, gold: Mask) -> float:
    """Centreline Dice of two masks; 1 if both are empty."""
    return centreline_overlap(test, gold).f1


def _share_inside(skeleton: Mask, mask: Mask) -> float:
    total = np.count_nonzero(skeleton)
    return float(np.count_nonzero(skeleton & mask) / total) if total else 0.0


def morphological_skeleton(mask: Mask) -> Mask:
    """Voxels that an opening removes from the mask or from one of its erosions.

    Erosion by the six face neighbours, dilation by all 26; beyond the border the mask goes on, as
    it does in the paper's code.
    """
    if mask.all():
        return mask  # no background to start from: erosion would never end
    cube = np.ones((3,) * mask.ndim, bool)
    skeleton = np.zeros_like(mask)
    while mask.any():
        eroded = ndimage.binary_erosion(mask, border_value=1)
        skeleton |= mask & ~ndimage.binary_dilation(eroded, cube)
        mask = eroded
    return skeleton
