"""Dice, HD95 and clDice: closed forms, and what happens at the edges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as arrays

from neurorecon.errors import InputError
from neurorecon.metrics.masks import scan_values, tree_mask
from neurorecon.metrics.skeleton import DEEPEST, morphological_skeleton
from neurorecon.metrics.surface import hd95
from neurorecon.metrics.voxel import cldice, compare_masks, dice
from neurorecon.morphology import Morphology

SHAPE = (7, 11, 13)
SIZE = (2.0, 1.0, 0.5)


def box(*slices, shape=SHAPE):
    mask = np.zeros(shape, bool)
    mask[slices] = True
    return mask


def foreground(stack, threshold=0.5):
    return scan_values([stack]).foreground(stack, threshold)


# ----------------------------------------------------------------------------- closed forms


def test_shifted_cubes():
    test, gold = (
        box(slice(2, 5), slice(2, 5), slice(2, 5)),
        box(slice(2, 5), slice(2, 5), slice(3, 6)),
    )
    scores = compare_masks(test, gold, SIZE)
    assert scores.dice == pytest.approx(2 / 3)
    assert scores.iou == pytest.approx(1 / 2)
    assert scores.overlap.precision == scores.overlap.recall == pytest.approx(2 / 3)
    assert scores.hd95 == pytest.approx(0.5)  # one voxel along x
    assert (scores.test_voxels, scores.gold_voxels) == (27, 27)


def test_surface_distances_in_both_directions():
    """A plane 2 voxels before another, and an island 5 voxels beyond: counted by hand."""
    gold = box(3, slice(2, 4), slice(2, 6))  # 8 voxels
    test = box(1, slice(2, 4), slice(2, 6)) | box(3, slice(2, 3), slice(11, 12))
    surface = compare_masks(test, gold, SIZE).surface
    assert surface.mean.test_to_gold == pytest.approx((8 * 4.0 + 3.0) / 9)
    assert surface.mean.gold_to_test == pytest.approx((2 * 3.5 + 2 * 3.0 + 4 * 4.0) / 8, abs=0.3)
    assert surface.mean.both == pytest.approx(
        (9 * surface.mean.test_to_gold + 8 * surface.mean.gold_to_test) / 17
    )
    assert surface.hausdorff.both == pytest.approx(4.0)


@pytest.mark.parametrize(("apart", "pieces"), [(1, 1), (2, 2)])
def test_components_touch_by_a_corner(apart, pieces):
    mask = box(1, 2, 3) | box(1 + apart, 2 + apart, 3 + apart)
    scores = compare_masks(mask, box(1, 2, 3))
    assert (scores.test_components, scores.gold_components) == (pieces, 1)
    assert scores.betti0_error == pieces - 1


def test_distance_of_two_points_is_physical():
    test, gold = box(1, 2, 3), box(4, 6, 9)
    assert hd95(test, gold, SIZE) == pytest.approx(np.linalg.norm([3 * 2.0, 4 * 1.0, 6 * 0.5]))


def test_precision_and_recall_are_not_mixed_up():
    gold = box(slice(1, 5), slice(1, 9), slice(1, 9))
    scores = compare_masks(gold & box(slice(1, 3)), gold)
    assert scores.overlap.precision == 1
    assert scores.overlap.recall == pytest.approx(0.5)


@pytest.mark.parametrize("score", [dice, cldice])
def test_empty_masks(score):
    empty, some = np.zeros(SHAPE, bool), box(slice(2, 4), slice(2, 4), slice(2, 9))
    assert score(empty, empty) == 1
    assert score(empty, some) == score(some, empty) == 0


def test_empty_masks_have_the_diagonal_as_distance():
    empty, some = np.zeros(SHAPE, bool), box(slice(2, 4), slice(2, 4), slice(2, 9))
    diagonal = np.linalg.norm([7 * 2.0, 11 * 1.0, 13 * 0.5])
    assert hd95(empty, empty, SIZE) == 0
    assert hd95(empty, some, SIZE) == hd95(some, empty, SIZE) == pytest.approx(diagonal)


@given(arrays.arrays(bool, SHAPE))
@settings(max_examples=30, deadline=None)
def test_a_mask_against_itself_is_perfect(mask):
    scores = compare_masks(mask, mask, SIZE)
    assert scores.dice == scores.iou == scores.cldice == 1
    assert scores.hd95 == scores.surface.mean.both == scores.surface.hausdorff.both == 0
    assert scores.betti0_error == 0


def test_other_shapes_are_refused_by_name():
    with pytest.raises(InputError, match=r"7 x 11 x 13.*7 x 11 x 12"):
        compare_masks(np.ones(SHAPE, bool), np.ones((7, 11, 12), bool))


# ----------------------------------------------------------------------------------- clDice


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_lines_of_any_width_have_a_skeleton_along_their_length(width):
    """Thinning would delete those of even width."""
    line = np.zeros((9, 9, 40), bool)
    line[2 : 2 + width, 2 : 2 + width, 5:35] = True
    along_x = morphological_skeleton(line).any(axis=(0, 1))
    assert along_x[5 + width : 35 - width].all()


def test_cldice_sees_a_gap_and_forgives_width():
    thin, thick = np.zeros((2, 11, 11, 60), bool)
    thin[5, 5, 5:55] = True
    thick[4:7, 4:7, 4:56] = True
    assert dice(thin, thick) < 0.25
    assert cldice(thin, thick) > 0.95
    broken = thick.copy()
    broken[..., 20:40] = False
    assert cldice(broken, thick) < 0.85


def test_a_full_stack_ends():
    assert cldice(np.ones(SHAPE, bool), np.ones(SHAPE, bool)) == 1


def test_the_inside_of_a_cell_body_is_no_centreline():
    """Only its middle is deeper than the limit; without one a soma would outvote its neurites."""
    z, y, x = np.ogrid[:150, :150, :150]
    ball = (z - 75) ** 2 + (y - 75) ** 2 + (x - 75) ** 2 <= 72**2
    skeleton = morphological_skeleton(ball)
    assert not skeleton[75, 75, 75]
    assert not skeleton[75 - 5 : 75 + 5, 75 - 5 : 75 + 5, 75 - 5 : 75 + 5].any()
    thin = np.zeros(SHAPE, bool)
    thin[3:6, 3:6] = True
    assert morphological_skeleton(thin).any()
    assert DEEPEST == 64


# ------------------------------------------------------------------- masks and probabilities


@pytest.mark.parametrize(
    "stack",
    [
        np.array([0, 1], np.uint8),
        np.array([0, 255], np.uint8),
        np.array([0, 7], np.uint16),
        np.array([0.0, 1.0], np.float32),
        np.array([False, True]),
    ],
)
def test_masks_keep_their_foreground(stack):
    assert scan_values([stack]).is_mask
    np.testing.assert_array_equal(foreground(stack, 0.99), [False, True])


@pytest.mark.parametrize(
    "stack",
    [
        np.array([0, 100, 127, 128, 255], np.uint8),
        np.array([0, 100, 32767, 32768, 65535], np.uint16),
        np.array([0, 0.2, 0.49, 0.5, 1.0]),
    ],
)
def test_probabilities_are_cut_at_the_threshold(stack):
    np.testing.assert_array_equal(foreground(stack, 0.5), [False, False, False, True, True])
    assert foreground(stack, 0.99).sum() == 1
    assert not foreground(np.array([0.0, 0.3]), 0.5).any()


@pytest.mark.parametrize(
    "stack",
    [
        np.array([0, 1, 2], np.uint16),
        np.array([0, 1000, 4095], np.uint16),
        np.array([0, 1, 70000], np.int32),
        np.array([-0.5, 0.2]),
        np.array([0, 0.5, 200.0]),
    ],
)
def test_what_is_neither_is_refused(stack):
    with pytest.raises(InputError, match="mask"):
        foreground(stack)


def test_a_tree_is_drawn_with_one_radius():
    line = Morphology(
        np.array([[10.0, 8, 5], [10.0, 8, 25]]), np.array([0.0, 40]), np.array([-1, 0]), np.zeros(2)
    )
    mask = tree_mask(line, (20, 18, 31), radius=2)
    index = np.argwhere(mask)
    nearest_x = np.clip(index[:, 2], 5, 25)
    assert mask.sum() == 21 * 13 + 2 * (9 + 1)  # discs of 13, and two round ends
    assert (
        np.linalg.norm(
            index - np.stack([0 * nearest_x + 10, 0 * nearest_x + 8, nearest_x], 1), axis=1
        ).max()
        <= 2
    )
