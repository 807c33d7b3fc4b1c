"""One training loop for every task: it knows steps, schedule and state, and nothing of losses."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from neurorecon.config import TrainConfig
from neurorecon.errors import NeuroreconError
from neurorecon.model.runtime import Compute

# (steps in all, steps done) -> a context whose value is told each step's number and figures.
StepProgress = Callable[[int, int], AbstractContextManager[Callable[[int, dict[str, float]], None]]]


class Task(Protocol):
    """What the loop trains: a module, and a loss for each step."""

    @property
    def model(self) -> nn.Module:
        """What is trained, averaged and saved."""
        ...

    @property
    def compute(self) -> Compute:
        """Where, and in which arithmetic."""
        ...

    def encoder_parameters(self) -> Iterator[nn.Parameter]:
        """Parameters of the transformer, which learn at their own rate."""
        ...

    def loss(self, step: int, part: int) -> tuple[Tensor, dict[str, float]]:
        """The loss of one of the batches that step number `step` adds up, and figures to report."""
        ...


class Trainer:
    """AdamW with warm-up, cosine, gradient clipping and averaged weights, over any task."""

    def __init__(self, task: Task, config: TrainConfig) -> None:
        self.task = task
        self.config = config
        self.step = 0
        self.optimizer = torch.optim.AdamW(parameter_groups(task, config), betas=config.betas)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, self._rate)
        self.averaged = AveragedModel(task.model, avg_fn=self._average)
        # Small gradients vanish in float16 unless the loss is scaled up; other formats need none.
        self.scaler = torch.amp.GradScaler(
            task.compute.device.type, enabled=task.compute.dtype == torch.float16
        )

    def run(self, on_step: Callable[[int, dict[str, float]], None]) -> None:
        """Train from the present step to the last; `on_step` gets each step's number and figures.

        NeuroreconError if the loss is no longer finite.
        """
        while self.step < self.config.steps:
            self.task.model.train()
            rate = self.optimizer.param_groups[0]["lr"]
            figures = self._add_gradients()
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.task.model.parameters(), self.config.clip_norm)
            self.scaler.step(self.optimizer)
            self.scaler.update()
            self.optimizer.zero_grad(set_to_none=True)
            self.schedule.step()
            self.averaged.update_parameters(self.task.model)
            self.step += 1
            on_step(self.step, {**figures, "rate": rate})

    def _add_gradients(self) -> dict[str, float]:
        """Gradients of the step's batches, and the mean of their figures."""
        parts = self.config.accumulate
        mean: dict[str, float] = {}
        for part in range(parts):
            loss, figures = self.task.loss(self.step, part)
            if not math.isfinite(loss.item()):
                raise NeuroreconError(
                    f"the loss became {loss.item()} at step {self.step}; "
                    "train again with a lower --learning-rate"
                )
            self.scaler.scale(loss / parts).backward()
            for name, value in {"loss": loss.item(), **figures}.items():
                mean[name] = mean.get(name, 0.0) + value / parts
        return mean

    def averaged_weights(self) -> dict[str, Tensor]:
        """The averaged weights of the task's module."""
        return dict(self.averaged.module.state_dict())

    def state(self) -> dict[str, Any]:
        """All that a resumed run needs to go on as if it had never stopped."""
        return {
            "step": self.step,
            "model": self.task.model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "scaler": self.scaler.state_dict(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.step = state["step"]
        self.task.model.load_state_dict(state["model"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.scaler.load_state_dict(state["scaler"])

    def _average(self, mean: Tensor, latest: Tensor, count: int | Tensor) -> Tensor:
        """Moving average whose memory grows with the run, so that short runs forget their start."""
        decay = min(self.config.ema_decay, (1 + int(count)) / (10 + int(count)))
        return torch.lerp(latest, mean, decay)

    def _rate(self, step: int) -> float:
        warm_up = min(1.0, (step + 1) / max(self.config.warm_up_steps, 1))
        return warm_up * 0.5 * (1 + math.cos(math.pi * min(step / self.config.steps, 1.0)))


def parameter_groups(task: Task, config: TrainConfig) -> list[dict[str, Any]]:
    """Groups by learning rate, and by decay: biases, norms and scales are not decayed."""
    encoder = {id(p) for p in task.encoder_parameters()}
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for parameter in task.model.parameters():
        key = (id(parameter) in encoder, parameter.ndim > 1)
        groups.setdefault(key, []).append(parameter)
    return [
        {
            "params": parameters,
            "lr": config.learning_rate * (config.encoder_rate if in_encoder else 1.0),
            "weight_decay": config.weight_decay if decayed else 0.0,
        }
        for (in_encoder, decayed), parameters in groups.items()
    ]
