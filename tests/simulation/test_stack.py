import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from neurorecon.errors import InputError
from neurorecon.morphology import SOMA, Morphology
from neurorecon.simulation import (
    GrowthConfig,
    SimulationConfig,
    config_for,
    draw_label,
    grow_tree,
    simulate_stack,
    stack_shape,
)

SMALL = GrowthConfig(extent_zyx_um=(20.0, 30.0, 40.0), max_length_um=150.0)
TREE = grow_tree(SMALL, 7)


def nothing_else(config):
    """The neuron alone, without its surroundings."""
    return replace(
        config, background=0.0, cell_density=0.0, fragment_density=0.0, debris_density=0.0
    )


@pytest.mark.parametrize("look", ["clear", "dense", "varied"])
def test_same_seed_same_bytes(look):
    def render(seed):
        config = config_for(look, np.random.default_rng(seed))
        return simulate_stack(TREE, config, seed)

    first, second, other = render(1), render(1), render(2)
    assert first.array.tobytes() == second.array.tobytes()
    assert first.label.tobytes() == second.label.tobytes()
    assert first.morphology.radius.tobytes() == second.morphology.radius.tobytes()
    assert first.array.shape != other.array.shape or (first.array != other.array).any()


@pytest.mark.parametrize("size", [(1.0, 0.4, 0.4), (0.5, 0.8, 0.3)])
def test_truth_lies_where_the_light_is(size):
    """Moving the tree by two voxels along any axis takes it off the light."""
    config = replace(nothing_else(SimulationConfig()), voxel_size_zyx_um=size)
    stack = simulate_stack(TREE, config, 0)
    neurite = stack.morphology.kind != SOMA
    index = stack.grid.to_index(stack.morphology.point_zyx[neurite])

    def light_at(shift):
        return ndimage.map_coordinates(stack.array.astype(float), (index + shift).T, order=1).mean()

    here = light_at((0, 0, 0))
    for axis in range(3):
        for step in (-2, 2):
            shift = np.zeros(3)
            shift[axis] = step
            assert light_at(shift) < 0.93 * here
    fitted = [
        np.argmax([light_at(np.eye(3)[axis] * step) for step in (-1.0, -0.5, 0.0, 0.5, 1.0)])
        for axis in range(3)
    ]
    assert fitted == [2, 2, 2]


@pytest.mark.parametrize("size", [(1.0, 0.4, 0.4), (3.0, 0.5, 0.2)])
def test_label_holds_the_whole_tree_in_one_piece(size):
    stack = simulate_stack(TREE, replace(SimulationConfig(), voxel_size_zyx_um=size), 0)
    nearest = np.rint(stack.grid.to_index(stack.morphology.point_zyx)).astype(int)
    assert (stack.label[tuple(nearest.T)] == 255).all()
    assert set(np.unique(stack.label)) == {0, 255}
    assert ndimage.label(stack.label, np.ones((3, 3, 3)))[1] == 1


def test_label_of_a_ball_has_its_volume():
    ball = Morphology(
        np.array([[8.0, 8.0, 8.0]]), np.array([5.0]), np.array([-1]), np.array([1]), "um"
    )
    label = draw_label(ball, (33, 17, 65), (0.5, 1.0, 0.25))
    assert (label > 0).sum() * 0.125 == pytest.approx(4 / 3 * np.pi * 125.0, rel=0.02)


def test_whole_tree_fits_with_its_margin():
    config = SimulationConfig(margin_um=5.0)
    stack = simulate_stack(TREE, config, 0)
    assert stack.array.shape == stack.label.shape == stack_shape(TREE, config)
    assert stack.grid.voxel_size_zyx == config.voxel_size_zyx_um
    assert stack.grid.unit == stack.morphology.unit == "um"
    assert stack.grid.origin_zyx == (0.0, 0.0, 0.0)
    corner = stack.grid.to_physical(np.array(stack.array.shape) - 1)
    nodes = TREE.point_zyx + (stack.morphology.point_zyx[0] - TREE.point_zyx[0])
    assert (nodes - TREE.radius[:, None] >= 5.0 - 1e-9).all()
    assert (nodes + TREE.radius[:, None] <= corner - 5.0 + 1e-9).all()


