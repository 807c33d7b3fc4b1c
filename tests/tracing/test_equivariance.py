"""The tree does not depend on how the stack lies, nor on what is around it."""

from itertools import pairwise

import numpy as np
from drawing import distance_to_line, drawn, grid_of, joined, polyline
from hypothesis import given, settings
from hypothesis import strategies as st

from neurorecon.morphology import Morphology
from neurorecon.tracing import trace_volume
from neurorecon.volume import Grid

SHAPE = (24, 34, 44)
Y_SHAPE = joined(
    polyline((12, 18, 6), (12, 18, 24)),
    polyline((12, 18, 24), (16, 8, 38)),
    polyline((12, 18, 24), (8, 28, 38)),
)


def only(stack, grid=None):
    (tree,) = trace_volume(stack, grid or Grid()).neurons
    return tree


@st.composite
def thick_trees(draw):
    """Neurites as thick as they are far apart: they merge, and many ways are equally good."""
    seed, count = draw(st.integers(0, 2**32 - 1)), draw(st.integers(2, 5))
    generator = np.random.default_rng(seed)
    last = np.array(SHAPE) - 6
    point = generator.uniform(5, last, (count + 1, 3))
    return joined(
        *(polyline(a, b, radius=generator.choice([1.0, 1.5, 2.0, 4.0])) for a, b in pairwise(point))
    )


@settings(max_examples=10, deadline=None)
@given(
    tree=thick_trees(),
    axes=st.permutations([0, 1, 2]),
    flipped=st.sets(st.integers(0, 2)),
    voxel_size=st.sampled_from([(1.0, 1.0, 1.0), (3.0, 1.0, 1.0), (1.0, 0.5, 2.0)]),
)
def test_tree_of_a_flipped_or_transposed_stack_is_the_same_tree(tree, axes, flipped, voxel_size):
    stack = drawn(tree, SHAPE)
    if len(set(voxel_size)) > 1:
        axes = [0, 1, 2]  # the axis of the microscope is known by being the first
    expected = sorted_nodes(trace_volume(stack, Grid(voxel_size)).neurons)
    turned = np.ascontiguousarray(np.flip(stack.transpose(axes), tuple(flipped)))
    back = []
    for found in trace_volume(turned, Grid(voxel_size)).neurons:
        point = found.point_zyx.copy()
        for axis in flipped:
            point[:, axis] = (turned.shape[axis] - 1) * voxel_size[axis] - point[:, axis]
        in_stack = np.empty_like(point)
        in_stack[:, axes] = point
        back.append(Morphology(in_stack, found.radius, found.parent, found.kind))
    found = sorted_nodes(back)
    assert found.shape == expected.shape
    assert np.allclose(found, expected, atol=1e-6)


def sorted_nodes(trees):
    """Each node with its radius and its parent's place, in an order of their own."""
    rows = []
    for tree in trees:
        parent = np.where(tree.parent < 0, np.arange(len(tree)), tree.parent)
        rows.append(np.column_stack([tree.point_zyx, tree.radius, tree.point_zyx[parent]]))
    rows = np.round(np.concatenate(rows), 6)
    return rows[np.lexsort(rows.T)]


def test_origin_of_the_grid_moves_the_tree():
    stack, origin = drawn(Y_SHAPE, SHAPE), (100.0, -20.0, 7.5)
    here, there = only(stack, grid_of()), only(stack, grid_of(origin_zyx=origin))
    assert np.allclose(there.point_zyx - origin, here.point_zyx)


def test_padding_shifts_the_tree_and_changes_nothing_else():
    stack = drawn(Y_SHAPE, SHAPE)
    tree = only(stack)
    padded = only(np.pad(stack, ((3, 0), (5, 9), (2, 4))))
    assert np.allclose(padded.point_zyx - (3, 5, 2), tree.point_zyx)
    assert np.allclose(padded.radius, tree.radius)


def test_cropping_a_neurite_does_not_move_what_remains():
    tube = polyline((10, 10, 5), (14, 18, 95), radius=3.0)
    stack = drawn(tube, (24, 28, 100))
    cropped = only(np.ascontiguousarray(stack[:, :, :60]))
    assert distance_to_line(cropped.point_zyx, (10, 10, 5), (14, 18, 95)).max() < 1.0
    near_cut = cropped.point_zyx[:, 2] > 50
    assert cropped.radius[near_cut].min() > 2.3
