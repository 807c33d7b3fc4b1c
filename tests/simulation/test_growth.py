import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurorecon.morphology import SOMA
from neurorecon.simulation import GrowthConfig, grow_tree, growth_for

seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_random_trees_are_one_tree_in_their_box(seed):
    config = growth_for(np.random.default_rng(seed))
    tree = grow_tree(config, seed)
    assert tree.unit == "um"
    assert len(tree.roots) == 1
    assert (tree.parent[1:] < np.arange(1, len(tree))).all()
    assert (tree.point_zyx >= 0).all()
    assert (tree.point_zyx <= config.extent_zyx_um).all()
    assert (tree.radius > 0).all()
    assert (tree.kind[tree.roots] == SOMA).all() == (config.soma_radius_um > 0)
    assert tree.length > 3.0


def test_same_seed_same_tree():
    first, second = grow_tree(GrowthConfig(), 3), grow_tree(GrowthConfig(), 3)
    np.testing.assert_array_equal(first.point_zyx, second.point_zyx)
    np.testing.assert_array_equal(first.parent, second.parent)
    assert grow_tree(GrowthConfig(), 4).length != first.length


def test_daughters_share_the_calibre_as_rall_says():
    config = GrowthConfig(taper_per_um=0.0, stem_radius_um=2.0, tip_radius_um=0.5)
    tree = grow_tree(config, 5)
    # With no taper a branch keeps its calibre, so a fork's radius is that of the branch it ends.
    forks = [row for row in tree.forks if tree.kind[row] != SOMA]
    assert forks
    for fork in forks:
        children = tree.radius[tree.parent == fork]
        if children.min() > 0.36:  # thinner ones stop at the floor of 0.7 * tip radius
            assert (children**1.5).sum() == pytest.approx(tree.radius[fork] ** 1.5, rel=1e-6)


def test_stems_leave_the_surface_of_the_soma():
    tree = grow_tree(GrowthConfig(stems=3, extent_zyx_um=(90.0, 90.0, 90.0)), 0)
    stems = np.flatnonzero(tree.parent == 0)
    away = np.linalg.norm(tree.point_zyx[stems] - tree.point_zyx[0], axis=1)
    assert len(stems) == 3
    assert away == pytest.approx(3.0)


def test_growth_stops_at_the_length_limit():
    limited = grow_tree(GrowthConfig(max_length_um=100.0, stem_radius_um=2.0), 0)
    free = grow_tree(GrowthConfig(max_length_um=1000.0, stem_radius_um=2.0), 0)
    assert limited.length < 250.0 < free.length


def test_turning_bends_the_path():
    def straightness(turn):
        config = GrowthConfig(
            stems=1, fork_interval_um=200.0, turn_per_um=turn, extent_zyx_um=(500.0,) * 3
        )
        ratios = []
        for seed in range(10):
            tree = grow_tree(config, seed)
            path = np.flatnonzero(tree.kind != SOMA)[:60]
            chord = np.linalg.norm(tree.point_zyx[path[-1]] - tree.point_zyx[path[0]])
            ratios.append(chord / (len(path) - 1))
        return np.mean(ratios)

    assert straightness(0.05) > 0.95 > straightness(0.35)
