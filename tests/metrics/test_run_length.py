"""Labelled gold trees: every kind of edge counted by hand, expected run lengths in closed form."""

from dataclasses import replace

import numpy as np
import pytest
from forests import forest, grown, path
from hypothesis import given, settings
from hypothesis import strategies as st

from neurorecon.errors import InputError
from neurorecon.metrics.labelling import LabelledTree, bridged, subdivided
from neurorecon.metrics.run_length import compare_runs, runs_in_trees, runs_in_volume


def line(labels):
    """A gold of unit edges along x with these labels."""
    count = len(labels)
    tree = path(*np.column_stack([np.zeros(count), np.zeros(count), np.arange(count)]))
    return LabelledTree(tree, np.array(labels))


def score(labels):
    return compare_runs([line(labels)]).total


def test_a_perfect_segmentation():
    scores = score([7] * 11)
    assert (scores.run_length, scores.run_length_of_all, scores.length) == (10, 10, 10)
    assert (scores.omitted, scores.split, scores.merged, scores.splits, scores.merges) == (0,) * 5
    assert scores.edge_accuracy == scores.normalized_run_length == 1


def test_a_split_counts_its_edge_and_both_runs():
    scores = score([1] * 5 + [2] * 8)  # runs of 4 and 7, an edge of 1 between
    assert (scores.splits, scores.split, scores.omitted) == (1, 1, 0)
    assert scores.run_length == pytest.approx((4 * 4 + 7 * 7) / 11)
    assert scores.run_length_of_all == pytest.approx((4 * 4 + 7 * 7) / 12)
    assert scores.edge_accuracy == pytest.approx(11 / 12)


def test_omitted_ends_and_gaps():
    scores = score([0, 0, 1, 1, 1, 0, 2, 2, 0])
    assert (scores.omitted, scores.split, scores.splits) == (5, 0, 1)
    assert scores.run_length == pytest.approx((2 * 2 + 1 * 1) / 3)
    assert scores.run_length_of_all == pytest.approx((2 * 2 + 1 * 1) / 8)


def test_a_gap_in_one_segment_is_a_misalignment():
    tree = line([1, 1, 0, 0, 1, 0])
    assert bridged(tree.tree, tree.label).tolist() == [1, 1, 1, 1, 1, 0]
    tree = line([1, 1, 0, 0, 2, 2])
    assert bridged(tree.tree, tree.label).tolist() == [1, 1, 0, 0, 2, 2]


def test_a_detour_that_comes_back_is_not_a_misalignment():
    """A side branch that ends beside the neurite it left: two thirds of the gold are missing."""
    gold = forest([[0, 0, 0], [0, 0, 100], [0, 60, 0], [0, 60, 100], [0, 3, 100]], [-1, 0, 0, 2, 3])
    scores = runs_in_trees([gold], [path([0, 0, 0], [0, 0, 100])], tolerance=4.0).total
    detour = 56 + 100 + 56  # without its ends, which are within the tolerance
    assert scores.omitted == pytest.approx(detour, abs=2)
    assert scores.edge_accuracy == pytest.approx(1 - detour / 317, abs=0.01)
    assert scores.run_length_of_all == pytest.approx(104 * 104 / 317, rel=0.02)


@pytest.mark.parametrize(("height", "omitted"), [(7, 0), (30, 90)])
def test_a_short_way_off_the_test_is_a_misalignment(height, omitted):
    """A gold that steps aside for 30 voxels, and comes back: bridged up to 12 + 2 x 4 voxels."""
    length = 8 if height == 7 else 30
    gold = path(
        [0, 0, 0],
        [0, 0, 20],
        [0, height, 20],
        [0, height, 20 + length],
        [0, 0, 20 + length],
        [0, 0, 80],
    )
    scores = runs_in_trees([gold], [path([0, 0, 0], [0, 0, 80])], tolerance=4.0).total
    assert scores.omitted == pytest.approx(omitted - 2 * 4 if omitted else 0, abs=2)
    assert scores.splits == (1 if omitted else 0)


