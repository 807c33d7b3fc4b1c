"""Persistence diagrams: a tree by hand, navis's own, and the distance against a full assignment."""

import warnings

import numpy as np
import pandas as pd
import pytest
from forests import Y_TREE, forest, grown, path
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from neurorecon.metrics.persistence import compare_persistence, persistence_bars, wasserstein


def test_bars_of_a_tree_drawn_by_hand():
    """The farthest tip goes on from the root, the others end at their forks."""
    bars = persistence_bars(Y_TREE)
    step = np.sqrt(200)
    expected = [[0, 10 + step + 20], [10, 10 + 2 * step], [10 + step, 10 + step + 10]]
    np.testing.assert_allclose(sorted(bars.tolist()), sorted(expected))


def test_each_tree_has_its_own_trunk_and_a_lone_node_has_no_bar():
    pieces = forest([[0, 0, 0], [0, 0, 4], [0, 9, 0], [0, 9, 7], [50, 0, 0]], [-1, 0, -1, 2, -1])
    assert sorted(persistence_bars(pieces).tolist()) == [[0, 4], [0, 7]]
    assert persistence_bars(path([1, 2, 3])).shape == (0, 2)


def test_a_missing_branch_costs_its_length():
    test = Y_TREE.take(np.array([0, 1, 2, 3, 4, 6]))  # without the tip that is 10 from its fork
    scores = compare_persistence(test, Y_TREE)
    assert scores.distance == pytest.approx(10)
    assert (scores.test_bars, scores.gold_bars) == (2, 3)
    assert 0 < scores.relative < 1
    assert compare_persistence(path([0, 0, 0]), Y_TREE).relative == 1
    assert compare_persistence(path([0, 0, 0]), path([5, 0, 0])).distance == 0


diagrams = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 9)).map(lambda bar: (bar[0], sum(bar))), max_size=7
).map(lambda bars: np.array(bars, float).reshape(-1, 2))


@given(diagrams, diagrams)
def test_equals_the_textbook_assignment(one, other):
    """Every bar may be paired with the diagonal, in a matrix with a row and column for each."""
    rows, columns = len(one), len(other)
    price = np.zeros((rows + columns, rows + columns))
    price[:rows, :columns] = np.abs(one[:, None] - other[None]).sum(axis=2)
    price[:rows, columns:] = (one[:, 1] - one[:, 0])[:, None]
    price[rows:, :columns] = other[:, 1] - other[:, 0]
    expected = price[linear_sum_assignment(price)].sum()
    assert wasserstein(one, other) == pytest.approx(expected)
    assert wasserstein(one, other) == pytest.approx(wasserstein(other, one))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.filterwarnings("ignore")
def test_equal_to_navis(seed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import navis
    tree = grown(seed, count=200, tree_share=0)
    count = len(tree)
    z, y, x = tree.point_zyx.T
    nodes = {"node_id": np.arange(count), "parent_id": tree.parent, "x": x, "y": y, "z": z}
    points = navis.persistence_points(navis.TreeNeuron(pd.DataFrame(nodes | {"radius": 1.0})))
    expected = points[["birth", "death"]].to_numpy()
    ours = persistence_bars(tree)
    np.testing.assert_allclose(
        ours[np.lexsort(ours.T)], expected[np.lexsort(expected.T)], rtol=1e-5, atol=1e-4
    )