def test_tree_is_moved_not_changed():
    stack = simulate_stack(TREE, SimulationConfig(), 0)
    assert stack.morphology.length == pytest.approx(TREE.length)
    assert len(stack.morphology.tips) == len(TREE.tips)
    moved = stack.morphology.point_zyx[: len(TREE)] - TREE.point_zyx
    assert np.ptp(moved, axis=0) == pytest.approx(0.0, abs=1e-9)


def test_tree_in_voxels_is_imaged_on_those_voxels():
    size = (2.0, 0.5, 0.5)
    voxels = Morphology(
        np.array([[0.0, 0.0, 0.0], [10.0, 20.0, 40.0]]),
        np.array([2.0, 2.0]),
        np.array([-1, 0]),
        np.array([3, 3]),
        "voxel",
    )
    config = SimulationConfig(voxel_size_zyx_um=size, margin_um=3.0)
    stack = simulate_stack(voxels, config, 0)
    span = np.ptp(stack.grid.to_index(stack.morphology.point_zyx), axis=0)
    assert span == pytest.approx((10.0, 20.0, 40.0))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.tuples(*[st.integers(3, 40)] * 3))
def test_patches_have_the_asked_shape_and_truth_inside(seed, shape):
    config = replace(SimulationConfig(), shape_zyx=shape)
    stack = simulate_stack(TREE, config, seed)
    assert stack.array.shape == stack.label.shape == shape
    index = stack.grid.to_index(stack.morphology.point_zyx)
    assert (index >= -0.5).all()
    assert (index <= np.array(shape) - 0.5).all()
    assert len(stack.morphology) > 0
    assert (stack.label > 0).any()


def test_each_kind_of_surroundings_shows():
    quiet = nothing_else(replace(SimulationConfig(), photons=1e5, read_noise=0.0))
    away = simulate_stack(TREE, quiet, 0).label == 0
    floor = simulate_stack(TREE, quiet, 0).array[away].mean()
    for field, value in {
        "background": 0.3,
        "cell_density": 3e3,
        "fragment_density": 3e3,
        "debris_density": 1e5,
    }.items():
        stack = simulate_stack(TREE, replace(quiet, **{field: value}), 0)
        assert stack.array[away].mean() > 1.2 * floor, field


def test_looks_differ_as_the_names_say():
    def contrast(look):
        config = config_for(look, np.random.default_rng(0))
        stack = simulate_stack(TREE, config, 0)
        inside = stack.label > 0
        return stack.array[inside].mean() / (stack.array[~inside].mean() + 1.0)

    assert contrast("clear") > 10.0 > contrast("dense") > 1.2


def test_sixteen_bits_use_the_range():
    stack = simulate_stack(TREE, SimulationConfig(bit_depth=16), 0)
    assert stack.array.dtype == np.uint16
    assert stack.array.max() > 20_000


def test_unknown_radii_are_drawn_all_the_same():
    unknown = replace(TREE, radius=np.zeros(len(TREE)))
    stack = simulate_stack(unknown, SimulationConfig(), 0)
    assert (stack.morphology.radius > 0).all()


def test_tree_without_nodes_is_refused():
    empty = Morphology(np.zeros((0, 3)), np.zeros(0), np.zeros(0, int), np.zeros(0, int), "um")
    with pytest.raises(InputError, match="nodes"):
        simulate_stack(empty, SimulationConfig(), 0)


def test_simulation_needs_no_heavy_library():
    code = (
        "import sys, neurorecon.simulation; "
        "print(sorted({'torch', 'navis', 'skan', 'matplotlib', 'pandas'} & set(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
