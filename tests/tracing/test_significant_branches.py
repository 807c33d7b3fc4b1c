import numpy as np
import pytest
from drawing import drawn, grid_of, joined, polyline

from neurorecon.tracing import TraceConfig, trace_volume
from neurorecon.volume import Grid

TRUNK = polyline((20, 30, 8), (20, 30, 232), radius=3.0)


def twigs(length):
    """A trunk with a thin branch every 14 voxels, each `length` from the trunk's surface."""
    places = range(20, 220, 14)
    ends = [30 + sign * (3 + length) for sign in np.resize([1, -1], len(places))]
    branches = [
        polyline((20, 30, place), (20, end, place), radius=1.5)
        for place, end in zip(places, ends, strict=True)
    ]
    return joined(TRUNK, *branches), len(branches)


def fork_count(stack, config=None):
    (tree,) = trace_volume(stack, Grid(), config).neurons
    return len(tree.forks)


def rough(stack, seed=0):
    """With bumps of 1 to 3 voxels glued to its surface all over."""
    rng = np.random.default_rng(seed)
    surface = np.argwhere(stack)
    stack = stack.copy()
    for at in surface[rng.choice(len(surface), 400)]:
        away = np.sign(at - (20, 30, at[2])).astype(int)
        for step in range(rng.integers(1, 5)):
            stack[tuple(at + step * away)] = 255
    return stack


def test_short_branches_of_a_clean_tube_are_kept():
    tree, count = twigs(4)
    assert fork_count(drawn(tree, (40, 60, 240))) == count


def test_bumps_of_a_rough_tube_are_no_branches_and_long_branches_stay():
    tree, count = twigs(20)
    assert fork_count(rough(drawn(TRUNK, (40, 60, 240)))) == 0
    assert fork_count(rough(drawn(tree, (40, 60, 240)))) == pytest.approx(count, abs=1)


def test_the_margin_asked_for_decides():
    tree, count = twigs(6)
    stack = drawn(tree, (40, 60, 240))
    assert fork_count(stack, TraceConfig(min_branch=12.0)) == 0
    assert fork_count(stack, TraceConfig(min_branch=2.0)) == count
    result = trace_volume(stack, grid_of((0.5, 0.5, 0.5)), TraceConfig(min_branch=6.0))
    assert len(result.neurons[0].forks) == 0
    assert result.min_branch == 6.0
