from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from neurorecon.config import TrainConfig
from neurorecon.errors import NeuroreconError
from neurorecon.model.runtime import Compute
from neurorecon.training.loop import Trainer, parameter_groups


class _Regression:
    """Fits a line to points that depend on the step alone."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.compute = Compute(torch.device("cpu"))
        self.model = nn.ModuleDict({"encoder": nn.Linear(3, 4), "head": nn.Linear(4, 1)})

    def encoder_parameters(self) -> Iterator[nn.Parameter]:
        return self.model["encoder"].parameters()

    def loss(self, step: int, part: int) -> tuple[Tensor, dict[str, float]]:
        generator = torch.Generator().manual_seed(step)
        points = torch.randn(8, 3, generator=generator)
        wanted = points.sum(1, keepdim=True)
        error = (self.model["head"](self.model["encoder"](points)) - wanted).square().mean()
        return error, {"error": error.item()}


CONFIG = TrainConfig(steps=60, learning_rate=0.1, ema_decay=0.9)


def _losses(trainer: Trainer) -> list[float]:
    losses: list[float] = []
    trainer.run(lambda step, figures: losses.append(figures["loss"]))
    return losses


def test_training_lowers_the_loss_and_averages_weights() -> None:
    trainer = Trainer(_Regression(), CONFIG)
    losses = _losses(trainer)
    assert losses[-1] < 0.2 * losses[0]
    assert trainer.averaged_weights().keys() == trainer.task.model.state_dict().keys()


def test_a_resumed_run_is_the_unbroken_run(tmp_path) -> None:
    unbroken = Trainer(_Regression(), CONFIG)
    wanted = _losses(unbroken)

    class _StopError(Exception):
        pass

    first = Trainer(_Regression(), CONFIG)
    losses: list[float] = []

    def stop_at_17(step: int, figures: dict[str, float]) -> None:
        losses.append(figures["loss"])
        if step == 17:
            torch.save(first.state(), tmp_path / "state")
            raise _StopError

    with pytest.raises(_StopError):
        first.run(stop_at_17)
    second = Trainer(_Regression(), CONFIG)
    second.load_state(torch.load(tmp_path / "state", weights_only=True))
    assert losses + _losses(second) == wanted
    for name, tensor in unbroken.averaged_weights().items():
        assert torch.equal(tensor, second.averaged_weights()[name])


def test_the_encoder_learns_slower_and_biases_do_not_decay() -> None:
    groups = parameter_groups(_Regression(), CONFIG)
    rates = {
        (group["lr"], group["weight_decay"]): sum(p.numel() for p in group["params"])
        for group in groups
    }
    slow = CONFIG.learning_rate * CONFIG.encoder_rate
    assert rates == {
        (slow, CONFIG.weight_decay): 12,
        (slow, 0.0): 4,
        (CONFIG.learning_rate, CONFIG.weight_decay): 4,
        (CONFIG.learning_rate, 0.0): 1,
    }


def test_a_loss_that_is_not_finite_stops_the_run_with_the_cure() -> None:
    task = _Regression()
    nn.init.constant_(task.model["head"].weight, float("nan"))
    with pytest.raises(NeuroreconError, match="--learning-rate"):
        Trainer(task, CONFIG).run(lambda step, figures: None)


def test_averaged_weights_forget_the_start_of_a_short_run() -> None:
    config = TrainConfig(steps=20, learning_rate=0.1, ema_decay=0.999)
    trainer = Trainer(_Regression(), config)
    start = trainer.task.model.state_dict()["head.bias"].clone()
    trainer.run(lambda step, figures: None)
    end = trainer.task.model.state_dict()["head.bias"]
    averaged = trainer.averaged_weights()["head.bias"]
    assert (averaged - end).norm() < 0.5 * (start - end).norm()
