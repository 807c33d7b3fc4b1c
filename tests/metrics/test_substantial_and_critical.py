"""SSD and critical nodes: closed forms, and what PyNeval publishes for its own examples."""

import numpy as np
import pytest
from forests import forest, path

from neurorecon.errors import InputError
from neurorecon.metrics.critical import compare_critical_nodes
from neurorecon.metrics.substantial import SubstantialScoring, compare_substantial, divided


def from_xyz(xyz, parent):
    return forest(np.array(xyz)[:, ::-1], parent)


# `data/std_test_data` of github.com/CSDLLab/PyNeval, with its `std_*.json` as the expected values
GEO_3 = (
    from_xyz(
        [[-0.846777, 0.658331, 0.838991], [0.965937, -1.07944, -1.44771],
         [2.58241, -2.58774, -3.2138]], [-1, 0, 1],
    ),
    from_xyz(
        [[0, 0, 0], [1.3462, -1.61526, -2.37696], [3.85917, -3.42619, -4.23562]], [-1, 0, 1]
    ),
)  # fmt: skip
GEO_5 = (
    from_xyz(
        [[0, 0, 0], [-5.09703, 2.92434, 3.22245], [-4.77702, -1.07132, 2.01879],
         [-10.8267, 0.843505, 4.19624]], [-1, 0, 1, 2],
    ),
    from_xyz(
        [[-0.320939, -0.866984, -0.146268], [-3.29751, 0.682831, 1.51766],
         [-6.95765, 1.51083, 2.93247], [-10.3898, 2.38445, 4.40798]], [-1, 0, 1, 2],
    ),
)  # fmt: skip


@pytest.mark.parametrize(
    ("trees", "ssd", "recall", "precision"),
    [(GEO_3, 0.0, 1.0, 1.0), (GEO_5, 1.102912345555233, 1.0, 0.6666666666666667)],
)
def test_ssd_of_pynevals_examples(trees, ssd, recall, precision):
    scores = compare_substantial(*trees, SubstantialScoring(step=2.0))  # PyNeval's own step
    assert scores.ssd.mean == pytest.approx(ssd, rel=1e-12)
    assert scores.agreement.recall == pytest.approx(recall)
    assert scores.agreement.precision == pytest.approx(precision)


@pytest.mark.parametrize(
    ("trees", "mean_distance"), [(GEO_3, 1.5997323466143873), (GEO_5, 1.2757995338883397)]
)
def test_critical_nodes_of_pynevals_examples(trees, mean_distance):
    match = compare_critical_nodes(*trees, 5.0)
    assert (match.test, match.gold, match.matched) == (2, 2, 2)
    assert match.mean_distance == pytest.approx(mean_distance, rel=1e-12)


def test_forks_tips_and_lone_nodes_are_critical():
    gold = forest([[0, 0, 0], [0, 0, 9], [0, 9, 9], [0, -9, 9], [40, 0, 0]], [-1, 0, 1, 1, -1])
    assert compare_critical_nodes(gold, gold, 1.0).matched == 5
    tip_at_the_fork = path([0, 0, 0], [0, 0, 9])
    match = compare_critical_nodes(tip_at_the_fork, gold, 1.0)
    assert match.matched == 2  # a tip may stand for a fork
    assert match.agreement.recall == pytest.approx(2 / 5)


def test_parallel_lines_are_apart_by_their_distance():
    gold, test = path([0, 0, 0], [0, 0, 10]), path([3, 0, 0], [3, 0, 10])
    scores = compare_substantial(test, gold)
    assert scores.ssd.mean == pytest.approx(3)
    assert scores.share.mean == 1
    assert scores.agreement.f1 == 0


def test_a_direction_without_substantial_distances_counts_as_zero():
    """Other than in DSA, which then takes the other direction alone."""
    gold, test = path([0, 0, 0], [0, 0, 10]), path([0, 0, 0], [0, 0, 6])
    scores = compare_substantial(test, gold)
    assert scores.ssd.test_to_gold == 0
    assert scores.ssd.gold_to_test == pytest.approx(3)  # 2, 3 and 4 beyond the end
    assert scores.ssd.mean == pytest.approx(1.5)
    assert scores.share.gold_to_test == pytest.approx(3 / 11)


def test_points_are_at_least_a_step_apart():
    assert len(divided(path([0, 0, 0], [0, 0, 3.9]), 2.0)) == 2
    assert sorted(divided(path([0, 0, 0], [0, 0, 4.0]), 2.0)[:, 2]) == [0, 2, 4]
    assert len(divided(path([0, 0, 0], [0, 0, 0]), 2.0)) == 2


def test_a_lone_node_is_scored_and_senseless_limits_are_not():
    gold = path([0, 0, 0], [0, 0, 4])
    scores = compare_substantial(path([0, 3, 0]), gold)
    assert scores.ssd.test_to_gold == pytest.approx(3)
    assert scores.share.test_to_gold == 1
    with pytest.raises(InputError, match="no nodes"):
        compare_substantial(gold, forest(np.empty((0, 3)), []))
    for limits in ({"threshold": 0}, {"step": np.nan}):
        with pytest.raises(InputError, match=next(iter(limits))):
            SubstantialScoring(**limits)
