"""ESA, DSA, PDS, length and node scores: closed forms, Vaa3D's definition in loops, axioms."""

import time
from dataclasses import replace

import numpy as np
import pytest
from forests import forest, grown, pair, path, rerooted
from hypothesis import given, settings
from hypothesis import strategies as st

from neurorecon.errors import InputError
from neurorecon.metrics.critical import compare_critical_nodes
from neurorecon.metrics.morphometry import compare_morphometry
from neurorecon.metrics.substantial import compare_substantial
from neurorecon.metrics.tree import TreeScoring, compare_trees, vaa3d_points


def numbers(scores):
    """Every score that is no size of a file: what the axioms are about."""
    return np.array(
        [
            *(scores.precision, scores.recall, scores.f1),
            *(scores.esa.mean, scores.esa.test_to_gold, scores.esa.gold_to_test),
            *(scores.dsa.mean, scores.dsa.test_to_gold, scores.dsa.gold_to_test),
            *(scores.pds.mean, scores.pds.test_to_gold, scores.pds.gold_to_test),
            *(scores.forks.matched, scores.forks.mean_distance or 0, scores.forks.agreement.f1),
            *(scores.tips.matched, scores.tips.mean_distance or 0, scores.tips.agreement.f1),
        ]
    )


# ------------------------------------------------------------------------------ closed forms


@pytest.mark.parametrize("apart", [1.0, 3.0])
def test_parallel_lines(apart):
    gold = path([0, 0, 0], [0, 0, 10])
    test = path([apart, 0, 0], [apart, 0, 10])
    scores = compare_trees(test, gold, 2.5)
    assert scores.esa.mean == pytest.approx(apart)
    assert scores.dsa.mean == pytest.approx(apart if apart >= 2 else 0)
    assert scores.pds.mean == (apart >= 2)
    assert scores.precision == scores.recall == scores.f1 == (apart <= 2.5)


def test_half_of_a_line_is_missing():
    gold = path([0, 0, 0], [0, 0, 100])
    test = path([0, 0, 0], [0, 0, 40])
    scores = compare_trees(test, gold, 4.0)
    assert scores.precision == 1
    assert scores.recall == pytest.approx(0.445)  # the last point within reach stands for 43.5-44.5
    assert scores.esa.test_to_gold == pytest.approx(0, abs=1e-12)
    # 101 points, the last 60 of them 1, 2, ... 60 away
    assert scores.esa.gold_to_test == pytest.approx(60 * 61 / 2 / 101)
    assert scores.dsa.mean == pytest.approx(np.arange(2, 61).mean())  # one direction has none
    assert scores.pds.mean == pytest.approx(59 / 101 / 2)
    assert (scores.test.length, scores.gold.length) == (40, 100)


@pytest.mark.parametrize(
    ("length", "count"), [(0.0, 1), (0.49, 1), (0.5, 2), (1.49, 2), (1.5, 3), (10.0, 11)]
)
def test_points_along_an_edge(length, count):
    point, weight = vaa3d_points(path([0, 0, length], [0, 0, 0]))
    np.testing.assert_allclose(point[:, 2], np.linspace(0, length, count))
    assert weight.sum() == pytest.approx(length)


def test_a_short_edge_gives_its_child():
    child_is_second = path([0, 0, 0], [0, 0, 0.3])
    np.testing.assert_array_equal(vaa3d_points(child_is_second)[0], [[0, 0, 0.3]])


def test_forks_and_tips_one_to_one():
    gold = forest([[0, 0, 0], [0, 0, 10], [0, 10, 20], [0, -10, 20]], [-1, 0, 1, 1])
    test = forest([[0, 0, 0], [0, 0, 12], [0, 10, 20]], [-1, 0, 1])
    scores = compare_trees(test, gold, TreeScoring(match_radius=3))
    assert (scores.forks.test, scores.forks.gold, scores.forks.matched) == (0, 1, 0)
    assert (scores.tips.test, scores.tips.gold, scores.tips.matched) == (2, 3, 2)
    assert scores.tips.agreement.precision == 1
    assert scores.tips.agreement.recall == pytest.approx(2 / 3)
    assert scores.tips.mean_distance == 0


