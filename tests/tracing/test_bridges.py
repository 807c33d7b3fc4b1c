"""Gaps: which are bridged, by what path, and what a person can say about it."""

import numpy as np
import pytest
from drawing import drawn, grid_of, joined, polyline

from neurorecon.errors import InputError
from neurorecon.tracing import TraceConfig, trace_volume
from neurorecon.volume import Grid

TUBE = polyline((10, 12, 6), (10, 12, 94))
SHAPE = (20, 24, 100)


def tube_with_gap(length, start=40):
    stack = drawn(TUBE, SHAPE)
    stack[:, :, start : start + length] = 0
    return stack


def ids(result, kind="bridge"):
    return {doubt.id for doubt in result.doubts if doubt.kind == kind}


@pytest.mark.parametrize("voxel_size", [(1.0, 1.0, 1.0), (3.0, 1.0, 1.0), (2.0, 0.5, 1.0)])
def test_a_straight_gap_is_bridged_with_the_score_of_its_length(voxel_size):
    shape = [round(side / size) for side, size in zip(SHAPE, voxel_size, strict=True)]
    stack = drawn(polyline((10, 12, 6), (10, 12, 94), radius=3.0), shape, voxel_size)
    stack[:, :, 40:46] = 0
    grid = grid_of(voxel_size, (5.0, -7.0, 100.0))
    (bridge,) = trace_volume(stack, grid, TraceConfig(max_gap=12.0)).bridges
    assert bridge.gap == pytest.approx(6.0, abs=1.3)
    assert bridge.length == pytest.approx(1.0 - bridge.gap / 12.0)
    assert bridge.direction > 0.95 and bridge.calibre > 0.9 and bridge.brightness == 1.0
    parts = bridge.length * bridge.direction * bridge.calibre * bridge.brightness
    assert bridge.score == pytest.approx(parts)
    middle = 0.5 * (bridge.start_zyx + bridge.end_zyx)
    assert np.abs(middle - (15.0, 5.0, 142.5)).max() < 2.0


def test_no_gap_longer_than_the_limit_is_bridged():
    stack = tube_with_gap(9)
    assert trace_volume(stack, Grid(), TraceConfig(max_gap=12.0)).bridge_count == 1
    assert trace_volume(stack, Grid(), TraceConfig(max_gap=8.0)).bridge_count == 0
    assert trace_volume(stack, Grid(), TraceConfig(max_gap=0.0)).bridge_count == 0


def test_an_end_that_points_elsewhere_is_not_joined():
    """Two tubes at a right angle whose ends are near each other point past each other."""
    tubes = joined(polyline((10, 10, 5), (10, 10, 50)), polyline((10, 15, 61), (10, 60, 61)))
    turned = joined(polyline((10, 10, 5), (10, 10, 50)), polyline((10, 10, 62), (10, 10, 100)))
    assert trace_volume(drawn(tubes, (20, 70, 106)), Grid()).bridge_count == 0
    assert trace_volume(drawn(turned, (20, 70, 106)), Grid()).bridge_count == 1


def among_others(*tubes, others=12):
    """The stack with lines far away, whose ends tell how near ends are by chance."""
    lines = [polyline((10, 90 + 25 * n, 5), (10, 90 + 25 * n, 140)) for n in range(others)]
    return drawn(joined(*tubes, *lines), (20, 100 + 25 * others, 150))


def test_ends_at_a_sharp_turn_are_joined_where_they_hardly_meet_by_chance():
    turn = polyline((10, 10, 5), (10, 10, 50)), polyline((10, 14, 55), (10, 40, 5))
    beside = polyline((10, 10, 5), (10, 10, 50)), polyline((10, 15, 5), (10, 15, 50))
    assert trace_volume(among_others(*turn), Grid()).bridge_count == 1
    assert trace_volume(among_others(*turn, others=2), Grid()).bridge_count == 0  # cannot tell
    assert trace_volume(among_others(*beside), Grid()).bridge_count == 0  # a bundle that ends


def test_a_speck_beside_a_tip_is_no_branch_but_one_in_a_gap_carries_it():
    wide = tube_with_gap(19)
    assert trace_volume(wide, Grid()).bridge_count == 0
    stone = wide.copy()
    stone[9:12, 11:14, 48:51] = 255
    result = trace_volume(stone, Grid())
    assert result.bridge_count == 1
    assert result.neurons[0].length == pytest.approx(88, abs=3)
    aside = wide.copy()
    aside[9:12, 18:21, 48:51] = 255
    assert trace_volume(aside, Grid()).bridge_count == 0
    beyond = drawn(polyline((10, 12, 6), (10, 12, 70)), SHAPE)
    beyond[9:12, 11:14, 76:79] = 255
    (tree,) = trace_volume(beyond, Grid()).neurons
    assert tree.point_zyx[:, 2].max() < 72


