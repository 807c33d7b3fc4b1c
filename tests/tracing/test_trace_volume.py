"""Trees from stacks with a known answer."""

import numpy as np
import pytest
from drawing import distance_to_line, drawn, grid_of, joined, polyline
from scipy.spatial import KDTree

from neurorecon.errors import InputError, NeuroreconError
from neurorecon.geometry import sample_edges
from neurorecon.morphology import SOMA, Morphology
from neurorecon.tracing import TraceConfig, trace_volume
from neurorecon.tracing.soma import Soma, with_soma
from neurorecon.volume import Grid

Y_SHAPE = joined(
    polyline((12, 30, 8), (12, 30, 40)),
    polyline((12, 30, 40), (16, 12, 66)),
    polyline((12, 30, 40), (8, 50, 66)),
)


def only(result):
    assert len(result.neurons) == 1
    tree = result.neurons[0]
    assert len(tree.roots) == 1
    return tree


def samples(tree):
    child, parent = tree.edges.T
    return sample_edges(tree.point_zyx[child], tree.point_zyx[parent], 0.5)[0]


def farthest_apart(tree, other):
    """Largest distance from a point of either tree to the other tree."""
    a, b = samples(tree), samples(other)
    return max(KDTree(a).query(b)[0].max(), KDTree(b).query(a)[0].max())


def test_tilted_tube_in_a_tiny_anisotropic_stack():
    voxel_size = (2.0, 1.0, 0.5)
    start, end = (3.0, 1.5, 1.0), (9.0, 9.0, 5.0)  # (7, 11, 13) voxels of 2, 1, 0.5 um
    tree = only(
        trace_volume(
            drawn(polyline(start, end, radius=1.2), (7, 11, 13), voxel_size), grid_of(voxel_size)
        )
    )
    assert tree.unit == "um"
    assert len(tree.forks) == 0
    assert tree.length == pytest.approx(np.linalg.norm(np.subtract(end, start)), abs=2.0)
    assert distance_to_line(tree.point_zyx, start, end).max() < 1.0  # half a slice
    assert np.median(tree.radius) == pytest.approx(1.2, abs=0.4)


@pytest.mark.parametrize("voxel_size", [(1.0, 1.0, 1.0), (3.0, 1.0, 1.0), (1.0, 0.5, 2.0)])
def test_tilted_tube_has_its_length_and_radius(voxel_size):
    start, end = (12.0, 12.0, 12.0), (30.0, 40.0, 60.0)
    shape = [round(72 / size) for size in voxel_size]
    tree = only(
        trace_volume(
            drawn(polyline(start, end, radius=3.0), shape, voxel_size), grid_of(voxel_size)
        )
    )
    assert len(tree.tips) == 2
    assert tree.length == pytest.approx(np.linalg.norm(np.subtract(end, start)), rel=0.06)
    inner = tree.degree == 2
    assert distance_to_line(tree.point_zyx[inner], start, end).max() < max(voxel_size) / 2
    assert np.median(tree.radius) == pytest.approx(3.0, abs=0.4)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_a_line_of_any_width_survives(width):
    stack = np.zeros((12, 14, 60), np.uint8)
    stack[4 : 4 + width, 5 : 5 + width, 4:56] = 255
    tree = only(trace_volume(stack, Grid()))
    assert tree.length == pytest.approx(52, abs=width + 2)
    middle = (4 + (width - 1) / 2, 5 + (width - 1) / 2)
    inner = tree.point_zyx[tree.degree == 2]
    assert np.abs(inner[:, :2] - middle).max() < 0.4
    assert (tree.radius > 0).all()


def test_y_shape_has_one_fork_and_three_tips():
    tree = only(trace_volume(drawn(Y_SHAPE, (24, 64, 80)), Grid()))
    assert len(tree.tips) == 3
    assert len(tree.forks) == 1
    assert np.linalg.norm(tree.point_zyx[tree.forks[0]] - (12, 30, 40)) < 3.0
    assert farthest_apart(tree, Y_SHAPE) < 2.5


def test_two_parallel_tubes_stay_two_trees():
    tubes = joined(
        polyline((10, 10, 5), (10, 10, 55)),
        polyline((10, 15, 5), (10, 15, 50)),  # one dark voxel between the surfaces
    )
    result = trace_volume(drawn(tubes, (20, 26, 60)), Grid())
    assert len(result.neurons) == 2
    assert result.bridge_count == 0
    assert result.neurons[0].length > result.neurons[1].length


def test_a_gap_in_a_tube_is_bridged_and_a_wide_one_is_not():
    stack = drawn(polyline((8, 10, 5), (12, 14, 90)), (20, 24, 96))
    stack[:, :, 44:51] = 0
    result = trace_volume(stack, Grid())
    assert only(result).length == pytest.approx(85, abs=4)
    assert result.bridge_count == 1
    stack[:, :, 34:62] = 0
    assert len(trace_volume(stack, Grid()).neurons) == 2


