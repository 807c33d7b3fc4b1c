"""Sizes of neurons: closed forms, and navis's figures where it agrees on what they are."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from forests import Y_TREE, forest, grown, path, rerooted

from neurorecon.errors import InputError
from neurorecon.metrics.labelling import subdivided
from neurorecon.metrics.morphometry import compare_morphometry, measure
from neurorecon.metrics.sections import find_sections
from neurorecon.metrics.sholl import sholl_centre, sholl_profile
from neurorecon.morphology import SOMA


def test_sizes_of_a_tree_drawn_by_hand():
    sizes = measure(Y_TREE)
    assert sizes.length == pytest.approx(10 + 3 * np.sqrt(200) + 10 + 20)
    assert (sizes.trees, sizes.nodes, sizes.forks, sizes.tips, sizes.sections) == (1, 7, 2, 4, 5)
    assert (sizes.branch_order, sizes.strahler) == (2, 2)
    assert sizes.tortuosity == pytest.approx(1)


def test_tortuosity_is_of_whole_sections():
    bent = path([0, 0, 0], [0, 3, 0], [0, 3, 4])
    assert measure(bent).tortuosity == pytest.approx(7 / 5)
    ring = forest([[0, 0, 0], [0, 3, 0], [0, 3, 4], [0, 0, 0]], [-1, 0, 1, 2])
    assert measure(ring).tortuosity is None


def test_strahler_of_a_balanced_and_of_a_comb_like_tree():
    balanced = forest(np.arange(45).reshape(15, 3), [-1, *((np.arange(1, 15) - 1) // 2)])
    assert measure(balanced).strahler == 4
    assert measure(balanced).branch_order == 2  # the root is a fork but not counted
    # a spine 0 to 4 with a tooth at each of 1, 2, 3
    comb = forest(np.arange(24).reshape(8, 3), [-1, 0, 1, 2, 3, 1, 2, 3])
    assert (measure(comb).strahler, measure(comb).branch_order) == (2, 3)


def test_calibre_of_a_cone():
    cone = forest([[0, 0, 0], [0, 0, 6]], [-1, 0], radius=[1.0, 3.0])
    sizes = measure(cone)
    assert sizes.mean_radius == pytest.approx(2)
    assert sizes.volume == pytest.approx(np.pi * 6 * (1 + 3 + 9) / 3)


def test_unknown_radii_are_left_out():
    points = [[0, 0, 0], [0, 0, 6], [0, 0, 9], [0, 0, 11]]
    some = forest(points, [-1, 0, 1, 2], radius=[2, 2, 0, -1])
    assert measure(some).mean_radius == 2
    assert measure(some).volume == pytest.approx(np.pi * 4 * 6)
    none = forest(points, [-1, 0, 1, 2], radius=0)
    assert (measure(none).mean_radius, measure(none).volume) == (None, None)
    assert compare_morphometry(none, some).difference["volume"] is None


def test_a_lone_node():
    sizes = measure(path([1, 2, 3]))
    assert (sizes.length, sizes.trees, sizes.sections, sizes.branch_order) == (0, 1, 0, 0)
    assert sizes.strahler == 1
    assert sizes.tortuosity is sizes.volume is None
    compared = compare_morphometry(path([1, 2, 3]), Y_TREE)
    assert compared.difference["length"] == -Y_TREE.length
    assert compared.sholl_difference == pytest.approx(compared.gold_sholl.mean())


def test_a_root_within_a_neurite_ends_no_section():
    tree = path([0, 0, 0], [0, 3, 0], [0, 3, 4])
    assert len(find_sections(rerooted(tree, 1)).ends) == 1
    assert measure(rerooted(tree, 1)).tortuosity == pytest.approx(7 / 5)


def test_a_sholl_profile_in_closed_form():
    """A star of three rays, 10, 20 and 30 long, and a chord that comes as near as 12."""
    rays = forest(
        [[0, 0, 0], [0, 0, 10], [0, 20, 0], [30, 0, 0], [0, -12, -16], [0, -12, 16]],
        [-1, 0, 0, 0, -1, 4],
    )
    radii = np.array([5.0, 10.0, 11.0, 13.0, 19.0, 25.0, 30.0, 31.0])
    profile = sholl_profile(rays, np.zeros(3), radii)
    assert profile.tolist() == [3, 3, 2, 4, 4, 1, 1, 0]


@pytest.mark.parametrize("seed", range(3))
def test_a_sholl_profile_counts_every_crossing(seed):
    """As in short pieces whose two ends lie on different sides of a sphere."""
    tree = grown(seed)
    radii, centre = np.linspace(3, 40, 9), tree.point_zyx[0]
    fine = subdivided(tree, 0.01)
    inside = np.linalg.norm(fine.point_zyx - centre, axis=1)[:, None] < radii
    child, parent = fine.edges.T
    expected = (inside[child] != inside[parent]).sum(axis=0)
    np.testing.assert_array_equal(sholl_profile(tree, centre, radii), expected)


def test_the_centre_is_the_soma_or_the_root_of_the_longest_tree():
    two = forest([[0, 0, 0], [0, 0, 5], [9, 9, 9], [9, 9, 99]], [-1, 0, -1, 2])
    assert sholl_centre(two).tolist() == [9, 9, 9]
    kind = np.array([0, SOMA, 0, 0])
    assert sholl_centre(replace(two, kind=kind)).tolist() == [0, 0, 5]


def test_differences_are_test_less_gold():
    gold = path([0, 0, 0], [0, 0, 30])
    test = path([0, 0, 0], [0, 0, 20])
    compared = compare_morphometry(test, gold, sholl_step=10)
    assert compared.difference["length"] == -10
    assert compared.radii.tolist() == [10, 20, 30]
    assert compared.sholl_difference == pytest.approx(1 / 3)
    with pytest.raises(InputError, match="above 0"):
        compare_morphometry(test, gold, sholl_step=0)


@pytest.mark.parametrize("seed", range(4))
def test_strahler_as_it_is_defined(seed):
    """By recursion; navis 1.12 leaves some nodes of such trees at 1."""
    tree = grown(seed, count=300)
    children = [np.flatnonzero(tree.parent == row) for row in range(len(tree))]

    def number(row):
        below = sorted(number(child) for child in children[row])[-2:]
        return max([1, *below]) + (len(below) == 2 and below[0] == below[1])

    assert measure(tree).strahler == max(number(root) for root in tree.roots)


@pytest.fixture(scope="module")
def navis():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import navis
    return navis


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.filterwarnings("ignore")
def test_equal_to_navis(navis, seed):
    tree = grown(seed, count=300, tree_share=0)
    tree = rerooted(tree, int(tree.tips[0]))  # navis ends a section at a root within a neurite
    count = len(tree)
    z, y, x = tree.point_zyx.T
    nodes = {"node_id": np.arange(count), "parent_id": tree.parent, "x": x, "y": y, "z": z}
    neuron = navis.TreeNeuron(pd.DataFrame(nodes | {"radius": tree.radius}))
    sizes = measure(tree)
    assert sizes.length == pytest.approx(float(neuron.cable_length), rel=1e-6)
    assert sizes.forks == neuron.n_branches
    assert sizes.tips == neuron.n_leafs + 1  # the root, which is a tip here
    assert sizes.tortuosity == pytest.approx(navis.tortuosity(neuron), rel=1e-5)