def curved_gap(level):
    """Two ends 14 voxels apart, and a faint arc between them that leaves the straight line."""
    stack = np.zeros((13, 40, 80), np.uint8)
    stack[5:8, 9:12, 4:32] = 255
    stack[5:8, 9:12, 46:76] = 255
    for x in range(32, 46):
        y = 10 + round(3.0 * np.sin(np.pi * (x - 31) / 15))
        stack[5:8, y - 1 : y + 2, x] = level
    return stack


def test_a_bridge_follows_the_light_and_is_worth_more_for_it():
    (lit,) = trace_volume(curved_gap(110), Grid()).bridges
    stack = curved_gap(0)
    stack[0, 0, 0] = 140  # soft somewhere: dark means something
    dark = trace_volume(stack, Grid(), TraceConfig(max_gap=25.0)).bridges
    assert lit.path_zyx[:, 1].max() > 11.5
    assert lit.brightness > 0.8
    assert all(bridge.score < lit.score and bridge.brightness < 0.7 for bridge in dark)


def test_the_raw_image_is_evidence_where_the_segmentation_is_a_mask():
    mask = np.where(curved_gap(0) > 0, np.uint8(255), np.uint8(0))
    image = 100.0 + 5.0 * curved_gap(160).astype(np.float32)
    (plain,) = trace_volume(mask, Grid(), TraceConfig(max_gap=20.0)).bridges
    (seen,) = trace_volume(mask, Grid(), TraceConfig(max_gap=20.0), image=image).bridges
    assert plain.brightness == 1.0 and plain.path_zyx[:, 1].max() < 11.0
    assert seen.path_zyx[:, 1].max() > 11.5
    assert seen.length > plain.length


def test_a_rejected_bridge_is_not_built_and_keeps_its_id():
    stack = tube_with_gap(7)
    first = trace_volume(stack, Grid())
    (bridge,) = first.bridges
    again = trace_volume(stack, Grid(), TraceConfig(rejected=frozenset({bridge.id})))
    assert len(again.neurons) == 2 and again.bridge_count == 0
    (doubt,) = [doubt for doubt in again.doubts if doubt.id == bridge.id]
    assert doubt.verdict == "rejected" and not doubt.done
    assert bridge.id in ids(first)


def test_an_accepted_candidate_is_built_although_its_score_is_too_low():
    stack = tube_with_gap(14)
    first = trace_volume(stack, Grid())
    assert len(first.neurons) == 2
    (doubt,) = [doubt for doubt in first.doubts if doubt.kind == "bridge"]
    assert not doubt.done and doubt.verdict is None
    assert np.abs(doubt.point_zyx - (10, 12, 46.5)).max() < 2.0
    again = trace_volume(stack, Grid(), TraceConfig(accepted=frozenset({doubt.id})))
    assert len(again.neurons) == 1 and [bridge.id for bridge in again.bridges] == [doubt.id]
    assert [one.verdict for one in again.doubts if one.id == doubt.id] == ["accepted"]


def test_verdicts_that_fit_nothing_or_contradict_are_refused():
    stack = tube_with_gap(7)
    with pytest.raises(InputError, match="bridge-0"):
        trace_volume(stack, Grid(), TraceConfig(accepted=frozenset({"bridge-0"})))
    both = frozenset({"bridge-0"})
    with pytest.raises(InputError, match="both accepted and rejected"):
        trace_volume(stack, Grid(), TraceConfig(accepted=both, rejected=both))


def test_doubts_are_ranked_from_the_most_doubtful():
    gaps = drawn(joined(*(polyline((10, y, 6), (10, y, 94)) for y in (12, 52, 92))), (20, 104, 100))
    for y, length in ((12, 2), (52, 6), (92, 9)):
        gaps[:, y - 5 : y + 6, 40 : 40 + length] = 0
    result = trace_volume(gaps, Grid(), TraceConfig(keep_fragments=True))
    found = [doubt for doubt in result.doubts if doubt.kind == "bridge" and doubt.done]
    assert [round(doubt.point_zyx[1]) for doubt in found][:2] == [92, 52]
    assert [doubt.score for doubt in found] == sorted(doubt.score for doubt in found)


def beads(offset):
    """A tube of which 44 voxels have left eight beads, each `offset` (8, 2) off in z and y."""
    stack = tube_with_gap(44, start=26)
    for number, (z, y) in enumerate(offset):
        x = 30 + 5 * number
        stack[9 + z : 12 + z, 11 + y : 14 + y, x : x + 2] = 255
    return stack


