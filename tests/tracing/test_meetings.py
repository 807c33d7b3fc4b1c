"""Neurites that cross, touch or close rings, and several neurons in one stack."""

import numpy as np
import pytest
from drawing import distance_to_line, drawn, grid_of, joined, polyline

from neurorecon.errors import InputError
from neurorecon.morphology import SOMA
from neurorecon.tracing import TraceConfig, trace_volume
from neurorecon.volume import Grid

LINES = ((12, 10, 10), (20, 70, 86)), ((16, 66, 8), (16, 12, 90))
CROSS = joined(*(polyline(*line) for line in LINES))


def only(found):
    (one,) = found
    return one


@pytest.mark.parametrize("voxel_size", [(1.0, 1.0, 1.0), (2.0, 1.0, 1.0)])
def test_crossing_neurites_stay_two_and_go_straight_on(voxel_size):
    shape = [round(side / size) for side, size in zip((32, 80, 100), voxel_size, strict=True)]
    result = trace_volume(drawn(CROSS, shape, voxel_size), grid_of(voxel_size))
    assert len(result.neurons) == 2
    for tree in result.neurons:
        assert len(tree.tips) == 2
        off = min(distance_to_line(tree.point_zyx, *line).max() for line in LINES)
        assert off < 1.6 * max(voxel_size)
    crossing = only(result.crossings)
    assert np.linalg.norm(crossing.point_zyx - (16, 40, 48)) < 6.0
    assert crossing.score > 0.7


def test_a_rejected_crossing_joins_the_neurites():
    stack = drawn(CROSS, (32, 80, 100))
    name = only(trace_volume(stack, Grid()).crossings).id
    result = trace_volume(stack, Grid(), TraceConfig(rejected=frozenset({name})))
    tree = only(result.neurons)
    assert len(tree.tips) == 4 and not result.crossings
    doubt = only(doubt for doubt in result.doubts if doubt.id == name)
    assert doubt.kind == "crossing" and not doubt.done and doubt.verdict == "rejected"


def test_a_fork_with_a_side_branch_is_no_crossing():
    y = joined(
        polyline((12, 40, 6), (12, 40, 46)),
        polyline((12, 40, 46), (12, 12, 90)),
        polyline((12, 40, 46), (12, 68, 90)),
    )
    result = trace_volume(drawn(y, (24, 80, 96)), Grid())
    assert len(result.neurons) == 1 and not result.crossings


def test_four_stems_of_a_cell_body_are_no_crossing():
    centre = (30, 50, 50)
    ends = [(30, 4, 50), (30, 96, 50), (30, 50, 4), (30, 50, 96)]
    cell = joined(polyline(centre, radius=8.0), *(polyline(centre, end) for end in ends))
    result = trace_volume(drawn(cell, (60, 100, 100)), Grid())
    tree = only(result.neurons)
    assert not result.crossings
    assert tree.kind[tree.roots[0]] == SOMA and tree.child_count[tree.roots[0]] == 4


def ring(weak, thin=False, voxel_size=(1.0, 1.0, 1.0)):
    """A ring of radius 30 um with a tail; fainter or thinner around the angle `weak`."""
    angle = np.linspace(0, 2 * np.pi, 200)
    at = np.stack([np.full(200, 12.0), 45 + 30 * np.sin(angle), 45 + 30 * np.cos(angle)], axis=1)
    near = np.abs(np.angle(np.exp(1j * (angle - weak)))) < 0.2
    circle = polyline(*at, radius=3.0)
    if thin:
        circle = type(circle)(at, np.where(near, 1.5, 3.0), circle.parent, circle.kind)
    tail = polyline((12, 75, 45), (12, 130, 45), radius=3.0)
    shape = [round(side / size) for side, size in zip((24, 140, 90), voxel_size, strict=True)]
    stack = drawn(joined(circle, tail), shape, voxel_size)
    weak_at = np.array([12, 45 + 30 * np.sin(weak), 45 + 30 * np.cos(weak)])
    if not thin:
        place = np.moveaxis(np.indices(shape), 0, -1) * voxel_size
        faint = np.linalg.norm((place - weak_at)[..., 1:], axis=-1) < 6
        stack[faint & (stack > 0)] = 160
    return stack, weak_at


