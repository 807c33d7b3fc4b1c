from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurorecon.morphology import SOMA, Morphology
from neurorecon.simulation.config import SimulationConfig
from neurorecon.simulation.optics import blur, detect, dim_with_depth, draw_neuron, splat

CONFIG = SimulationConfig(voxel_size_zyx_um=(2.0, 1.0, 0.5), psf_sigma_um=(0.2, 0.1))
SIZE = np.array(CONFIG.voxel_size_zyx_um)


def tube(start_zyx, end_zyx, radius, kind=0):
    return Morphology(
        np.array([start_zyx, end_zyx], float),
        np.full(2, float(radius)),
        np.array([-1, 0]),
        np.full(2, kind),
        unit="um",
    )


def centroid(light):
    return np.array([(grid * light).sum() / light.sum() for grid in np.indices(light.shape)])


@given(st.tuples(*[st.floats(0.0, n - 1.0) for n in (7, 11, 13)]), st.floats(0.1, 10.0))
def test_splat_keeps_mass_and_place(index, mass):
    light = np.zeros((7, 11, 13), np.float32)
    splat(light, np.array([index]), np.array([mass]))
    assert light.sum() == pytest.approx(mass, rel=1e-5)
    assert centroid(light) == pytest.approx(index, abs=1e-4)


def test_splat_loses_what_lies_outside():
    light = np.zeros((7, 11, 13), np.float32)
    splat(light, np.array([[-1.5, 3.0, 3.0], [3.0, 11.0, 3.0]]), np.ones(2))
    assert not light.any()


def test_tilted_tube_has_the_light_of_its_volume_in_its_place():
    start, end, radius = (5.0, 3.0, 2.0), (9.0, 8.0, 4.5), 1.0
    light = np.zeros((7, 11, 13), np.float32)
    rng = np.random.default_rng(0)
    draw_neuron(light, tube(start, end, radius), np.ones(2), CONFIG, rng)
    length = np.linalg.norm(np.subtract(end, start))
    assert light.sum() == pytest.approx(np.pi * radius**2 * length / SIZE.prod(), rel=1e-4)
    assert centroid(light) * SIZE == pytest.approx((np.array(start) + end) / 2, abs=0.15)


def test_soma_has_the_light_of_a_ball():
    light = np.zeros((17, 25, 45), np.float32)
    ball = Morphology(
        np.array([[16.0, 12.0, 11.0]]), np.array([5.0]), np.array([-1]), np.array([SOMA])
    )
    draw_neuron(light, ball, np.ones(1), CONFIG, np.random.default_rng(0))
    assert light.sum() == pytest.approx(4 / 3 * np.pi * 5.0**3 / SIZE.prod(), rel=1e-4)


@pytest.mark.parametrize("exponent", [2.0, 1.0, 0.0])
def test_thin_neurite_dims_with_its_calibre_to_the_given_power(exponent):
    config = SimulationConfig((0.2, 0.2, 0.2), psf_sigma_um=(0.8, 0.4), thin_exponent=exponent)
    peak = []
    for radius in (0.05, 0.2):
        light = np.zeros((41, 41, 41), np.float32)
        thin = tube((4.0, 4.0, 0.0), (4.0, 4.0, 8.0), radius)
        draw_neuron(light, thin, np.ones(2), config, np.random.default_rng(0))
        peak.append(blur(light, config)[20, 20, 20])
    assert peak[0] / peak[1] == pytest.approx(0.25**exponent, rel=0.15)


def test_blur_has_the_width_of_the_psf_in_micrometres():
    config = replace(CONFIG, psf_sigma_um=(3.0, 1.5))
    light = np.zeros((21, 31, 51), np.float32)
    light[10, 15, 25] = 1.0
    blurred = blur(light, config)
    for axis, sigma_um in enumerate((3.0, 1.5, 1.5)):
        profile = blurred.sum(axis=tuple({0, 1, 2} - {axis}))
        away = (np.arange(len(profile)) - light.shape[axis] // 2) * SIZE[axis]
        width = np.sqrt((profile * away**2).sum() / profile.sum())
        assert width == pytest.approx(sigma_um, rel=0.05)


def test_light_falls_to_one_over_e_at_the_attenuation_length():
    light = np.ones((11, 2, 2), np.float32)
    dim_with_depth(light, replace(CONFIG, attenuation_length_um=20.0))
    assert light[0] == pytest.approx(1.0)
    assert light[10] == pytest.approx(np.exp(-1.0))


@settings(max_examples=20, deadline=None)
@given(
    brightness=st.floats(0.2, 0.9),
    photons=st.floats(100, 400),
    read_noise=st.floats(0, 3),
    seed=st.integers(0, 100),
)
def test_noise_is_that_of_photons_and_detector(brightness, photons, read_noise, seed):
    config = replace(CONFIG, photons=photons, read_noise=read_noise, exposure=0.3, bit_depth=16)
    light = np.full((4, 100, 100), brightness, np.float32)
    counted = detect(light, config, np.random.default_rng(seed)) / (0.3 * 65535 / photons)
    assert counted.mean() == pytest.approx(brightness * photons, rel=0.02)
    assert counted.var() == pytest.approx(brightness * photons + read_noise**2, rel=0.08)


def test_detector_clips_and_subtracts_the_black_level():
    config = replace(CONFIG, photons=1e4, read_noise=0.0, exposure=1.0, black_level=0.5)
    light = np.stack([np.full((9, 9), value, np.float32) for value in (0.0, 0.25, 0.75, 3.0)])
    counted = detect(light, config, np.random.default_rng(0))
    assert counted.dtype == np.uint8
    assert not counted[:2].any()
    assert counted[2].mean() == pytest.approx(0.25 * 255, rel=0.05)
    assert (counted[3] == 255).all()