def test_a_missing_branch_of_a_gap_stays_missing():
    """Beside the gap of three nodes hangs a branch of 40 that no segment has."""
    point = [[0, 0, x] for x in range(9)] + [[0, y, 4] for y in range(1, 41)]
    tree = forest(point, [-1, *range(8), 4, *range(9, 48)])
    label = np.array([1, 1, 1, 0, 0, 0, 1, 1, 1] + [0] * 40)
    expected = [1] * 9 + [0] * 40
    assert bridged(tree, label).tolist() == bridged(tree, label, 4.0).tolist() == expected
    assert bridged(tree, label, 3.9).tolist() == label.tolist()


def test_gaps_of_a_label_volume_are_bridged_whatever_their_length():
    labels = np.zeros((1, 1, 300), np.uint8)
    labels[..., :10] = labels[..., -10:] = 5
    assert runs_in_volume([path([0, 0, 0], [0, 0, 299])], labels).total.omitted == 0


@pytest.mark.parametrize("length", [30, 200])
def test_several_neurons_against_themselves_are_perfect(length):
    """Of different lengths: a mean ERL beside the summed length would say a third."""
    golds = [path([0, 20 * n, 0], [0, 20 * n, length * n]) for n in (1, 2, 3)]
    labels = np.zeros((1, 61, 601), np.uint8)
    for n in (1, 2, 3):
        labels[0, 20 * n] = n
    for runs in (runs_in_trees(golds, golds, tolerance=4.0), runs_in_volume(golds, labels)):
        assert runs.total.normalized_run_length == pytest.approx(1)
        assert [each.normalized_run_length for each in runs.neurons] == [1, 1, 1]
        assert (runs.total.splits, runs.total.merges, runs.total.edge_accuracy) == (0, 0, 1)


def test_the_share_of_several_neurons_is_weighted_by_length():
    """All of a neuron of 300, nothing of one of 100."""
    golds = [path([0, 0, 0], [0, 0, 300]), path([0, 50, 0], [0, 50, 100])]
    total = runs_in_trees(golds, golds[:1], tolerance=4.0).total
    assert total.normalized_run_length == pytest.approx(3 / 4)
    assert total.run_length == pytest.approx(3 / 4 * 300)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000))
def test_no_share_is_above_one(seed):
    gold = grown(seed)
    assert runs_in_trees([gold], [gold], 2.0).total.normalized_run_length <= 1


def test_nothing_found():
    scores = score([0] * 5)
    assert (scores.omitted, scores.splits, scores.run_length) == (4, 0, 0)
    assert scores.edge_accuracy == 0


def test_a_segment_in_two_neurons_merges_them():
    """Their runs are worth nothing, the run of a third neuron in no other keeps its length."""
    golds = [line([1] * 61), line([1] * 81), line([2] * 41)]
    scores = compare_runs(golds)
    assert [each.merges for each in scores.neurons] == [1, 1, 0]
    assert [each.merged for each in scores.neurons] == [60, 80, 0]
    assert [each.run_length for each in scores.neurons] == [0, 0, 40]
    assert scores.total.merges == 2
    assert scores.total.run_length == pytest.approx(40 * 40 / 180)


def test_a_segment_that_brushes_another_neuron_does_not_merge():
    brushed = compare_runs([line([1] * 100), line([2] * 50 + [1] * 50)])
    assert brushed.total.merges == 0
    merged = compare_runs([line([1] * 100), line([2] * 49 + [1] * 51)])
    assert merged.total.merges == 2


def test_a_label_volume():
    labels = np.zeros((5, 9, 30), np.uint16)
    labels[2, 3:6, :10] = 4
    labels[2, 3:6, 12:] = 9
    gold = path([2, 4, 0], [2, 4, 29.4])  # two nodes: labelled between them too
    scores = runs_in_volume([gold], labels).total
    assert (scores.splits, scores.split) == (1, 0)
    assert scores.length == pytest.approx(29.4)
    assert scores.omitted == 3  # edges with an end at 10 or 11 voxels
    with pytest.raises(InputError, match="voxel-size"):
        runs_in_volume([replace(gold, unit="um")], labels)


def test_nodes_outside_of_the_volume_are_omitted():
    gold = path([0, 0, -5], [0, 0, 14])
    scores = runs_in_volume([gold], np.ones((1, 1, 10), np.uint8)).total
    assert scores.omitted == 5 + 5
    assert scores.run_length == 9


