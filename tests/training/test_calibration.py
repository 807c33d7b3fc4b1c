import numpy as np
import pytest

from neurorecon.model.intensity import IntensityScale
from neurorecon.training.calibration import calibrate
from neurorecon.training.labels import BACKGROUND, NEURITE
from neurorecon.training.patches import TrainingStack

MULTIPLE = (8, 8, 8)


def _sigmoid(windows: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-windows))


def _stack(neurite_logit: float, background_logit: float, label: bool = True) -> TrainingStack:
    """Intensities are the logits that the network below gives."""
    truth = np.full((20, 70, 30), BACKGROUND, np.uint8)
    if label:
        truth[5:9, 10:60, 12:16] = NEURITE
    rng = np.random.default_rng(0)
    logits = np.where(truth == NEURITE, neurite_logit, background_logit)
    logits = logits + rng.uniform(-0.5, 0.5, truth.shape)
    return TrainingStack("s", logits.astype(np.float32), IntensityScale(0, 1), truth)


class _Identity(IntensityScale):
    def __call__(self, array: np.ndarray) -> np.ndarray:
        return array


def _with_logits(stack: TrainingStack) -> TrainingStack:
    return TrainingStack(stack.name, stack.array, _Identity(0, 1), stack.label)


def test_the_logit_lies_between_background_and_neurite() -> None:
    stack = _with_logits(_stack(neurite_logit=6.0, background_logit=3.0))
    found = calibrate([stack], _sigmoid, MULTIPLE, batch_size=2, seed=0)
    assert found is not None
    assert 3.4 <= found.logit <= 5.6
    assert found.dice == pytest.approx(1.0)


def test_one_stack_with_an_incomplete_gold_does_not_move_it() -> None:
    good = [_with_logits(_stack(6.0, 3.0)) for _ in range(2)]
    odd = _with_logits(_stack(11.0, 9.0))
    alone = calibrate(good, _sigmoid, MULTIPLE, 2, seed=0)
    found = calibrate([*good, odd], _sigmoid, MULTIPLE, 2, seed=0)
    assert alone is not None and found is not None and found.logit == pytest.approx(alone.logit)


def test_without_neurite_there_is_nothing_to_calibrate() -> None:
    empty = _with_logits(_stack(0.0, 0.0, label=False))
    assert calibrate([empty], _sigmoid, MULTIPLE, 2, seed=0) is None
