"""NBLAST through navis: its scale, its directions, and what it cannot compare."""

from dataclasses import replace

import numpy as np
import pytest
from forests import forest, grown, path

from neurorecon.errors import InputError
from neurorecon.metrics.blast import nblast


def test_a_neuron_is_like_itself_and_unlike_a_stranger():
    tree = grown(3, count=80, tree_share=0)
    assert nblast(tree, tree).score.mean == pytest.approx(1)
    far = replace(tree, point_zyx=tree.point_zyx + 500.0)
    assert nblast(far, tree).score.mean < 0
    near = replace(tree, point_zyx=tree.point_zyx + 1.0)
    assert 0.3 < nblast(near, tree).score.mean < 1


def test_a_part_is_like_the_whole_but_not_the_whole_like_the_part():
    whole, part = path([0, 0, 0], [0, 0, 100]), path([0, 0, 0], [0, 0, 40])
    scores = nblast(part, whole).score
    assert scores.test_to_gold > 0.9
    assert scores.gold_to_test < 0.6
    back = nblast(whole, part).score
    assert (back.test_to_gold, back.gold_to_test) == (scores.gold_to_test, scores.test_to_gold)


def test_coordinates_are_compared_in_micrometres():
    tree = grown(4, count=60, tree_share=0)
    near = replace(tree, point_zyx=tree.point_zyx + 2.0)
    expected = nblast(near, tree).score.mean
    small = [replace(each, point_zyx=each.point_zyx / 4) for each in (near, tree)]
    assert nblast(*small, um_per_unit=4.0).score.mean == pytest.approx(expected)
    assert nblast(*small).score.mean > expected


def test_how_finely_a_tree_is_divided_hardly_matters():
    straight = path([0, 0, 0], [0, 0, 60])
    fine = path(*np.column_stack([np.zeros((121, 2)), np.linspace(0, 60, 121)]))
    assert nblast(straight, fine).score.mean > 0.95


def test_single_points_are_refused_pieces_are_not():
    line = path([0, 0, 0], [0, 0, 30])
    with pytest.raises(InputError, match="single point"):
        nblast(path([1, 1, 1]), line)
    with pytest.raises(InputError, match="above 0"):
        nblast(line, line, um_per_unit=0)
    pieces = forest([[0, 0, 0], [0, 0, 9], [0, 0, 12], [0, 0, 30]], [-1, 0, -1, 2])
    assert nblast(pieces, line).score.mean > 0.9