@pytest.mark.parametrize(
    ("thin", "voxel_size"),
    [(thin, size) for thin in (False, True) for size in ((1.0, 1.0, 1.0), (2.0, 1.0, 1.0))],
)
@pytest.mark.parametrize("weak", [-2.5, -1.0, 0.3])
def test_a_ring_is_opened_where_it_is_faint_or_thin(weak, thin, voxel_size):
    stack, weak_at = ring(weak, thin, voxel_size)
    result = trace_volume(stack, grid_of(voxel_size))
    loop = only(result.loops_opened)
    assert np.linalg.norm(loop.point_zyx - weak_at) < 8.0
    assert loop.length == pytest.approx(2 * np.pi * 30, rel=0.1)
    tree = only(result.neurons)
    assert len(tree.edges) == len(tree) - 1
    assert tree.length == pytest.approx(2 * np.pi * 30 + 55, rel=0.06)


def test_a_rejected_opening_opens_the_ring_elsewhere():
    stack, weak_at = ring(-1.0)
    first = only(trace_volume(stack, Grid()).loops_opened)
    result = trace_volume(stack, Grid(), TraceConfig(rejected=frozenset({first.id})))
    loop = only(result.loops_opened)
    assert np.linalg.norm(loop.point_zyx - weak_at) > 15.0
    refused = only(doubt for doubt in result.doubts if doubt.id == first.id)
    assert not refused.done and refused.verdict == "rejected"
    kept = trace_volume(stack, Grid(), TraceConfig(accepted=frozenset({first.id})))
    assert only(kept.loops_opened).id == first.id


def two_cells(middle=1.5):
    """Two cell bodies 80 apart along x, a neurite between them, and two dendrites each."""
    one, other = (30, 40, 30), (30, 40, 110)
    between = polyline(one, (30, 40, 70), other)
    thin = type(between)(
        between.point_zyx, np.array([1.5, middle, 1.5]), between.parent, between.kind
    )
    dendrites = [
        polyline(one, (30, 8, 10)),
        polyline(one, (30, 72, 10)),
        polyline(other, (30, 8, 130)),
        polyline(other, (52, 66, 124)),
    ]
    bodies = [polyline(one, radius=8.0), polyline(other, radius=7.0)]
    return drawn(joined(thin, *dendrites, *bodies), (60, 80, 140))


def test_two_cells_that_touch_are_two_trees_rooted_at_their_bodies():
    result = trace_volume(two_cells(), Grid())
    assert len(result.neurons) == 2
    for tree, x, radius in zip(
        sorted(result.neurons, key=lambda tree: tree.point_zyx[tree.roots[0], 2]),
        (30, 110),
        (8.0, 7.0),
        strict=True,
    ):
        root = tree.roots[0]
        assert tree.kind[root] == SOMA and (tree.kind == SOMA).sum() == 1
        assert tree.point_zyx[root, 2] == pytest.approx(x, abs=1.5)
        assert tree.radius[root] == pytest.approx(radius, abs=1.0)
        assert tree.child_count[root] == 3
    border = only(doubt for doubt in result.doubts if doubt.kind == "border")
    assert border.point_zyx[2] == pytest.approx(70, abs=8)  # half way along like neurite


def test_a_swelling_on_a_neurite_is_no_second_cell():
    body, swelling = (30, 40, 30), (30, 40, 110)
    drawing = joined(
        polyline(body, swelling),
        polyline(body, (30, 8, 10)),
        polyline(swelling, (30, 72, 130)),
        polyline(body, radius=7.0),
        polyline(swelling, radius=5.5),
    )
    stack = drawn(drawing, (60, 80, 140))
    tree = only(trace_volume(stack, Grid()).neurons)
    assert tree.kind[tree.roots[0]] == SOMA
    assert tree.point_zyx[tree.roots[0], 2] == pytest.approx(30, abs=1.5)
    assert len(trace_volume(stack, Grid(), TraceConfig(somas=2)).neurons) == 2


def test_how_many_cells_there_are_can_be_said():
    stack = two_cells()
    one = only(trace_volume(stack, Grid(), TraceConfig(somas=1)).neurons)
    assert one.point_zyx[one.roots[0], 2] == pytest.approx(30, abs=1.5)
    assert (one.kind == SOMA).sum() == 1
    none = only(trace_volume(stack, Grid(), TraceConfig(somas=0)).neurons)
    assert not (none.kind == SOMA).any()
    assert len(trace_volume(stack, Grid(), TraceConfig(somas=5)).neurons) == 2