def test_length_scores_do_not_depend_on_how_finely_a_tree_is_divided():
    """A densely sampled false branch must not outweigh a long true one."""
    gold = path([0, 0, 0], [0, 0, 100])
    dense = np.column_stack([np.linspace(20, 45, 251), np.zeros(251), np.zeros(251)])
    test = forest(np.vstack([[[0, 0, 0], [0, 0, 100]], dense]), [-1, 0, -1, *range(2, 252)])
    assert compare_trees(test, gold).precision == pytest.approx(100 / 125)


# ------------------------------------------------------------------ Vaa3D's definition in loops


def by_vaa3d_loops(tree, other):
    distances = []
    for child, parent in tree.edges:
        a, b = tree.point_zyx[child], tree.point_zyx[parent]
        count = int(1 + np.linalg.norm(b - a) + 0.5)
        for place in range(count):
            point = a + (b - a) * (place / (count - 1) if count > 1 else 0)
            best = np.inf
            for c, p in other.edges:
                start, along = other.point_zyx[c], other.point_zyx[p] - other.point_zyx[c]
                squared = along @ along
                t = np.clip((point - start) @ along / squared, 0, 1) if squared else 0.0
                best = min(best, float(np.linalg.norm(point - start - t * along)))
            distances.append(best)
    far = [each for each in distances if each >= 2]
    return np.mean(distances), np.mean(far) if far else None, len(far) / len(distances)


@pytest.mark.parametrize("seed", range(4))
def test_equals_vaa3d_in_loops(seed):
    test, gold = pair(seed)
    out, back = by_vaa3d_loops(test, gold), by_vaa3d_loops(gold, test)
    scores = compare_trees(test, gold)
    assert scores.esa.test_to_gold == pytest.approx(out[0])
    assert scores.esa.mean == pytest.approx((out[0] + back[0]) / 2)
    assert scores.dsa.mean == pytest.approx((out[1] + back[1]) / 2)
    assert scores.pds.mean == pytest.approx((out[2] + back[2]) / 2)


# ------------------------------------------------------------------------------------ axioms

seeds = st.integers(0, 10**6)
axiom = settings(max_examples=25, deadline=None)


@given(seeds)
@axiom
def test_a_tree_against_itself_is_perfect(seed):
    tree = grown(seed)
    scores = compare_trees(tree, tree)
    assert scores.precision == scores.recall == scores.f1 == pytest.approx(1)
    assert scores.esa.mean == pytest.approx(0, abs=1e-9)
    assert scores.dsa.mean == scores.pds.mean == 0
    for match in (scores.forks, scores.tips):
        assert match.agreement.f1 == 1
        assert not match.mean_distance
    assert scores.test == scores.gold


@given(seeds)
@axiom
def test_order_of_rows_does_not_matter(seed):
    test, gold = pair(seed)
    shuffled = test.take(np.random.default_rng(seed).permutation(len(test)))
    np.testing.assert_allclose(
        numbers(compare_trees(shuffled, gold)), numbers(compare_trees(test, gold)), atol=1e-9
    )


@given(seeds, st.integers(0, 59))
@axiom
def test_the_root_does_not_matter(seed, new_root):
    # An edge below half a voxel counts by its child (Vaa3D's rule): only there a root could matter.
    test, gold = grown(seed), grown(seed + 1)
    assert min(test.edge_length.min(), gold.edge_length.min()) > 0.5
    moved = compare_trees(rerooted(test, new_root), rerooted(gold, new_root))
    np.testing.assert_allclose(numbers(moved), numbers(compare_trees(test, gold)), atol=1e-9)