def test_gaps_are_judged_by_physical_length():
    stack = drawn(polyline((4, 10, 10), (76, 10, 10)), (80, 20, 20))
    stack[36:44] = 0
    assert trace_volume(stack, grid_of()).bridge_count == 1
    assert trace_volume(stack, grid_of((4.0, 1.0, 1.0))).bridge_count == 0


def test_specks_are_dropped_and_counted():
    stack = drawn(polyline((10, 10, 5), (10, 12, 70)), (24, 50, 76))
    for corner in ((4, 40, 10), (16, 34, 40), (8, 44, 66)):
        z, y, x = corner
        stack[z : z + 3, y : y + 3, x : x + 3] = 255
    result = trace_volume(stack, Grid())
    assert only(result).length == pytest.approx(65, abs=3)
    assert result.dust_count == 3


def test_a_short_second_tree_is_left_out_and_counted():
    tubes = joined(polyline((10, 8, 5), (10, 8, 95)), polyline((10, 40, 5), (10, 40, 20)))
    result = trace_volume(drawn(tubes, (20, 50, 100)), Grid())
    only(result)
    assert result.fragment_count == 1
    assert result.fragment_length == pytest.approx(15, abs=3)


def test_soma_is_one_node_with_its_radius_and_stems_from_its_surface():
    centre, radius = np.array([30.0, 40.0, 50.0]), 9.0
    ends = [(30, 40, 92), (30, 4, 30), (54, 70, 30)]
    neuron = joined(*(polyline(centre, end) for end in ends))
    soma = polyline(centre, radius=radius)
    tree = only(trace_volume(drawn(joined(neuron, soma), (60, 80, 100)), Grid()))
    root = tree.roots[0]
    assert tree.kind[root] == SOMA
    assert (tree.kind == SOMA).sum() == 1
    assert np.linalg.norm(tree.point_zyx[root] - centre) < 1.5
    assert tree.radius[root] == pytest.approx(radius, abs=1.0)
    assert tree.child_count[root] == 3
    others = np.delete(np.arange(len(tree)), root)
    apart = np.linalg.norm(tree.point_zyx[others] - centre, axis=1)
    assert apart.min() > 0.8 * radius
    assert len(tree.tips) == 3
    assert tree.radius[others].max() < 0.6 * radius


def test_a_stem_that_hardly_leaves_its_soma_is_no_section_without_length():
    """Nodes outside of the body: an end, a fork with two branches, and a plain stem."""
    fork = [(0, 5.5, 0), (0, 8, 1), (0, 10, 1), (0, 8, -1), (0, 10, -1)]
    point = np.array([(0, 0, 0), (0, 0, 5.2), *fork, (0, -5.5, 0), (0, -8, 0)], float)
    parent = np.array([-1, 0, 0, 2, 3, 2, 5, 0, 7])
    tree = Morphology(point, np.full(9, 1.0), parent, np.zeros(9, int))
    found = with_soma(tree, Soma(0, 5.0))
    assert found.point_zyx[:, 1].tolist() == [0.0, 8.0, 10.0, 8.0, 10.0, -5.5, -8.0]
    assert found.parent.tolist() == [-1, 0, 1, 0, 3, 0, 5]


def test_without_a_soma_the_root_is_the_thickest_end_and_no_soma_is_invented():
    tube = polyline((10, 10, 6), (10, 10, 60))
    thick_end = type(tube)(tube.point_zyx, np.array([3.0, 1.5]), tube.parent, tube.kind)
    tree = only(trace_volume(drawn(thick_end, (20, 20, 66)), Grid()))
    assert tree.point_zyx[tree.roots[0], 2] < 16
    assert tree.child_count[tree.roots[0]] == 1
    assert not (tree.kind == SOMA).any()


def test_threshold_says_what_is_neurite():
    stack = drawn(polyline((10, 10, 5), (10, 10, 65)), (20, 40, 70))
    stack[:, :, 40:] = np.minimum(stack[:, :, 40:], 90)  # 0.35
    assert only(trace_volume(stack, Grid())).length == pytest.approx(35, abs=3)
    low = trace_volume(stack, Grid(), TraceConfig(threshold=0.3))
    assert only(low).length == pytest.approx(60, abs=3)


def test_float_and_uint8_probabilities_give_the_same_tree():
    stack = drawn(Y_SHAPE, (24, 64, 80))
    one, other = trace_volume(stack, Grid()), trace_volume(stack.astype(np.float32) / 255, Grid())
    assert np.array_equal(only(one).point_zyx, only(other).point_zyx)


