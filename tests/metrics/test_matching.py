"""Forks and tips are paired one to one: most pairs first, then least distance."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from neurorecon.metrics.matching import match_points


def line(*x):
    return np.array([[0.0, 0.0, value] for value in x]).reshape(-1, 3)


def test_more_pairs_win_over_nearer_pairs():
    # The nearest pair (1.0 with 1.1) would leave 0 and 2 alone.
    match = match_points(line(0.0, 1.0), line(1.1, 2.2), radius=1.5)
    assert match.matched == 2
    assert match.mean_distance == pytest.approx((1.1 + 1.2) / 2)


def test_no_point_serves_twice():
    match = match_points(line(0.0, 0.1, 0.2), line(0.1), radius=5)
    assert (match.matched, match.mean_distance) == (1, 0.0)
    assert match.agreement.precision == pytest.approx(1 / 3)
    assert match.agreement.recall == 1
    assert match.agreement.f1 == pytest.approx(0.5)


def test_radius_is_the_largest_distance():
    assert match_points(line(0), line(3), radius=3).matched == 1
    assert match_points(line(0), line(3.01), radius=3).matched == 0


@pytest.mark.parametrize(
    ("test", "gold", "share"), [(line(), line(), 1), (line(1), line(), 0), (line(), line(1), 0)]
)
def test_nothing_to_match(test, gold, share):
    match = match_points(test, gold, radius=2)
    assert match.mean_distance is None
    assert (match.agreement.precision, match.agreement.recall, match.agreement.f1) == (share,) * 3


spots = st.lists(st.tuples(*[st.integers(0, 6)] * 3), max_size=12).map(
    lambda rows: np.array(rows, float).reshape(-1, 3)
)


@given(spots, spots, st.sampled_from([1.0, 2.5, 4.0]))
@settings(max_examples=200, deadline=None)
def test_as_good_as_a_dense_assignment(test, gold, radius):
    """The same answer as the Hungarian method on the full matrix with a high price for no pair."""
    distance = np.linalg.norm(test[:, None] - gold[None], axis=2)
    price = np.where(distance <= radius, distance, 1e6)
    row, column = linear_sum_assignment(price)
    chosen = price[row, column]
    match = match_points(test, gold, radius)
    assert match.matched == np.count_nonzero(chosen < 1e6)
    if match.matched:
        assert match.mean_distance == pytest.approx(chosen[chosen < 1e6].mean(), abs=1e-9)
