"""Where trees agree: pieces, branches, and that they add up to the scores."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurorecon.metrics.agreement import tree_agreement
from neurorecon.metrics.tree import compare_trees
from neurorecon.morphology import Morphology


def tree(points_zyx, parent) -> Morphology:
    points = np.asarray(points_zyx, float).reshape(-1, 3)
    n = len(points)
    return Morphology(points, np.ones(n), np.asarray(parent), np.zeros(n, int), "voxel")


def line(y, x0=0.0, x1=100.0):
    return tree([[0, y, x0], [0, y, x1]], [-1, 0])


def test_a_long_edge_is_cut_where_the_other_tree_ends():
    found = tree_agreement(line(0), line(3, x1=40), tolerance=5)
    assert found.matched.tolist() in ([False, True], [True, False])
    [matched], [missed] = (np.flatnonzero(found.matched == each) for each in (True, False))
    ends = [found.start_zyx[matched, 2], found.end_zyx[matched, 2]]
    # within 5 of the end at (3, 40): the points up to x = 44, which stand 1 apart
    assert sorted(ends) == pytest.approx([0, 44.5])
    lengths = np.linalg.norm(found.end_zyx - found.start_zyx, axis=1)
    assert lengths[matched] == pytest.approx(44.5)
    assert lengths[missed] == pytest.approx(55.5)
    assert (found.length, found.matched_length) == (pytest.approx([100]), pytest.approx([44.5]))
    assert found.largest_distance == pytest.approx(np.hypot(3, 60))


def test_branches_run_between_forks_and_tips_whatever_the_root():
    star = [[0, 0, 0], [0, 0, 10], [0, 0, 20], [0, 7, 20], [0, -9, 20]]
    for parent in ([-1, 0, 1, 2, 2], [1, -1, 1, 2, 2], [1, 2, 3, -1, 2]):
        found = tree_agreement(tree(star, parent), line(0), tolerance=4)
        assert sorted(found.length) == pytest.approx([7, 9, 20])
        by_length = np.argsort(found.length)
        assert found.largest_distance[by_length] == pytest.approx([7, 9, 0], abs=1e-9)
        assert found.mean_distance[by_length] == pytest.approx([3.5, 4.5, 0], abs=1e-9)


def test_trees_without_edges_and_without_nodes():
    lone, nothing = tree([[0, 3, 50]], [-1]), tree([], [])
    found = tree_agreement(line(0), lone, tolerance=1000)
    assert not found.matched.any()  # as in the scores: one node finds no length
    assert found.largest_distance == pytest.approx(np.hypot(3, 50))
    found = tree_agreement(line(0), nothing)
    assert not found.matched.any()
    assert np.isinf(found.mean_distance).all()
    for empty in (lone, nothing):
        assert len(tree_agreement(empty, line(0)).branch) == 0
        assert len(tree_agreement(empty, line(0)).length) == 0


coordinate = st.integers(-40, 40).map(float)


@st.composite
def trees(draw):
    n = draw(st.integers(2, 12))
    points = draw(st.lists(st.tuples(coordinate, coordinate, coordinate), min_size=n, max_size=n))
    parent = [-1] + [draw(st.integers(-1, row - 1)) for row in range(1, n)]
    return tree(points, parent)


@given(trees(), trees(), st.floats(0.5, 30))
def test_pieces_fill_the_tree_and_add_up_to_precision_and_recall(test, gold, tolerance):
    scores = compare_trees(test, gold, tolerance)
    for one, other, share in (
        (test, gold, scores.precision),
        (gold, test, scores.recall),
    ):
        found = tree_agreement(one, other, tolerance)
        length = np.linalg.norm(found.end_zyx - found.start_zyx, axis=1)
        assert length.sum() == pytest.approx(one.length)
        assert length[found.matched].sum() == pytest.approx(share * one.length, abs=1e-6)
        assert found.matched_length.sum() == pytest.approx(share * one.length, abs=1e-6)
        by_branch = np.bincount(found.branch, length, len(found.length))
        assert by_branch == pytest.approx(found.length)
        assert (found.mean_distance <= found.largest_distance + 1e-9).all()