@given(seeds)
@axiom
def test_rigid_motion_of_both_does_not_matter(seed):
    random = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(random.normal(size=(3, 3)))
    shift = random.uniform(-500, 500, 3)
    test, gold = pair(seed)
    moved = [replace(tree, point_zyx=tree.point_zyx @ rotation + shift) for tree in (test, gold)]
    np.testing.assert_allclose(
        numbers(compare_trees(*moved)), numbers(compare_trees(test, gold)), atol=1e-8
    )


@given(seeds)
@axiom
def test_swapping_swaps_the_directions(seed):
    test, gold = pair(seed)
    one, other = compare_trees(test, gold), compare_trees(gold, test)
    assert one.esa.mean == pytest.approx(other.esa.mean)
    assert one.esa.test_to_gold == other.esa.gold_to_test
    assert one.dsa.mean == pytest.approx(other.dsa.mean)
    assert (one.precision, one.recall) == (other.recall, other.precision)
    assert one.forks.matched == other.forks.matched
    assert one.tips.mean_distance == pytest.approx(other.tips.mean_distance)


@given(seeds, st.sampled_from([0.25, 3.7, 40.0]))
@axiom
def test_scaling_everything_scales_distances_and_keeps_shares(seed, scale):
    test, gold = pair(seed)
    limits = TreeScoring()
    large = [replace(tree, point_zyx=tree.point_zyx * scale) for tree in (test, gold)]
    scaled_limits = TreeScoring(
        tolerance=limits.tolerance * scale,
        match_radius=limits.match_radius * scale,
        substantial=limits.substantial * scale,
        step=limits.step * scale,
    )
    before, after = compare_trees(test, gold, limits), compare_trees(*large, scaled_limits)
    for name in ("esa", "dsa"):
        assert getattr(after, name).mean == pytest.approx(getattr(before, name).mean * scale)
    assert after.pds.mean == pytest.approx(before.pds.mean)
    assert (after.precision, after.recall) == pytest.approx((before.precision, before.recall))
    assert after.forks.agreement == before.forks.agreement
    assert after.gold.length == pytest.approx(before.gold.length * scale)


# ------------------------------------------------------------------------------ odd trees


def test_a_single_node_is_scored():
    gold = path([0, 0, 0], [0, 0, 10])
    scores = compare_trees(path([0, 3, 0]), gold, 4.0)
    assert (scores.precision, scores.recall, scores.f1) == (0, 0, 0)
    assert scores.esa.test_to_gold == pytest.approx(3)
    assert scores.esa.gold_to_test == pytest.approx(np.hypot(3, np.arange(11)).mean())


def test_many_pieces_are_fine():
    gold = grown(3, tree_share=0.4)
    assert len(gold.roots) > 10
    assert compare_trees(gold, gold).f1 == pytest.approx(1)


def test_no_nodes_and_mixed_units_and_senseless_limits_are_refused():
    gold = path([0, 0, 0], [0, 0, 10])
    with pytest.raises(InputError, match="test tree has no nodes"):
        compare_trees(forest(np.empty((0, 3)), []), gold)
    with pytest.raises(InputError, match="voxel size"):
        compare_trees(replace(gold, unit="um"), gold)
    for tolerance in (0, -1, np.nan, np.inf):
        with pytest.raises(InputError, match="tolerance"):
            compare_trees(gold, gold, tolerance)


def test_five_thousand_nodes_within_a_second():
    """All scores that `evaluate` gives for trees of any size; CPU time, as machines are shared."""
    gold = grown(0, count=5000, tree_share=0)
    test = replace(gold, point_zyx=gold.point_zyx + np.random.default_rng(1).normal(size=(5000, 3)))
    started = time.process_time()
    compare_trees(test, gold)
    compare_substantial(test, gold)
    compare_critical_nodes(test, gold, 12.0)
    compare_morphometry(test, gold)
    assert time.process_time() - started < 1
