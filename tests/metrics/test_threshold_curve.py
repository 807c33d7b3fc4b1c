"""Precision and recall over thresholds: by hand, and by the definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurorecon.metrics.curve import threshold_curve
from neurorecon.metrics.masks import scan_values
from neurorecon.metrics.voxel import compare_masks


def curve_of(probability, gold):
    probability = np.asarray(probability).reshape(1, 1, -1)
    gold = np.asarray(gold, bool).reshape(1, 1, -1)
    return threshold_curve(probability.__getitem__, gold.__getitem__, gold.shape, probability.dtype)


def test_four_voxels_by_hand():
    """Sorted by probability: right, wrong, right, wrong."""
    curve = curve_of(np.array([200, 150, 100, 50], np.uint8), [1, 0, 1, 0])
    assert curve.average_precision == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    best = curve.best
    assert (best.dice, best.precision, best.recall) == pytest.approx((0.8, 2 / 3, 1.0))
    assert 50 < best.threshold * 255 <= 100
    for value, precision, recall in ((0, 0.5, 1), (150, 0.5, 0.5), (200, 1, 0.5), (201, 1, 0)):
        assert (curve.precision[value], curve.recall[value]) == (precision, recall)


def test_the_best_of_a_plateau_lies_in_its_middle():
    curve = curve_of(np.array([0, 0, 255, 255], np.uint8), [0, 0, 1, 1])
    assert curve.best.dice == 1
    assert curve.best.threshold == pytest.approx(0.5, abs=0.01)


@given(
    st.lists(st.tuples(st.integers(0, 255), st.booleans()), min_size=1, max_size=60).filter(
        lambda voxels: any(right for _, right in voxels)
    )
)
def test_average_precision_is_that_of_the_definition(voxels):
    """Sum of (R_n - R_n-1) P_n over the distinct values, in descending order."""
    value = np.array([value for value, _ in voxels], np.uint8)
    right = np.array([right for _, right in voxels])
    expected, before = 0.0, 0.0
    for threshold in sorted(set(value.tolist()), reverse=True):
        chosen = value >= threshold
        recall = right[chosen].sum() / right.sum()
        expected += (recall - before) * right[chosen].mean()
        before = recall
    assert curve_of(value, right).average_precision == pytest.approx(expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_each_point_is_what_the_mask_at_that_threshold_scores(dtype):
    random = np.random.default_rng(5)
    values = random.random((4, 9, 11))
    scale = 1 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    probability = (values * scale).astype(dtype)
    gold = values + random.normal(0, 0.3, values.shape) > 0.7
    curve = threshold_curve(
        probability.__getitem__, gold.__getitem__, gold.shape, probability.dtype
    )
    values = scan_values([probability])
    for point in curve.thinned(6):
        scores = compare_masks(values.foreground(probability, point.threshold), gold)
        assert point.dice == pytest.approx(scores.dice)
        assert point.recall == pytest.approx(scores.overlap.recall)
    assert [point.threshold for point in curve.thinned(6)] == pytest.approx(np.linspace(0, 1, 6))


def test_an_empty_gold_has_no_average_precision():
    curve = curve_of(np.array([3, 200], np.uint8), [0, 0])
    assert curve.average_precision is None
    assert curve.best.dice == 0
