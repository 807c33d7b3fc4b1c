import numpy as np
import pytest
import torch

from neurorecon.config import LabelConfig
from neurorecon.model.intensity import IntensityScale
from neurorecon.morphology import Morphology
from neurorecon.training.labels import label_from_tree
from neurorecon.training.patches import TrainingStack
from neurorecon.training.validation import ValidationStack, score_levels, validate

SHAPE = (20, 31, 47)
LINE = Morphology(
    np.array([[10.0, 15.0, 3.0], [10.0, 15.0, 42.0]]),
    np.full(2, 2.0),
    np.array([-1, 0]),
    np.zeros(2, np.int64),
)


def _gold() -> ValidationStack:
    label = label_from_tree(LINE, SHAPE, LabelConfig())
    array = (label == 1).astype(np.uint8) * 100
    return ValidationStack(TrainingStack("line", array, IntensityScale(0, 100), label), LINE)


def test_a_centreline_off_by_two_voxels_is_right_and_by_five_is_wrong() -> None:
    for off, wanted in ((0, 1.0), (2, 1.0), (5, 0.0)):
        found = np.zeros(SHAPE, np.uint8)
        found[10, 15 + off, 3:43] = 200
        curves = score_levels(found, _gold())
        assert curves.f1[200] == pytest.approx(wanted, abs=0.01)
        assert curves.f1[201] == 0  # nothing is marked any more


def test_half_a_line_and_a_speck_have_their_closed_form() -> None:
    found = np.zeros(SHAPE, np.uint8)
    found[10, 15, 3:23] = 255
    found[2:4, 2:4, 2:7] = 100  # 20 voxels of something else
    curves = score_levels(found, _gold())
    recall = 22 / 40  # the end reaches two voxels further
    assert curves.f1[150] == pytest.approx(2 * recall / (1 + recall), abs=0.01)
    assert curves.f1[50] == pytest.approx(2 * 0.5 * recall / (0.5 + recall), abs=0.01)


def test_dice_leaves_the_ignored_shell_out() -> None:
    gold = _gold()
    found = np.where(gold.stack.label != 0, 255, 0).astype(np.uint8)
    assert score_levels(found, gold).dice[255] == 1.0


def test_the_best_level_is_found_over_all_stacks_and_becomes_one_half() -> None:
    def predict(windows: torch.Tensor) -> torch.Tensor:
        # 0.8 where there is neurite, 0.6 in a part of the background
        probability = torch.where(windows > 0.5, 0.8, 0.1)
        probability[:, :, :4] = probability[:, :, :4].clamp_min(0.6)
        return probability

    result, first = validate([_gold(), _gold()], predict, (8, 8, 8), 4, "f1")
    assert first.shape == SHAPE
    assert 0.6 * 255 < result.level <= 0.8 * 255
    assert result.f1 > 0.95 and result.dice > 0.95
    shifted = 1 / (
        1
        + np.exp(
            -(np.log(np.array([0.1, 0.6, 0.8]) / (1 - np.array([0.1, 0.6, 0.8]))) - result.logit)
        )
    )
    assert (shifted > 0.5).tolist() == [False, False, True]


def test_a_tree_of_one_node_and_a_tree_partly_outside_are_scored() -> None:
    lone = Morphology(np.array([[10.0, 15, 20]]), np.ones(1), np.array([-1]), np.zeros(1, np.int64))
    found = np.zeros(SHAPE, np.uint8)
    found[10, 15, 20] = 255
    assert score_levels(found, ValidationStack(_gold().stack, lone)).f1[255] == 1.0
    far = Morphology(LINE.point_zyx + np.array([0, 0, 30]), LINE.radius, LINE.parent, LINE.kind)
    found[10, 15, 33:] = 255
    assert score_levels(found, ValidationStack(_gold().stack, far)).f1[255] > 0.9
