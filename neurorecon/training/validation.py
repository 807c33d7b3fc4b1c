"""Scores of a network in training on whole stacks kept out of it, over all thresholds at once.

The tolerant F1 is what models are chosen by: gold centrelines are off by 1-2 voxels, so that the
Dice of thin tubes says more about the annotator's hand than about the network. Its precision is the
share of marked voxels within 4 voxels of the gold's centreline, its recall the share of the
centreline within 2 voxels of a marked one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import skeletonize

from neurorecon.geometry import sample_edges, tree_distance
from neurorecon.morphology import Morphology
from neurorecon.segmentation.plan import plan_windows
from neurorecon.segmentation.sliding import CERTAIN, Predict
from neurorecon.segmentation.stack import segment_array
from neurorecon.training.labels import IGNORED, NEURITE
from neurorecon.training.patches import TrainingStack

Criterion = Literal["f1", "dice"]

PRECISION_REACH = 4.0
RECALL_REACH = 2
LEVELS = CERTAIN + 1


@dataclass(frozen=True)
class ValidationStack:
    """A labelled stack, with its gold tree in voxel indices."""

    stack: TrainingStack
    tree: Morphology

    @cached_property
    def near(self) -> NDArray[np.bool_]:
        """(Z, Y, X) voxels within `PRECISION_REACH` of the centreline."""
        thin = np.zeros(len(self.tree))
        shape = self.stack.array.shape
        return tree_distance(self.tree, thin, shape, (1, 1, 1), reach=PRECISION_REACH) < np.inf

    @cached_property
    def around(self) -> NDArray[np.int64]:
        """(n, k, 3) voxels within `RECALL_REACH` of each of n points a voxel apart, 0 if outside.

        Points outside the stack are left out.
        """
        tree, shape = self.tree, np.array(self.stack.array.shape)
        points = tree.point_zyx
        if len(tree.edges):
            start, end = tree.point_zyx[tree.edges.T]
            points, _, _ = sample_edges(start, end, step=1.0)
        centre = np.rint(points).astype(np.int64)
        centre = centre[((centre >= 0) & (centre < shape)).all(axis=1)]
        side = np.arange(-RECALL_REACH, RECALL_REACH + 1)
        ball = np.stack(np.meshgrid(side, side, side, indexing="ij"), axis=-1).reshape(-1, 3)
        ball = ball[(ball**2).sum(axis=1) <= RECALL_REACH**2]
        near: NDArray[np.int64] = np.clip(centre[:, None] + ball, 0, shape - 1)
        return near


def centreline_of_mask(mask: NDArray[np.bool_]) -> Morphology:
    """The thinned mask (Z, Y, X) as lone nodes in voxel indices: where its centreline is.

    scikit-image's thinning loses lines of even width; of what it loses, every voxel is taken.
    """
    thin = skeletonize(mask).astype(bool)
    piece, count = ndimage.label(mask, np.ones((3, 3, 3)))
    kept = np.zeros(count + 1, bool)
    kept[piece[thin]] = True
    point = np.argwhere(thin | (mask & ~kept[piece])).astype(np.float64)
    nodes = len(point)
    return Morphology(point, np.ones(nodes), np.full(nodes, -1), np.zeros(nodes, np.int64))


@dataclass(frozen=True)
class Curves:
    """Scores of one stack where voxels from level i on (of 255) count as neurite, i = 0..255."""

    f1: NDArray[np.float64]
    dice: NDArray[np.float64]


@dataclass(frozen=True)
class Validation:
    """Means over the validation stacks at the best threshold of the criterion.

    level: that threshold, 1 to 255.
    """

    f1: float
    dice: float
    level: int

    @property
    def logit(self) -> float:
        """What to take from the network's logits so that 0.5 is the threshold."""
        probability = (self.level - 0.5) / CERTAIN
        return float(np.log(probability / (1 - probability)))


def validate(
    stacks: Sequence[ValidationStack],
    predict: Predict,
    multiple_zyx: tuple[int, int, int],
    batch_size: int,
    criterion: Criterion,
) -> tuple[Validation, NDArray[np.uint8]]:
    """Segment whole stacks window by window and score them; also the first one's segmentation."""
    curves, first = [], None
    for each in stacks:
        z, y, x = each.stack.array.shape
        plan = plan_windows((z, y, x), multiple_zyx)
        segmentation = segment_array(
            each.stack.array, each.stack.scale, plan, predict, batch_size, lambda count: None
        )
        curves.append(score_levels(segmentation, each))
        first = segmentation if first is None else first
    assert first is not None
    f1 = np.mean([curve.f1 for curve in curves], axis=0)
    dice = np.mean([curve.dice for curve in curves], axis=0)
    level = 1 + int((f1 if criterion == "f1" else dice)[1:].argmax())
    return Validation(float(f1[level]), float(dice[level]), level), first


def score_levels(segmentation: NDArray[np.uint8], gold: ValidationStack) -> Curves:
    """Tolerant F1 and Dice of a segmentation (Z, Y, X) at every threshold."""
    marked, right = _from_level(segmentation), _from_level(segmentation[gold.near])
    reached = segmentation[tuple(np.moveaxis(gold.around, -1, 0))].max(axis=1, initial=0)
    precision = right / np.maximum(marked, 1)
    recall = _from_level(reached) / max(len(reached), 1)
    label = gold.stack.label
    assert label is not None
    found = _from_level(segmentation[label == NEURITE])
    counted = marked - _from_level(segmentation[label == IGNORED])
    return Curves(
        f1=2 * precision * recall / np.maximum(precision + recall, 1e-12),
        dice=2 * found / np.maximum(counted + found[0], 1),
    )


def _from_level(values: NDArray[np.uint8]) -> NDArray[np.int64]:
    """(256,) how many values are at least each level."""
    return np.bincount(values.ravel(), minlength=LEVELS)[::-1].cumsum()[::-1]
