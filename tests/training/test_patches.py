from dataclasses import replace

import numpy as np
import pytest

from neurorecon.config import AugmentConfig, TrainConfig
from neurorecon.model.intensity import IntensityScale
from neurorecon.training.augment import change_look, resample, turn
from neurorecon.training.labels import BACKGROUND, IGNORED, NEURITE
from neurorecon.training.patches import PatchSampler, TrainingStack

PATCH = (8, 16, 16)
CONFIG = TrainConfig(batch_size=3, patch_zyx=PATCH)
PLAIN = AugmentConfig(
    zoom_share=0,
    elastic_share=0,
    gain=(1, 1),
    gamma=(1, 1),
    offset=0,
    gradient=0,
    blur_share=0,
    noise=0,
)


def _stack(shape: tuple[int, int, int] = (30, 40, 50)) -> TrainingStack:
    """Intensity 10 and label NEURITE in one far corner, 0 elsewhere."""
    label = np.full(shape, BACKGROUND, np.uint8)
    label[-2:, -2:, -2:] = NEURITE
    array = (label == NEURITE).astype(np.uint8) * 10
    return TrainingStack("corner", array, IntensityScale(0, 10), label)


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    first, second = PatchSampler([_stack()], CONFIG), PatchSampler([_stack()], CONFIG)
    first.batch(0)
    for a, b in zip(first.batch(5), second.batch(5), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (first.batch(5)[0] != first.batch(6)[0]).any()
    assert (
        PatchSampler([_stack()], replace(CONFIG, seed=1)).batch(5)[0] != first.batch(5)[0]
    ).any()


def test_images_and_labels_stay_together() -> None:
    sampler = PatchSampler([_stack()], replace(CONFIG, augment=PLAIN, near_neurite=1.0))
    for step in range(5):
        images, labels = sampler.batch(step)
        assert images.shape == labels.shape == (3, 1, *PATCH)
        np.testing.assert_array_equal(images > 0.5, labels == NEURITE)
        assert (labels == NEURITE).any(axis=(1, 2, 3, 4)).all()  # each crop is near neurite


def test_a_stack_smaller_than_a_crop_is_mirrored_and_its_mirror_ignored() -> None:
    config = replace(CONFIG, augment=PLAIN)
    images, labels = PatchSampler([_stack((5, 16, 16))], config).batch(0)
    assert images.shape == (3, 1, *PATCH)
    assert ((labels == IGNORED).sum(axis=(1, 2, 3, 4)) == 3 * 16 * 16).all()


def test_without_labels_every_voxel_is_ignored() -> None:
    stack = replace(_stack(), label=None)
    _, labels = PatchSampler([stack], CONFIG).batch(0)
    assert (labels == IGNORED).all()


@pytest.mark.parametrize("seed", range(5))
def test_turning_moves_image_and_label_alike_and_loses_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = rng.random((3, 5, 5), np.float32)
    label = (image > 0.5).astype(np.uint8)
    turned, turned_label = turn(image, label, rng)
    np.testing.assert_array_equal(turned > 0.5, turned_label == 1)
    np.testing.assert_array_equal(np.sort(turned, axis=None), np.sort(image, axis=None))


def test_resampling_keeps_places_and_label_values() -> None:
    label = np.zeros((4, 6, 8), np.uint8)
    label[:, :, 4:] = IGNORED
    image = (label == IGNORED).astype(np.float32)
    resampled, resampled_label = resample(image, label, (8, 6, 16))
    assert resampled.shape == resampled_label.shape == (8, 6, 16)
    assert set(np.unique(resampled_label)) == {BACKGROUND, IGNORED}
    assert (resampled_label[:, :, 8:] == IGNORED).all() and (resampled[:, :, 9:] > 0.9).all()


def test_the_look_changes_within_bounds() -> None:
    image = np.zeros((6, 7, 8), np.float32)
    changed = [
        change_look(image, AugmentConfig(), np.random.default_rng(seed)) for seed in range(20)
    ]
    assert all(array.dtype == np.float32 and np.isfinite(array).all() for array in changed)
    assert max(np.abs(array).max() for array in changed) < 1.5
    assert len({array.tobytes() for array in changed}) == len(changed)