def test_each_root_gets_its_own_tree_in_the_order_given():
    stack = two_cells()
    roots = np.array([[30.0, 10.0, 131.0], [30.0, 70.0, 11.0]])
    first, second = trace_volume(stack, Grid(), roots_zyx=roots).neurons
    assert np.linalg.norm(first.point_zyx[first.roots[0]] - roots[0]) < 4.0
    assert np.linalg.norm(second.point_zyx[second.roots[0]] - roots[1]) < 4.0
    assert first.point_zyx[:, 2].min() > second.point_zyx[:, 2].max() - 12
    with pytest.raises(InputError, match="same place"):
        trace_volume(stack, Grid(), roots_zyx=np.array([[30.0, 40, 30], [31.0, 41, 30]]))


def test_a_rejected_border_moves_to_the_weakest_place():
    stack = two_cells()
    stack[:, :, 88:91] = np.minimum(stack[:, :, 88:91], 150)
    first = trace_volume(stack, Grid())
    name = only(doubt for doubt in first.doubts if doubt.kind == "border").id
    again = trace_volume(stack, Grid(), TraceConfig(rejected=frozenset({name})))
    assert len(again.neurons) == 2
    left = min(again.neurons, key=lambda tree: tree.point_zyx[tree.roots[0], 2])
    assert left.point_zyx[:, 2].max() == pytest.approx(89, abs=4)


def fragments_stack():
    tubes = [polyline((10, 8, 5), (10, 8, 95))]
    tubes += [polyline((10, 40, 5), (10, 40, 20)), polyline((10, 60, 5), (10, 60, 16))]
    return drawn(joined(*tubes), (20, 70, 100))


@pytest.mark.parametrize(
    ("config", "kept"),
    [
        (TraceConfig(), 1),
        (TraceConfig(keep_fragments=True), 3),
        (TraceConfig(min_length=13.0), 2),
        (TraceConfig(min_length=5.0), 3),
        (TraceConfig(min_length=13.0, keep_fragments=True), 2),
    ],
)
def test_what_cannot_be_joined_is_dropped_or_kept_and_counted(config, kept):
    result = trace_volume(fragments_stack(), grid_of(origin_zyx=(0.0, 0.0, 50.0)), config)
    assert len(result.neurons) == kept
    assert len(result.dropped) == 3 - kept
    if kept == 1:
        longest = result.dropped[0]
        assert longest.length == pytest.approx(15, abs=2)
        assert longest.distance == pytest.approx(32, abs=1.5)
        assert longest.point_zyx[1] == pytest.approx(40, abs=1)
        assert 54 <= longest.point_zyx[2] <= 71


def test_branches_are_listed_with_length_radius_and_probability():
    y = joined(
        polyline((12, 30, 8), (12, 30, 40)),
        polyline((12, 30, 40), (12, 8, 70)),
        polyline((12, 30, 40), (12, 52, 70)),
    )
    stack = drawn(y, (24, 64, 80))
    stack[:, 40:] = np.minimum(stack[:, 40:], 204)
    result = trace_volume(stack, grid_of(origin_zyx=(0.0, 100.0, 0.0)))
    assert len(result.branches) == 3 and {branch.neuron for branch in result.branches} == {0}
    total = sum(branch.length for branch in result.branches)
    assert total == pytest.approx(result.neurons[0].length)
    for branch in result.branches:
        far = branch.start_zyx if branch.start_zyx[2] > branch.end_zyx[2] else branch.end_zyx
        assert branch.mean_radius == pytest.approx(1.5, abs=0.5)
        if far[1] > 145:
            assert 0.8 <= branch.mean_probability < 0.95
        else:
            assert branch.mean_probability == pytest.approx(1.0)


def test_a_fork_whose_branches_leave_on_both_sides_is_no_crossing():
    """Two branches opposite each other, each 20 degrees off the other's line; all arms are long."""
    trunk = polyline((12, 60, 5), (12, 60, 115))
    turn = np.tan(np.radians(10.0))
    up = polyline((12, 60, 60), (12, 110, 60 + 50 * turn))
    down = polyline((12, 60, 60), (12, 10, 60 + 50 * turn))
    stack = drawn(joined(trunk, up, down), (24, 120, 120))
    result = trace_volume(stack, Grid(), TraceConfig(keep_fragments=True))
    assert len(result.neurons) == 1 and not result.crossings
    assert [doubt.kind for doubt in result.doubts] == ["crossing"]
