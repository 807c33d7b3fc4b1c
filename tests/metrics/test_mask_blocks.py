"""Scores of masks do not depend on where a stack is cut into blocks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from neurorecon.metrics.blocks import plan_blocks
from neurorecon.metrics.components import ComponentCounter
from neurorecon.metrics.curve import threshold_curve
from neurorecon.metrics.masks import scan_values, tree_mask
from neurorecon.metrics.skeleton import DEEPEST
from neurorecon.metrics.voxel import compare_blocks, compare_masks
from neurorecon.morphology import Morphology

SIZE = (2.0, 1.0, 0.5)
shapes = st.tuples(st.integers(1, 30), st.integers(1, 30), st.integers(1, 30))


def smooth_noise(seed, shape, sigma):
    return ndimage.gaussian_filter(np.random.default_rng(seed).random(shape), sigma)


def smooth_mask(seed, shape, sigma, share):
    noise = smooth_noise(seed, shape, sigma)
    return noise > np.quantile(noise, 1 - share)


def in_blocks(test, gold, voxels):
    return compare_blocks(test.__getitem__, gold.__getitem__, gold.shape, SIZE, voxels)


@given(shapes, st.integers(1, 3000))
@settings(max_examples=60, deadline=None)
def test_blocks_cover_the_stack_once(shape, voxels):
    times = np.zeros(shape, int)
    for block in plan_blocks(shape, voxels):
        assert times[block.core].size
        times[block.core] += 1
    assert (times == 1).all()


@given(shapes, st.integers(20, 3000))
@settings(max_examples=60, deadline=None)
def test_blocks_are_no_larger_than_asked(shape, voxels):
    sizes = [np.prod([s.stop - s.start for s in b.core]) for b in plan_blocks(shape, voxels)]
    assert max(sizes) <= voxels


@given(
    shapes,
    st.integers(300, 5000),
    st.floats(0.3, 4.0),
    st.tuples(st.floats(0.02, 0.98), st.floats(0.02, 0.98)),
    st.integers(0, 99),
)
@settings(max_examples=25, deadline=None)
def test_scores_of_blocks_are_those_of_the_whole_stack(shape, voxels, sigma, shares, seed):
    """Equal, not close: thin and thick masks, nearly empty and nearly full."""
    test = smooth_mask(seed, shape, sigma, shares[0])
    gold = smooth_mask(seed + 1, shape, sigma, shares[1])
    assert in_blocks(test, gold, voxels) == in_blocks(test, gold, 10**9)


def test_a_body_thicker_than_any_halo_is_cut_without_a_trace():
    ball = np.zeros((150, 160, 170), bool)
    z, y, x = np.ogrid[:150, :160, :170]
    ball[(z - 75) ** 2 + (y - 80) ** 2 + (x - 85) ** 2 <= (DEEPEST + 8) ** 2] = True
    tube = np.zeros_like(ball)
    tube[70:75, 78:83] = True
    assert in_blocks(ball, tube, 1 << 20) == compare_masks(ball, tube, SIZE)


def test_a_path_of_diagonal_steps_is_one_component():
    """Its voxels share corners only, and it crosses faces, edges and corners of the blocks."""
    random = np.random.default_rng(4)
    shape = (24, 40, 41)
    place, mask = np.array([8, 20, 20]), np.zeros(shape, bool)
    for _ in range(2000):
        mask[tuple(place)] = True
        step = random.choice([-1, 1], 3)
        outside = (place + step < 0) | (place + step >= shape)
        place = place + np.where(outside, -step, step)
    assert ndimage.label(mask)[1] == mask.sum()  # no two share a face
    for voxels in (8, 64, 333, 4096):
        counter = ComponentCounter()
        for block in plan_blocks(mask.shape, voxels):
            counter.add(mask[block.overlapping()], block)
        assert counter.total() == 1


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_curve_of_blocks_is_that_of_the_whole_stack(dtype):
    shape = (20, 30, 41)
    gold, noise = smooth_mask(1, shape, 1.5, 0.1), smooth_noise(2, shape, 0.5)
    probability = np.clip(0.4 * gold + noise, 0, 1)
    probability = (probability * (255 if dtype == np.uint8 else 1)).astype(dtype)
    readers = probability.__getitem__, gold.__getitem__, shape, np.dtype(dtype)
    curve, whole = threshold_curve(*readers, 1000), threshold_curve(*readers)
    np.testing.assert_array_equal(curve.precision, whole.precision)
    np.testing.assert_array_equal(curve.recall, whole.recall)
    assert curve.average_precision == whole.average_precision


@given(st.lists(st.sampled_from([0, 0, 0, 1, 7, 255]), min_size=1, max_size=40), st.data())
def test_values_of_blocks_are_those_of_the_whole_stack(values, data):
    stack = np.array(values, np.uint8).reshape(1, 1, -1)
    cut = data.draw(st.integers(0, len(values)))
    blocks = [stack[..., :cut], stack[..., cut:]]
    found = scan_values(block for block in blocks if block.size)
    assert found == scan_values([stack])
    assert found.is_mask == (len(set(values) - {0}) <= 1)


def test_a_tree_drawn_into_blocks_is_the_tree_drawn_into_the_stack():
    random = np.random.default_rng(3)
    point = np.cumsum(random.normal(0, 3, (80, 3)), axis=0) + np.array([20, 30, 40])
    parent = np.maximum(np.arange(80) - random.integers(1, 4, 80), 0)
    parent[0] = -1
    tree = Morphology(point, np.ones(80), parent, np.zeros(80, int))
    whole = tree_mask(tree, (41, 61, 83))
    assert whole.any()
    for block in plan_blocks(whole.shape, 3000):
        box = block.padded(3)
        shape, first = [s.stop - s.start for s in box], [s.start for s in box]
        np.testing.assert_array_equal(tree_mask(tree, shape, first_zyx=first), whole[box])
