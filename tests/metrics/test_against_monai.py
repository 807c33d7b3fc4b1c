"""Scores of masks equal those of MONAI, SciPy and scikit-image."""

import warnings

import numpy as np
import pytest
import skimage.measure
import skimage.metrics
from scipy.spatial.distance import directed_hausdorff

from neurorecon.metrics.skeleton import morphological_skeleton
from neurorecon.metrics.surface import hd95, nearest_distance, surface
from neurorecon.metrics.voxel import compare_masks, dice

# MONAI warns about its own arguments.
pytestmark = pytest.mark.filterwarnings("ignore:.*always_return_as_numpy:FutureWarning")

SHAPE = (7, 11, 13)
SIZE = (2.0, 1.0, 0.5)


def blobs(seed, shape=SHAPE):
    """Two overlapping random masks with inner and border voxels."""
    random = np.random.default_rng(seed)
    first, second = np.zeros((2, *shape), bool)
    for mask in (first, second):
        mask[tuple(_random_box(random, shape))] = True
    speckle = random.random(shape) < 0.02
    return first | speckle, first ^ second


def _random_box(random, shape):
    return [slice(low, low + random.integers(2, 9)) for low in random.integers(0, 5, len(shape))]


@pytest.fixture(scope="module")
def monai_metrics():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its imports, which are not ours to mend
        import monai.losses.cldice
        import monai.metrics

        return monai


def _batch(mask):
    import torch

    return torch.from_numpy(mask[None, None].astype(np.float32))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("size", [None, SIZE])
def test_equals_monai(monai_metrics, seed, size):
    test, gold = blobs(seed)
    pair = {"y_pred": _batch(test), "y": _batch(gold), "include_background": True}
    expected_hd95 = monai_metrics.metrics.compute_hausdorff_distance(
        **pair, percentile=95, spacing=size
    ).item()
    # Every distance is the same; MONAI's percentile is rounded to float32.
    assert hd95(test, gold, size or (1, 1, 1)) == pytest.approx(expected_hd95, rel=1e-5)
    assert dice(test, gold) == pytest.approx(
        monai_metrics.metrics.compute_dice(**pair).item(), rel=1e-6
    )


@pytest.mark.parametrize("seed", range(3))
def test_surfaces_equal_monais(monai_metrics, seed):
    """Every single distance, not just a percentile."""
    test, gold = blobs(seed)
    utils = monai_metrics.metrics.utils
    test_edge, gold_edge = utils.get_mask_edges(test, gold)
    of_test, of_gold = (np.argwhere(surface(mask)).astype(np.int32) for mask in (test, gold))
    to_gold = nearest_distance(of_test, of_gold, SIZE)
    to_test = nearest_distance(of_gold, of_test, SIZE)
    expected = utils.get_surface_distance(test_edge, gold_edge, spacing=SIZE)
    np.testing.assert_array_equal(to_gold.astype(np.float32), expected)
    expected = utils.get_surface_distance(gold_edge, test_edge, spacing=SIZE)
    np.testing.assert_array_equal(to_test.astype(np.float32), expected)


@pytest.mark.parametrize("seed", range(4))
def test_skeleton_equals_that_of_the_cldice_paper(monai_metrics, seed):
    mask = blobs(seed)[0]
    expected = monai_metrics.losses.cldice.soft_skel(_batch(mask), 20)[0, 0].numpy() > 0.5
    np.testing.assert_array_equal(morphological_skeleton(mask), expected)


@pytest.mark.parametrize("seed", range(4))
def test_mean_surface_distances_equal_monais(monai_metrics, seed):
    test, gold = blobs(seed)
    found = compare_masks(test, gold, SIZE).surface
    for ours, pair, symmetric in (
        (found.mean.test_to_gold, (test, gold), False),
        (found.mean.gold_to_test, (gold, test), False),
        (found.mean.both, (test, gold), True),
    ):
        expected = monai_metrics.metrics.compute_average_surface_distance(
            y_pred=_batch(pair[0]),
            y=_batch(pair[1]),
            include_background=True,
            symmetric=symmetric,
            spacing=SIZE,
        ).item()
        assert ours == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_hausdorff_equals_scipys_and_scikit_images(seed):
    test, gold = blobs(seed)
    outlines = surface(test), surface(gold)
    points = [np.argwhere(outline) * SIZE for outline in outlines]
    expected = max(directed_hausdorff(*points)[0], directed_hausdorff(*points[::-1])[0])
    assert compare_masks(test, gold, SIZE).surface.hausdorff.both == pytest.approx(expected)
    in_voxels = skimage.metrics.hausdorff_distance(*outlines)
    assert compare_masks(test, gold).surface.hausdorff.both == pytest.approx(in_voxels)


@pytest.mark.parametrize("seed", range(4))
def test_overlap_and_components_equal_scikit_images(seed):
    test, gold = blobs(seed)
    scores = compare_masks(test, gold)
    table = skimage.metrics.contingency_table(gold.astype(int), test.astype(int)).toarray()
    (_, extra), (missed, shared) = table
    assert scores.iou == pytest.approx(shared / (shared + extra + missed))
    assert scores.overlap.precision == pytest.approx(shared / (shared + extra))
    assert scores.overlap.recall == pytest.approx(shared / (shared + missed))
    for mask, count in ((test, scores.test_components), (gold, scores.gold_components)):
        assert skimage.measure.label(mask, connectivity=3).max() == count