def test_a_string_of_beads_carries_a_neurite_and_strewn_specks_do_not():
    on_line = np.tile([[0, 0], [1, 0], [0, 1], [0, 0]], (2, 1))
    result = trace_volume(beads(on_line), Grid())
    assert result.bridge_count == 1 and len(result.neurons) == 1
    assert result.neurons[0].length == pytest.approx(88, abs=5)
    strewn = np.array([[0, 0], [7, -7], [-8, 6], [5, 8], [-7, -9], [7, 3], [-8, -3], [0, 0]])
    assert trace_volume(beads(strewn), Grid(), TraceConfig(max_gap=10.0)).bridge_count == 0


@pytest.mark.parametrize("gap", [8, 10])
def test_a_fibre_broken_beside_another_goes_on_to_itself_alone(gap):
    """It passes the other at a right angle, 2 voxels from its surface."""
    along, across = polyline((8, 30, 6), (8, 30, 94)), polyline((14, 4, 50), (14, 56, 50))
    stack = drawn(along, (22, 60, 100))
    broken = drawn(across, (22, 60, 100))
    broken[:, 30 - gap // 2 : 30 + gap // 2] = 0
    result = trace_volume(np.maximum(stack, broken), Grid())
    assert [round(tree.length / 10) for tree in result.neurons] == [9, 5]
    assert result.bridge_count == 1


def test_beads_that_follow_an_end_are_its_neurite_where_specks_are_rare():
    stack = np.zeros((60, 60, 160), np.uint8)
    stack[:20, :24, :100] = drawn(polyline((10, 12, 6), (10, 12, 60)), SHAPE)
    lone = np.random.default_rng(3).uniform((25, 25, 5), (55, 55, 155), (24, 3)).astype(int)
    for z, y, x in lone:
        stack[z : z + 2, y : y + 2, x : x + 2] = 255
    (without,) = trace_volume(stack, Grid()).neurons
    assert without.point_zyx[:, 2].max() < 62
    for x in range(65, 90, 5):
        stack[9:12, 11:14, x : x + 2] = 255
    (beaded,) = trace_volume(stack, Grid()).neurons
    assert 84 < beaded.point_zyx[:, 2].max() < 88
    assert beaded.length == pytest.approx(80, abs=4)


def beside_a_trunk(*tubes, others=30):
    """A trunk along x at z = 10, y = 12, and what leads to it, among lines far away."""
    return among_others(polyline((10, 12, 5), (10, 12, 145)), *tubes, others=others)


def test_a_gap_behind_a_fork_is_as_long_as_it_is_dark():
    """What is left of a twig sticks out of its trunk, too little for a branch, and has no tip."""
    stub, twig = polyline((10, 12, 70), (10, 15.5, 70)), polyline((10, 26, 70), (10, 60, 70))
    (to_stub,) = trace_volume(beside_a_trunk(twig, stub), Grid()).bridges
    (to_side,) = trace_volume(beside_a_trunk(twig), Grid()).bridges
    assert to_side.gap - to_stub.gap == pytest.approx(3.0, abs=1.0)
    assert to_stub.score > to_side.score + 0.2


def test_specks_lead_to_a_side_too():
    """12 voxels are too far for a bridge, but not with a bead on the way."""
    twig, bead = polyline((10, 27, 70), (10, 60, 70)), polyline((10, 19, 70), (10, 21, 70))
    apart = trace_volume(beside_a_trunk(twig, others=20), Grid(), TraceConfig(max_gap=10.0))
    assert apart.bridge_count == 0
    beaded = beside_a_trunk(twig, bead, others=20)
    result = trace_volume(beaded, Grid(), TraceConfig(max_gap=10.0))
    assert result.bridge_count == 1
    assert (np.abs(result.neurons[0].point_zyx - (10, 20, 70)).max(axis=1) < 2).any()
    aside = beside_a_trunk(twig, polyline((10, 19, 82), (10, 21, 82)), others=20)
    assert trace_volume(aside, Grid(), TraceConfig(max_gap=10.0)).bridge_count == 0


def test_a_scrap_needs_better_evidence_than_what_is_longer_than_its_gap():
    """A bent way to 6 voxels of something would add more that is wrong than it could add right."""
    trunk = polyline((10, 12, 5), (10, 12, 60))

    def found(length):
        beyond = polyline((10, 20, 68), (10, 20 + length, 68 + length))
        return trace_volume(drawn(joined(trunk, beyond), (20, 60, 110)), Grid())

    assert found(30).bridge_count == 1
    assert found(30).bridges[0].score < 0.3
    assert found(6).bridge_count == 0
