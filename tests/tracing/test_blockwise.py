"""Traced block by block, a stack gives the trees that it gives when it is traced at once."""

from dataclasses import replace

import numpy as np
import pytest
from drawing import drawn, grid_of, joined, polyline
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import KDTree

from neurorecon.errors import NeuroreconError
from neurorecon.tracing import TraceConfig, trace_volume
from neurorecon.tracing.blockwise import BlockGrid, joined_parts, part_in

SHAPE = (30, 60, 130)
AT_ONCE = TraceConfig()


def in_blocks(stack, edge):
    """Settings with which the stack is too much at once, but no block is."""
    return TraceConfig(max_foreground=int((stack > 127).sum()) - 1, block_edge=edge)


def steps_along(trees):
    """Points along trees, less than a voxel apart."""
    points = []
    for tree in trees:
        child, parent = (tree.point_zyx[rows] for rows in tree.edges.T)
        points += [child + part * (parent - child) for part in np.linspace(0, 1, 5)]
    return np.concatenate(points)


def apart(trees, others):
    """The farthest that any point of trees is from others."""
    return KDTree(steps_along(others)).query(steps_along(trees))[0].max()


@settings(max_examples=8, deadline=None)
@given(
    seed=st.integers(0, 1000),
    edge=st.integers(24, 70),
    size=st.sampled_from([(1, 1, 1), (2, 1, 1)]),
)
def test_a_tree_comes_out_as_when_it_is_traced_at_once(seed, edge, size):
    rng = np.random.default_rng(seed)
    low, high = np.array([6, 8, 8]), np.array(SHAPE) - [6, 8, 8]
    fork = rng.uniform(low, high) * size
    ends = [(low * size), (high * size), rng.uniform(low, high) * size]
    stack = drawn(joined(*(polyline(fork, end) for end in ends)), SHAPE, size)
    whole = trace_volume(stack, grid_of(size), AT_ONCE)
    parts = trace_volume(stack, grid_of(size), in_blocks(stack, edge))
    assert len(parts.neurons) == len(whole.neurons) == 1
    # Where two neurites part at a small angle is a matter of some voxels.
    assert parts.neurons[0].length == pytest.approx(whole.neurons[0].length, rel=0.06)
    assert apart(parts.neurons, whole.neurons) < 5 and apart(whole.neurons, parts.neurons) < 5


@pytest.mark.parametrize("y", [31.3, 31.5, 31.7])
def test_a_neurite_along_a_face_is_neither_lost_nor_doubled(y):
    start, end = (14, y, 8), (15, y + 0.1, 120)
    stack = drawn(polyline(start, end), SHAPE)
    result = trace_volume(stack, grid_of(), in_blocks(stack, 32))
    assert len(result.neurons) == 1 and not len(result.neurons[0].forks)
    assert result.neurons[0].length == pytest.approx(112, rel=0.03)
    assert not result.loops_opened and not result.bridge_count


def test_a_ring_through_four_blocks_is_opened_once():
    angle = np.linspace(0, 2 * np.pi, 60)
    ring = np.stack([np.full(60, 15), 32 + 20 * np.sin(angle), 64 + 45 * np.cos(angle)], axis=1)
    stack = drawn(joined(polyline(*ring), polyline(ring[0], (15, 32, 125))), SHAPE)
    found = [trace_volume(stack, grid_of(), one) for one in (AT_ONCE, in_blocks(stack, 64))]
    assert [len(result.loops_opened) for result in found] == [1, 1]
    lengths = [result.loops_opened[0].length for result in found]
    assert lengths[1] == pytest.approx(lengths[0], rel=0.03)


def test_the_order_in_which_blocks_are_done_does_not_matter():
    stack = drawn(polyline((6, 8, 8), (20, 50, 60), (10, 10, 120)), SHAPE)
    grid, size = BlockGrid(SHAPE, 40), np.ones(3)
    parts = [part_in(stack, grid, number, size, AT_ONCE) for number in grid.numbers()]
    one, other = joined_parts(parts, size), joined_parts(reversed(parts), size)
    assert np.array_equal(one.network.point_zyx, other.network.point_zyx)
    assert np.array_equal(one.network.edges, other.network.edges)


def test_too_much_in_one_block_names_the_block():
    stack = np.zeros(SHAPE, np.uint8)
    stack[5:15, 45:55, 80:110] = 255
    config = replace(in_blocks(stack, 64), max_foreground=1000)
    with pytest.raises(NeuroreconError, match=r"from 0 0 32 .*raise --threshold"):
        trace_volume(stack, grid_of(), config)
