import numpy as np
import pytest

from neurorecon.morphology import SOMA, Morphology
from neurorecon.simulation.branches import known_radii, subdivide, to_micrometres, vary
from neurorecon.simulation.config import SimulationConfig

# Rows are not parent first: row 2 is the root.
FORKED = Morphology(
    np.array([[0.0, 3.0, 0.0], [0.0, 7.0, 4.0], [0.0, 0.0, 0.0], [2.0, 3.0, 0.0]]),
    np.array([1.0, 0.5, 2.0, 0.0]),
    np.array([2, 0, -1, 0]),
    np.array([3, 3, 3, 3]),
    unit="um",
)


def test_subdivide_keeps_the_tree():
    fine = subdivide(FORKED, 0.3)
    assert fine.edge_length.max() <= 0.3 + 1e-9
    assert fine.length == pytest.approx(FORKED.length)
    assert len(fine.roots) == 1
    assert len(fine.forks) == len(FORKED.forks) == 1
    assert len(fine.tips) == len(FORKED.tips) == 3
    np.testing.assert_array_equal(fine.point_zyx[:4], FORKED.point_zyx)
    np.testing.assert_array_equal(np.sort(fine.parent_first), np.arange(len(fine)))


def test_subdivide_interpolates_calibre_along_a_neurite():
    cone = Morphology(
        np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 10.0]]),
        np.array([2.0, 1.0]),
        np.array([-1, 0]),
        np.array([3, 3]),
        unit="um",
    )
    fine = subdivide(cone, 0.5)
    assert fine.radius == pytest.approx(2.0 - fine.point_zyx[:, 2] / 10.0)


def test_neurite_keeps_its_calibre_up_to_the_soma():
    cell = Morphology(
        np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 10.0]]),
        np.array([5.0, 0.5]),
        np.array([-1, 0]),
        np.array([SOMA, 3]),
        unit="um",
    )
    fine = subdivide(cell, 1.0)
    assert fine.radius[0] == 5.0
    assert fine.radius[1:] == pytest.approx(0.5)
    assert (fine.kind == SOMA).sum() == 1


def test_voxels_become_micrometres_with_radii_measured_in_the_plane():
    voxels = Morphology(np.array([[1.0, 2.0, 3.0]]), np.array([4.0]), np.array([-1]), np.array([0]))
    tree = to_micrometres(voxels, (3.0, 2.0, 0.5))
    assert tree.unit == "um"
    assert tree.point_zyx[0] == pytest.approx((3.0, 4.0, 1.5))
    assert tree.radius[0] == pytest.approx(2.0)
    assert to_micrometres(tree, (3.0, 2.0, 0.5)) is tree


def test_unknown_radii_take_the_middle_of_the_known_ones_or_the_fallback():
    assert known_radii(FORKED, 9.0).radius == pytest.approx([1.0, 0.5, 2.0, 1.0])
    nothing_known = Morphology(
        FORKED.point_zyx, np.array([0.0, -1.0, 0.0, 0.0]), FORKED.parent, FORKED.kind, "um"
    )
    assert known_radii(nothing_known, 9.0).radius == pytest.approx(9.0)


def long_line(length=2000.0):
    ends = Morphology(
        np.array([[0.0, 0.0, 0.0], [0.0, 0.0, length]]),
        np.array([5.0, 1.0]),
        np.array([-1, 0]),
        np.array([SOMA, 3]),
        unit="um",
    )
    return subdivide(ends, 0.5)


def test_calibre_and_brightness_vary_and_somas_do_not():
    config = SimulationConfig(swelling=0.0, gap_share=0.0)
    drawn, brightness = vary(long_line(), config, np.random.default_rng(1))
    assert drawn.radius[0] == 5.0
    assert brightness[0] == 1.0
    assert np.log(drawn.radius[1:]).std() == pytest.approx(config.calibre_variation, rel=0.15)
    assert np.log(brightness[1:]).std() == pytest.approx(config.brightness_variation, rel=0.25)
    along = np.argsort(drawn.point_zyx[:, 2])[1:]
    log_radius = np.log(drawn.radius[along])
    near = np.corrcoef(log_radius[:-1], log_radius[1:])[0, 1]
    assert near == pytest.approx(np.exp(-0.5 / config.calibre_length_um), abs=0.05)


def test_swellings_only_widen_and_stay_a_minority():
    config = SimulationConfig(calibre_variation=0.0, swelling=1.0, bouton_share=0.0)
    drawn, _ = vary(long_line(), config, np.random.default_rng(1))
    assert drawn.radius[1:].min() == pytest.approx(1.0)
    assert 0.02 < (drawn.radius[1:] > 1.05).mean() < 0.25


def test_every_tip_can_end_in_a_bouton():
    config = SimulationConfig(calibre_variation=0.0, swelling=1.0, bouton_share=1.0)
    drawn, _ = vary(long_line(), config, np.random.default_rng(1))
    at_tip = drawn.point_zyx[:, 2] > 1999.0
    assert drawn.radius[at_tip] == pytest.approx(2.0)


def test_gaps_take_their_share_of_the_length():
    config = SimulationConfig(brightness_variation=0.0, gap_share=0.2, gap_brightness=0.1)
    _, brightness = vary(long_line(), config, np.random.default_rng(1))
    assert (brightness < 0.55).mean() == pytest.approx(0.2, abs=0.02)
    assert brightness.min() == pytest.approx(0.1, abs=0.03)
    assert np.median(brightness) == pytest.approx(1.0, abs=0.02)