def test_a_neurite_smeared_along_z_has_no_spurs_and_its_true_width():
    tube = polyline((30, 12, 8), (36, 20, 110), radius=2.5)
    stack = drawn(tube, (64, 32, 118))
    smeared = np.maximum.reduce([np.roll(stack, shift, axis=0) for shift in range(-7, 8)])
    tree = only(trace_volume(smeared, Grid()))
    forks = tree.point_zyx[tree.forks, 2]
    assert not ((forks > 20) & (forks < 98)).any()  # the ends are sheets with corners
    assert len(tree.tips) <= 4
    assert np.median(tree.radius) == pytest.approx(2.5, abs=0.8)


def test_no_loops_where_neurites_touch():
    ring = 20 * np.stack(
        [np.zeros(40), *(f(np.linspace(0, 2 * np.pi, 40)) for f in (np.sin, np.cos))], axis=1
    )
    tree = only(
        trace_volume(drawn(polyline(*(ring + np.array([8, 30, 30]))), (16, 60, 60)), Grid())
    )
    assert len(tree.edges) == len(tree) - 1
    assert tree.length == pytest.approx(2 * np.pi * 20, abs=14)


def test_root_asked_for_chooses_the_neuron_and_the_end():
    tubes = joined(polyline((10, 10, 5), (10, 10, 95)), polyline((10, 40, 5), (10, 40, 80)))
    grid = grid_of((2.0, 1.0, 1.0), (5.0, 0.0, 0.0))
    stack = drawn(tubes, (10, 50, 100), (2.0, 1.0, 1.0))
    result = trace_volume(stack, grid, roots_zyx=np.array([15.0, 41.0, 79.0]))
    tree = only(result)
    assert tree.length == pytest.approx(75, abs=4)
    assert np.linalg.norm(tree.point_zyx[tree.roots[0]] - (15, 40, 80)) < 3.0


def test_root_on_a_scrap_of_the_only_neuron_is_a_root_of_that_neuron():
    """A faint stretch of 90 voxels parts 6 voxels of its axon from the rest."""
    stack = drawn(polyline((10, 12, 120), (10, 12, 320)), (20, 24, 330))
    stack |= drawn(polyline((10, 12, 22), (10, 12, 30)), stack.shape)
    (tree,) = trace_volume(stack, Grid(), roots_zyx=np.array([10.0, 12.0, 20.0])).neurons
    assert tree.length == pytest.approx(200, abs=4)
    assert tree.point_zyx[tree.roots[0], 2] == pytest.approx(120, abs=2)


def test_root_on_a_small_neuron_far_from_a_large_one_is_its_own():
    stack = drawn(polyline((10, 12, 120), (10, 12, 320)), (20, 24, 330))
    stack |= drawn(polyline((10, 12, 10), (10, 12, 30)), stack.shape)
    (tree,) = trace_volume(stack, Grid(), roots_zyx=np.array([10.0, 12.0, 8.0])).neurons
    assert tree.length == pytest.approx(20, abs=3)


def test_root_far_from_every_tree_is_refused_with_the_distance():
    stack = drawn(polyline((5, 5, 5), (5, 5, 60)), (12, 120, 66))
    with pytest.raises(InputError, match=r"10\d\.\d voxel"):
        trace_volume(stack, Grid(), roots_zyx=np.array([5.0, 110.0, 30.0]))


def test_nothing_above_the_threshold_says_how_high_it_gets():
    stack = np.zeros((7, 11, 13), np.uint8)
    stack[3, 5, 6] = 102
    with pytest.raises(NeuroreconError, match=r"0\.4.*--threshold") as error:
        trace_volume(stack, Grid())
    assert error.value.exit_code == 1


def test_far_too_much_foreground_is_refused():
    with pytest.raises(NeuroreconError, match="--threshold"):
        trace_volume(np.full((20, 20, 20), 255, np.uint8), Grid(), TraceConfig(max_foreground=1000))


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 9), (3, 3, 3), (1, 20, 20)])
def test_a_stack_that_is_foreground_throughout_gives_a_tree(shape):
    tree = only(trace_volume(np.full(shape, 255, np.uint8), Grid()))
    assert (tree.radius > 0).all()
    assert np.isfinite(tree.point_zyx).all()


def test_single_voxel_gives_a_single_node():
    stack = np.zeros((7, 11, 13), np.uint8)
    stack[3, 5, 6] = 255
    tree = only(trace_volume(stack, grid_of((2.0, 1.0, 0.5))))
    assert tree.point_zyx.tolist() == [[6.0, 5.0, 3.0]]


def test_a_tip_at_the_side_of_another_neuron_needs_good_evidence_to_join_them():
    """A twig is joined across 11 voxels; a second neuron of like length is not."""
    trunk = polyline((10, 20, 5), (10, 20, 95))

    def beside(length):
        return drawn(
            joined(trunk, polyline((10, 34.5, 50), (10, 34.5 + length, 50))), (20, 130, 100)
        )

    assert len(trace_volume(beside(20), Grid()).neurons) == 1
    assert trace_volume(beside(20), Grid()).bridge_count == 1
    result = trace_volume(beside(80), Grid())
    assert len(result.neurons) == 2 and result.bridge_count == 0
