import numpy as np
import pytest
import torch

from neurorecon.commands.train import calibrate_weights
from neurorecon.model.config import StudentConfig
from neurorecon.model.intensity import IntensityScale
from neurorecon.model.runtime import Compute
from neurorecon.model.segmenter import Segmenter
from neurorecon.training.calibration import calibrate
from neurorecon.training.labels import BACKGROUND, NEURITE
from neurorecon.training.patches import TrainingStack

MULTIPLE = (8, 8, 8)


def _sigmoid(windows: torch.Tensor) -> torch.Tensor:
    return torch.sigmoid(windows)


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
    assert found.weighted_dice == pytest.approx(1.0)


def test_one_stack_with_an_incomplete_gold_does_not_move_it() -> None:
    good = [_with_logits(_stack(6.0, 3.0)) for _ in range(2)]
    odd = _with_logits(_stack(11.0, 9.0))
    alone = calibrate(good, _sigmoid, MULTIPLE, 2, seed=0)
    found = calibrate([*good, odd], _sigmoid, MULTIPLE, 2, seed=0)
    assert alone is not None and found is not None and found.logit == pytest.approx(alone.logit)


def test_without_neurite_there_is_nothing_to_calibrate() -> None:
    empty = _with_logits(_stack(0.0, 0.0, label=False))
    assert calibrate([empty], _sigmoid, MULTIPLE, 2, seed=0) is None


def test_between_classes_that_are_well_apart_it_is_in_the_middle() -> None:
    stack = _with_logits(_stack(neurite_logit=8.0, background_logit=-2.0))
    found = calibrate([stack], _sigmoid, MULTIPLE, 2, seed=0)
    assert found is not None and found.logit == pytest.approx(3.0, abs=0.3)


def test_a_network_that_has_learnt_nothing_is_left_alone() -> None:
    stack = _with_logits(_stack(-3.0, -3.0))

    def constant(windows: torch.Tensor) -> torch.Tensor:
        return torch.full_like(windows, 0.05)

    assert calibrate([stack], constant, MULTIPLE, 2, seed=0) is None


def test_training_shifts_the_output_so_that_one_half_is_the_threshold() -> None:
    """The bias moves against the logit found, by exactly that much."""
    torch.manual_seed(0)
    model = Segmenter(StudentConfig(width=12, heads=2, depth=1, channels=(2, 4, 4, 4)))
    torch.nn.init.normal_(model.head.weight, std=100.0)  # spread the logits over many bins
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    rng = np.random.default_rng(0)
    label = np.full((16, 24, 32), BACKGROUND, np.uint8)
    array = rng.random(label.shape, np.float32)
    image = torch.from_numpy(array)[None, None]
    with torch.no_grad():
        logits = model.eval()(image)[0, 0].numpy()
    label[logits > np.quantile(logits, 0.9)] = NEURITE
    stack = TrainingStack("s", array, _Identity(0, 1), label)
    before = weights["head.bias"].item()
    found = calibrate_weights(model, weights, [stack], Compute(torch.device("cpu")), seed=0)
    assert found is not None
    assert weights["head.bias"].item() == pytest.approx(before - found["logit"])
    shifted = logits - found["logit"]
    assert ((shifted > 0) == (label == NEURITE)).mean() > 0.95