def test_test_trees_stand_for_segments():
    gold = path([0, 0, 0], [0, 0, 100])
    tests = [path([0, 1, 0], [0, 1, 40]), path([0, 1, 60], [0, 1, 100])]
    scores = runs_in_trees([gold], tests, tolerance=2.0).total
    reach = np.sqrt(4 - 1)  # beyond the end of a test, in whole steps
    run = 40 + np.floor(reach)
    assert scores.splits == 1
    assert scores.run_length == pytest.approx(run)
    assert scores.omitted == 100 - 2 * run
    together = forest(
        np.concatenate([tree.point_zyx for tree in tests]), [-1, 0, -1, 2]
    )  # two pieces in one file
    assert runs_in_trees([gold], [together], 2.0).total == scores


def test_crossing_test_trees_do_not_split_each_other():
    """Where two tests cross, the nearest one changes for a moment; the neuron does not."""
    gold = path([0, 0, 0], [0, 0, 100])
    along, across = path([0, 1, 0], [0, 1, 100]), path([0, -30, 50], [0, 30, 50])
    scores = runs_in_trees([gold], [along, across], tolerance=2.0).total
    assert (scores.splits, scores.split) == (0, 0)
    assert scores.run_length == pytest.approx(100)


def test_two_neurons_joined_by_a_test_are_merged():
    golds = [path([0, 0, 0], [0, 0, 100]), path([0, 20, 0], [0, 20, 100])]
    joined = forest([[0, 0, 0], [0, 0, 100], [0, 20, 100], [0, 20, 0]], [-1, 0, 1, 2])
    scores = runs_in_trees(golds, [joined], tolerance=2.0)
    assert scores.total.merges == 2
    assert scores.total.run_length == 0
    apart = runs_in_trees(golds, golds, tolerance=2.0)
    assert apart.total.merges == 0
    assert apart.total.run_length == pytest.approx(100)


def test_pieces_of_a_gold_are_no_splits():
    gold = forest([[0, 0, 0], [0, 0, 10], [0, 50, 0], [0, 50, 10]], [-1, 0, -1, 2])
    assert runs_in_trees([gold], [gold], 2.0).total.splits == 0


def test_lone_test_nodes_find_nothing():
    gold = path([0, 0, 0], [0, 0, 9])
    scores = runs_in_trees([gold], [path([0, 0, 4])], 2.0).total
    assert (scores.run_length, scores.edge_accuracy, scores.omitted) == (0, 0, 9)


def test_a_lone_gold_node():
    scores = runs_in_trees([path([0, 0, 0])], [path([0, 0, 0], [0, 0, 9])], 2.0).total
    assert (scores.edges, scores.run_length, scores.edge_accuracy) == (0, 0, 0)


def test_subdividing_keeps_the_tree():
    tree = forest([[0, 0, 0], [0, 0, 2.5], [0, 4, 2.5], [3, 0, 2.5]], [-1, 0, 1, 1])
    fine = subdivided(tree, 1.0)
    assert fine.length == pytest.approx(tree.length)
    assert fine.edge_length.max() <= 1 + 1e-12
    assert (len(fine.forks), len(fine.tips), len(fine.roots)) == (1, 3, 1)
    np.testing.assert_array_equal(fine.point_zyx[:4], tree.point_zyx)


def test_no_golds_and_mixed_units_are_refused():
    gold = path([0, 0, 0], [0, 0, 9])
    with pytest.raises(InputError, match="at least one"):
        runs_in_trees([], [gold], 2.0)
    with pytest.raises(InputError, match="at least one"):
        runs_in_trees([gold], [], 2.0)
    with pytest.raises(InputError, match="voxel size"):
        runs_in_trees([gold], [replace(gold, unit="um")], 2.0)
    with pytest.raises(InputError, match="at least one"):
        runs_in_trees([gold], [gold.take(np.array([], np.int64))], 2.0)


def test_thousands_of_pieces_take_no_longer_than_one():
    """Time grows with the nodes, not with the number of pieces times the nodes."""
    count = 20_000
    point = np.column_stack([np.zeros((count, 2)), np.arange(count) * 0.7])
    whole = forest(point, np.arange(-1, count - 1))
    pieces = forest(point, np.where(np.arange(count) % 4, np.arange(count) - 1, -1))
    scores = runs_in_trees([whole], [pieces], 1.0)
    assert scores.total.splits == count // 4 - 1
    assert len(pieces.trees()) == count // 4
