"""DIADEM: a tree drawn by hand with one mistake at a time, and examples that others published."""

import time
from dataclasses import replace

import numpy as np
import pytest
from forests import forest, grown, path

from neurorecon.errors import InputError
from neurorecon.metrics.diadem import compare_diadem
from neurorecon.metrics.diadem_scoring import DiademScoring

# A trunk along x to a fork, one branch to a tip, one that forks again: weights 3, 2 and 1 1 1.
#   0 - 1 - 2 -< 3
#               4 - 5 -< 6
#                       7
POINTS = [
    [0, 0, 0], [0, 0, 15], [0, 0, 30], [0, 40, 40], [0, -10, 45], [0, -20, 60], [0, -60, 70],
    [0, -20, 100],
]  # fmt: skip
GOLD = forest(POINTS, [-1, 0, 1, 2, 2, 4, 5, 5])


def test_a_perfect_tree():
    scores = compare_diadem(GOLD, GOLD)
    assert (scores.score, scores.nodes, scores.matched) == (1, 5, 5)
    assert scores.gold_weight == 3 + 2 + 1 + 1 + 1


def test_a_missing_branch_costs_its_tip_and_makes_its_fork_a_continuation():
    """The path goes on where the gold forks: that fork counts as found, the tip does not."""
    test = GOLD.take(np.array([0, 1, 2, 4, 5, 6, 7]))
    scores = compare_diadem(test, GOLD)
    assert (scores.matched, scores.continuations, scores.missed) == (3, 1, 1)
    assert scores.score == pytest.approx(7 / 8)


def test_a_branch_on_the_wrong_parent_is_missed():
    """The tip lies where it should, but the way to it is much longer than in the gold."""
    parent = GOLD.parent.copy()
    parent[3] = 7
    scores = compare_diadem(replace(GOLD, parent=parent), GOLD)
    assert scores.missed >= 1
    assert scores.score < 1


def test_a_false_branch_costs_as_many_tips_as_it_has():
    off = [[0, 60, 15], [0, 80, 0], [0, 80, 30]]
    test = forest([*POINTS, *off], [*GOLD.parent, 1, 8, 8])
    scores = compare_diadem(test, GOLD)
    assert scores.missed == 0
    assert (
        scores.excess_weight == 1 + 1 + 2
    )  # two tips, the fork above them; their trunk runs along
    assert scores.score == pytest.approx(8 / 12)


def test_the_thresholds_are_for_the_plane_and_for_z():
    shifted = replace(GOLD, point_zyx=GOLD.point_zyx + np.array([0, 0, 3.0]))
    risen = replace(GOLD, point_zyx=GOLD.point_zyx + np.array([3.0, 0, 0]))
    wide, high = DiademScoring(4.0, 1.0), DiademScoring(1.0, 4.0)
    assert compare_diadem(shifted, GOLD, wide).score == 1
    assert compare_diadem(shifted, GOLD, high).score < 1
    assert compare_diadem(risen, GOLD, high).score == 1
    assert compare_diadem(risen, GOLD, wide).score < 1


def test_z_scale_is_as_good_as_scaling_z():
    test = replace(GOLD, point_zyx=GOLD.point_zyx + np.array([1.0, 2.0, -1.0]))
    tall = [replace(tree, point_zyx=tree.point_zyx * [3.0, 1, 1]) for tree in (test, GOLD)]
    one = compare_diadem(test, GOLD, DiademScoring(z_threshold=2, z_scale=3))
    assert one == compare_diadem(*tall, DiademScoring(z_threshold=6))


def test_short_tips_of_the_gold_count_only_above_the_spur_length():
    spurred = forest([*POINTS, [0, 3, 15]], [*GOLD.parent, 1])
    assert compare_diadem(GOLD, spurred).score < 1
    scores = compare_diadem(GOLD, spurred, DiademScoring(spur_length=5))
    assert (scores.score, scores.nodes) == (1, 5)


def test_forks_of_three_and_more_are_forks_of_two_at_one_place():
    star = [[0, 0, 20], [0, 30, 30], [0, 0, 60], [0, -30, 30], [20, 0, 40]]
    tree = forest([[0, 0, 0], *star], [-1, 0, 1, 1, 1, 1])
    scores = compare_diadem(tree, tree)
    assert (scores.nodes, scores.matched, scores.gold_weight) == (7, 7, 4 + 3 + 2 + 4)


def test_pieces_are_scored_together():
    """The gap breaks the paths across it, not those within the pieces."""
    parent = GOLD.parent.copy()
    parent[4] = -1
    scores = compare_diadem(replace(GOLD, parent=parent), GOLD)
    assert 0 < scores.score < 1
    assert compare_diadem(GOLD, replace(GOLD, parent=parent)).score > 0
    assert compare_diadem(replace(GOLD, parent=parent), replace(GOLD, parent=parent)).score == 1


def test_lone_nodes():
    assert compare_diadem(path([0, 0, 0]), GOLD).score == 0
    assert compare_diadem(path([0, 0, 0]), path([0, 0, 5])).score == 1
    assert compare_diadem(GOLD, path([0, 0, 0])).score == 0


def test_senseless_limits_are_refused():
    for limits in ({"xy_threshold": -1}, {"z_scale": 0}, {"z_path_error": np.nan}):
        with pytest.raises(InputError, match=next(iter(limits))):
            DiademScoring(**limits)


def test_the_example_of_pyneval():
    """`topo_fake_data1` of PyNeval's standard test data: weight 5, score 4, 0.8."""
    xyz = np.array(
        [[0, 0, 0], [-2.08253, 2.8518, -0.861743], [-5.84436, 5.40246, -1.46163],
         [-2.93534, 5.72362, -2.44831], [0.765052, 3.31954, -1.43537],
         [-0.109675, 6.98035, -3.75216]]
    )  # fmt: skip
    gold = forest(xyz[:, ::-1], [-1, 0, 1, 1, 0, 4])
    test = forest(xyz[:, ::-1], [-1, 0, 1, 1, 1, 4])
    limits = DiademScoring(1.2, 0.0, xy_path_error=0.05, z_path_error=0.05)
    scores = compare_diadem(test, gold, limits)
    assert (scores.gold_weight + scores.excess_weight, scores.found_weight) == (5, 4)
    assert scores.score == 0.8


def test_five_thousand_nodes_within_ten_seconds():
    gold = grown(0, count=5000, fork_share=0.1, tree_share=0)
    test = replace(gold, point_zyx=gold.point_zyx + np.random.default_rng(1).normal(size=(5000, 3)))
    started = time.process_time()
    compare_diadem(test, gold)
    assert time.process_time() - started < 10
