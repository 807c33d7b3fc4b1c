"""Raw stacks without a network: what stands out is found, whatever the background and voxels."""

import tracemalloc

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from neurorecon.segmentation.classical import BYTES_PER_VOXEL, brightened


def tube(shape, start, end, radius, voxel_size=(1, 1, 1)) -> np.ndarray:
    """Whether each voxel lies in a straight tube; physical coordinates."""
    points = np.moveaxis(np.indices(shape), 0, -1) * np.asarray(voxel_size, float)
    start, along = np.asarray(start, float), np.subtract(end, start)
    part = np.clip(((points - start) @ along) / (along @ along), 0, 1)
    return np.linalg.norm(points - start - part[..., None] * along, axis=-1) <= radius


def agreement(found: np.ndarray, truth: np.ndarray) -> float:
    """Dice."""
    return 2 * (found & truth).sum() / (found.sum() + truth.sum())


@pytest.mark.parametrize("offset", [0.0, 100.0, 3000.0])
@pytest.mark.parametrize("slope", [0.0, 1.0])
def test_a_neurite_is_found_on_any_background(offset, slope):
    shape = (24, 50, 60)
    truth = tube(shape, (12, 8, 5), (12, 42, 55), 2.0)
    rng = np.random.default_rng(1)
    background = offset + slope * np.arange(60)
    stack = background + 90 * gaussian_filter(truth.astype(float), 0.7) + rng.normal(0, 3, shape)
    assert agreement(brightened(stack, (1, 1, 1)) >= 128, truth) > 0.7


def test_half_way_is_the_threshold_and_brightness_does_not_matter():
    truth = tube((20, 30, 40), (10, 5, 5), (10, 25, 35), 2.0)
    stack = 10 + 90 * gaussian_filter(truth.astype(float), 1.0)
    one, other = (brightened(stack * gain, (1, 1, 1)) for gain in (1.0, 37.0))
    assert np.abs(one.astype(int) - other).max() <= 1


def test_reach_follows_the_voxel_size():
    size = (3.0, 1.0, 1.0)
    truth = tube((20, 50, 60), (30, 8, 5), (30, 42, 55), 2.5, size)
    stack = 10 + 90 * gaussian_filter(truth.astype(float), (0.3, 1, 1))
    stack += np.random.default_rng(2).normal(0, 3, truth.shape)
    aware = brightened(stack, size) >= 128
    assert agreement(aware, truth) > 0.7
    assert agreement(aware, truth) > agreement(brightened(stack, (1, 1, 1)) >= 128, truth)


def test_a_cell_body_is_not_hollow():
    shape = (40, 70, 70)
    body = tube(shape, (20, 35, 35), (20, 35, 35.1), 12.0)
    truth = body | tube(shape, (20, 35, 35), (20, 60, 65), 2.0)
    stack = 10 + 90 * gaussian_filter(truth.astype(float), 1.0)
    stack += np.random.default_rng(3).normal(0, 2, shape)
    found = brightened(stack, (1, 1, 1)) >= 128
    core = tube(shape, (20, 35, 35), (20, 35, 35.1), 9.0)
    assert found[core].mean() > 0.95


def test_a_black_stack_with_one_bright_voxel_does_not_fail():
    stack = np.zeros((5, 6, 7), np.uint16)
    stack[2, 3, 4] = 4000
    found = brightened(stack, (1, 1, 1))
    assert found[2, 3, 4] >= 128
    assert found.dtype == np.uint8


def test_memory_is_what_is_said_before_the_run():
    stack = np.random.default_rng(0).poisson(20, (30, 100, 100)).astype(np.uint16)
    stack[14:17, :, 48:52] += 200
    tracemalloc.start()
    try:
        brightened(stack, (2, 1, 1))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak / stack.size <= BYTES_PER_VOXEL + 1
