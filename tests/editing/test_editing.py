"""Repair, joining, resampling and smoothing of trees with answers that are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurorecon.editing.branches import resampled, smoothed
from neurorecon.editing.joining import join_pieces
from neurorecon.editing.placing import placed
from neurorecon.editing.repair import with_radii, without_repeats
from neurorecon.morphology import Morphology


def tree(points, parent, radius=None, kind=None) -> Morphology:
    points = np.asarray(points, float)
    return Morphology(
        points,
        np.ones(len(points)) if radius is None else np.asarray(radius, float),
        np.asarray(parent, np.int64),
        np.zeros(len(points), np.int64) if kind is None else np.asarray(kind, np.int64),
        "um",
    )


@st.composite
def trees(draw, pieces: int = 1) -> Morphology:
    """Random trees: each node hangs on an earlier one; coordinates on a coarse lattice."""
    count = draw(st.integers(pieces, 30))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    parent = [-1 if row < pieces else int(rng.integers(0, row)) for row in range(count)]
    points = rng.integers(0, 40, (count, 3)) * 0.5
    return tree(points, parent, rng.uniform(0.1, 3, count), rng.integers(0, 5, count))


def zigzag(step: float = 1.0, count: int = 41) -> Morphology:
    x = np.arange(count) * step
    points = np.column_stack([np.zeros(count), np.where(np.arange(count) % 2, 0.4, 0.0), x])
    return tree(points, [-1, *range(count - 1)], np.linspace(1, 3, count))


def test_a_line_is_resampled_evenly_with_radii_between():
    line = tree([[0, 0, 0], [0, 0, 1], [0, 0, 10]], [-1, 0, 1], [1, 1, 10], [2, 2, 3])
    result = resampled(line, 2.5)
    place = np.argsort(result.point_zyx[:, 2])
    np.testing.assert_allclose(result.point_zyx[place, 2], [0, 2.5, 5, 7.5, 10])
    np.testing.assert_allclose(result.radius[place], [1, 2.5, 5, 7.5, 10])
    assert result.kind[place].tolist() == [2, 3, 3, 3, 3]
    assert result.length == pytest.approx(10)


@given(trees(), st.floats(0.2, 50))
def test_resampling_keeps_ends_forks_and_topology(before, step):
    after = resampled(before, step)
    kept = (before.child_count != 1) | (before.parent < 0)
    found = {tuple(point) for point in after.point_zyx.tolist()}
    assert {tuple(point) for point in before.point_zyx[kept].tolist()} <= found
    assert after.child_count.max() == before.child_count.max() or len(before) == 1
    assert len(after.roots) == len(before.roots)
    assert after.length <= before.length * (1 + 1e-9) + 1e-9  # chords are shorter
    neurite = (after.kind[after.edges] != 1).any(axis=1)
    assert after.edge_length[neurite].max(initial=0) <= 1.5 * step + 1e-9
    assert (after.radius > 0).all()


def test_smoothing_flattens_a_zigzag_and_leaves_its_ends():
    rough = zigzag()
    smooth = smoothed(rough, 4.0)
    np.testing.assert_array_equal(smooth.point_zyx[[0, -1]], rough.point_zyx[[0, -1]])
    assert np.abs(np.diff(smooth.point_zyx[10:30, 1])).max() < 0.02
    assert np.abs(smooth.point_zyx[10:30, 1] - 0.2).max() < 0.03


@given(trees(), st.floats(0.01, 1e4))
def test_smoothing_leaves_straight_branches_ends_and_forks(before, length):
    after = smoothed(before, length)
    fixed = (before.child_count != 1) | (before.parent < 0)
    np.testing.assert_array_equal(after.point_zyx[fixed], before.point_zyx[fixed])
    assert np.isfinite(after.point_zyx).all()
    line = tree(np.arange(8)[:, None] * [0.0, 3.0, 4.0], [-1, *range(7)])
    np.testing.assert_allclose(smoothed(line, length).point_zyx, line.point_zyx, atol=1e-6)


def test_a_cell_body_of_three_points_stays():
    points = [[0, 0, 0], [0, -2, 0], [0, 2, 0], [0, 0, 5], [0, 1, 9], [0, 0, 13]]
    body = tree(points, [-1, 0, 0, 0, 3, 4], kind=[1, 1, 1, 3, 3, 3])
    after = resampled(smoothed(body, 2.0), 1.0)
    found = after.point_zyx.tolist()
    assert all(point in found for point in points[:4])
    assert (after.kind == 1).sum() == 3


def test_the_nearest_ends_are_joined_first_and_never_into_a_ring():
    # Two pieces in line with a gap of 2, a third 3 beside the second, a fourth far away.
    points = [[0, 0, 0], [0, 0, 10], [0, 0, 12], [0, 0, 20], [0, 3, 20], [0, 9, 20], [90, 0, 0]]
    pieces = tree(points, [-1, 0, -1, 2, -1, 4, -1])
    joined, what = join_pieces(pieces, 5.0)
    assert what.gaps == (2.0, 3.0) and what.trees == 2
    assert joined.parent.tolist() == [-1, 0, 1, 2, 3, 4, -1]
    same, what = join_pieces(pieces, 1.9)
    assert what.gaps == () and what.trees == 4
    assert same.parent.tolist() == pieces.parent.tolist()


def test_a_joined_tree_is_rooted_at_its_cell_body():
    points = [[0, 0, 0], [0, 0, 50], [0, 0, 52], [0, 0, 60]]
    joined, _ = join_pieces(tree(points, [-1, 0, 3, -1], kind=[3, 3, 3, 1]), 5.0)
    assert joined.parent.tolist() == [1, 2, 3, -1]
    longest, _ = join_pieces(tree(points, [-1, 0, 3, -1]), 5.0)
    assert longest.parent.tolist() == [-1, 0, 1, 2]


@given(trees(pieces=4), st.floats(0.0, 30))
def test_joining_adds_edges_up_to_the_limit_and_keeps_all_others(before, limit):
    after, what = join_pieces(before, limit)
    assert len(after.roots) == what.trees == len(before.roots) - len(what.gaps)
    assert all(gap <= limit for gap in what.gaps)
    links = {frozenset(edge) for edge in after.edges.tolist()}
    assert {frozenset(edge) for edge in before.edges.tolist()} <= links
    assert len(after.parent_first) == len(after)  # every node is reached: no ring
    assert after.length == pytest.approx(before.length + sum(what.gaps))


def test_unknown_radii_follow_from_their_neighbours_by_distance():
    line = np.arange(5)[:, None] * [0.0, 0.0, 1.0]
    filled, count = with_radii(tree(line, [-1, 0, 1, 2, 3], [1, 0, -2, 0, 5]))
    assert count == 3
    np.testing.assert_allclose(filled.radius, [1, 2, 3, 4, 5])
    filled, _ = with_radii(tree(line, [-1, 0, 1, 2, 3], [0, 0, 7, 0, 0]))
    np.testing.assert_allclose(filled.radius, 7)
    filled, count = with_radii(tree(line, [-1, 0, -1, 2, 3], [0, 0, 4, 4, 4]))
    np.testing.assert_allclose(filled.radius, 4)  # a tree without any: the others' median
    filled, _ = with_radii(tree(line, [-1, 0, 1, 2, 3], [0] * 5))
    np.testing.assert_allclose(filled.radius, 1)


@given(trees())
def test_nodes_at_the_place_of_their_parent_become_one_with_it(before):
    after, count = without_repeats(before)
    assert len(after) == len(before) - count
    assert (after.edge_length > 0).all()
    assert after.length == pytest.approx(before.length)
    assert len(after.roots) == len(before.roots)


def test_scaled_then_mirrored_then_shifted():
    before = tree([[1, 2, 3]], [-1], [2.0])
    after = placed(before, (2, 1, 4), "zx", (10, 20, 30))
    assert after.point_zyx.tolist() == [[8, 22, 18]]
    assert after.radius.tolist() == [4.0]
