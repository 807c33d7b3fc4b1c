"""What must hold for every score of a pair of trees, whatever the trees are."""

import numpy as np
import pytest
from forests import grown, pair, rerooted, scaled, shuffled, turned
from hypothesis import given, settings
from hypothesis import strategies as st

from neurorecon.metrics.critical import compare_critical_nodes
from neurorecon.metrics.diadem import compare_diadem
from neurorecon.metrics.diadem_scoring import DiademScoring
from neurorecon.metrics.morphometry import compare_morphometry
from neurorecon.metrics.persistence import compare_persistence
from neurorecon.metrics.run_length import MATCH_RADIUS, runs_in_trees
from neurorecon.metrics.substantial import SubstantialScoring, compare_substantial

# Each gives the scores that are lengths, and those that are shares or numbers, of a pair of trees
# with all tolerances multiplied by s.


def substantial(test, gold, s=1.0):
    scores = compare_substantial(test, gold, SubstantialScoring(2.0 * s, 1.0 * s))
    return [scores.ssd.test_to_gold, scores.ssd.gold_to_test], [scores.share.mean]


def critical(test, gold, s=1.0):
    match = compare_critical_nodes(test, gold, 5.0 * s)
    return [match.mean_distance or 0.0], [match.matched, match.test, match.gold]


def diadem(test, gold, s=1.0):
    scores = compare_diadem(test, gold, DiademScoring(xy_threshold=4.0 * s, z_threshold=4.0 * s))
    counts = [scores.matched, scores.continuations, scores.missed, scores.excess]
    return [], [scores.score, scores.gold_weight, *counts]


def morphometry(test, gold, s=1.0):
    scores = compare_morphometry(test, gold, 3.0 * s)
    lengths, rest = [], [*scores.test_sholl, *scores.gold_sholl]
    for side in (scores.test, scores.gold):
        lengths += [side.length, side.mean_radius, np.cbrt(side.volume)]
        rest += [side.trees, side.forks, side.tips, side.sections]
        rest += [side.branch_order, side.strahler, side.tortuosity]
    return lengths, rest


def persistence(test, gold, s=1.0):
    scores = compare_persistence(test, gold)
    return [scores.distance], [scores.relative, scores.test_bars, scores.gold_bars]


def run_length(test, gold, s=1.0):
    total = runs_in_trees([gold], [test], 2.0 * s, 1.0 * s, MATCH_RADIUS * s).total
    counts = [total.omitted, total.split, total.merged, total.splits, total.merges]
    return [total.run_length, total.run_length_of_all], [*counts, total.edge_accuracy]


SCORES = [substantial, critical, diadem, morphometry, persistence, run_length]
seeds = st.integers(0, 10**6)
each_score = pytest.mark.parametrize("score", SCORES, ids=lambda score: score.__name__)
axiom = settings(max_examples=15, deadline=None)


def assert_same(one, other):
    for left, right in zip(one, other, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-7)


@each_score
@given(seed=seeds)
@axiom
def test_order_of_rows_does_not_matter(score, seed):
    test, gold = pair(seed)
    assert_same(score(shuffled(test, seed), shuffled(gold, seed + 1)), score(test, gold))


@each_score
@given(seed=seeds, new_root=st.integers(0, 59))
@axiom
def test_where_the_test_begins_does_not_matter(score, seed, new_root):
    """Scores that depend on a root (branch order, DIADEM, persistence) take the gold's."""
    test, gold = pair(seed)
    assert_same(score(rerooted(test, new_root), gold), score(test, gold))


@pytest.mark.parametrize("score", [substantial, critical, run_length], ids=lambda s: s.__name__)
@given(seed=seeds, new_root=st.integers(0, 59))
@axiom
def test_the_root_of_either_does_not_matter_to_the_rest(score, seed, new_root):
    test, gold = pair(seed)
    moved = score(rerooted(test, new_root), rerooted(gold, new_root))
    assert_same(moved, score(test, gold))


@each_score
@given(seed=seeds)
@axiom
def test_rigid_motion_of_both_does_not_matter(score, seed):
    """DIADEM has thresholds of its own along z: it may be turned about z alone."""
    test, gold = pair(seed)
    about_z = score is diadem
    moved = [turned(tree, seed, about_z) for tree in (test, gold)]
    assert_same(score(*moved), score(test, gold))


@each_score
@given(seed=seeds, scale=st.sampled_from([0.25, 3.7, 40.0]))
@axiom
def test_scaling_everything_scales_lengths_and_keeps_shares(score, seed, scale):
    test, gold = pair(seed)
    lengths, rest = score(test, gold)
    assert_same(
        score(scaled(test, scale), scaled(gold, scale), scale),
        ([length * scale for length in lengths], rest),
    )


@given(seed=seeds)
@axiom
def test_a_tree_against_itself_is_perfect(seed):
    tree = grown(seed)
    ssd = compare_substantial(tree, tree)
    assert ssd.ssd.mean == ssd.share.mean == 0
    assert ssd.agreement.f1 == 1
    critical_nodes = compare_critical_nodes(tree, tree, 5.0)
    assert critical_nodes.agreement.f1 == 1
    assert critical_nodes.mean_distance == 0
    detailed = compare_diadem(tree, tree)
    assert detailed.score == 1
    assert detailed.missed == detailed.excess == 0
    sizes = compare_morphometry(tree, tree)
    assert not any(sizes.difference.values())
    assert sizes.sholl_difference == 0
    assert compare_persistence(tree, tree).distance == pytest.approx(0, abs=1e-9)
    runs = runs_in_trees([tree], [tree], 2.0).total
    assert runs.omitted == runs.merged == 0
    if len(tree.roots) == 1:
        assert runs.run_length == pytest.approx(tree.length)
        assert runs.edge_accuracy == 1
        assert runs.normalized_run_length == pytest.approx(1)


@given(seed=seeds)
@axiom
def test_swapping_the_trees_swaps_the_directions(seed):
    test, gold = pair(seed)
    one, other = compare_substantial(test, gold), compare_substantial(gold, test)
    assert one.ssd.test_to_gold == other.ssd.gold_to_test
    assert one.share.mean == other.share.mean
    assert compare_critical_nodes(test, gold, 5.0).matched == (
        compare_critical_nodes(gold, test, 5.0).matched
    )
