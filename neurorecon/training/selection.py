"""Which weights of a run are kept: those that do best on stacks kept out of it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from neurorecon.model.runtime import Compute
from neurorecon.model.segmenter import Segmenter, size_multiple_zyx
from neurorecon.segmentation.predictor import Predictor, default_batch_size
from neurorecon.training.validation import Criterion, Validation, ValidationStack, validate

# Crops near neurite make a network find it too likely. Its logits are moved and squeezed while it
# is validated, so that the 255 levels of a segmentation lie where the best threshold may be.
MIDDLE_LOGIT = 5.0
LOGITS_PER_UNIT = 2.0


@dataclass(frozen=True)
class Best:
    """The best weights so far, before any shift of their output, and what they reached.

    logit: what to take from their output so that 0.5 is the best threshold.
    """

    step: int
    validation: Validation
    weights: dict[str, Tensor]

    @property
    def logit(self) -> float:
        """Of the threshold, on the scale of the network's own output."""
        return MIDDLE_LOGIT + LOGITS_PER_UNIT * self.validation.logit


class Selection:
    """Validates weights now and then, and remembers the best."""

    def __init__(
        self,
        model: Segmenter,
        stacks: Sequence[ValidationStack],
        compute: Compute,
        criterion: Criterion,
    ) -> None:
        self.stacks = stacks
        self.compute = compute
        self.criterion = criterion
        self.best: Best | None = None
        self.picture: NDArray[np.uint8] | None = None
        self._model = copy.deepcopy(model)

    def consider(self, step: int, weights: dict[str, Tensor]) -> Validation:
        """Score weights on whole stacks, and keep them if none were better."""
        self._model.load_state_dict(weights)
        predict = Predictor(_Squeezed(self._model), self.compute.device, self.compute.dtype)
        found, picture = validate(
            self.stacks,
            predict,
            size_multiple_zyx(self._model.config),
            default_batch_size(self.compute.device),
            self.criterion,
        )
        before = self.best.validation if self.best else None
        if before is None or self._score(found) > self._score(before):
            kept = {name: tensor.detach().cpu().clone() for name, tensor in weights.items()}
            self.best, self.picture = Best(step, found, kept), picture
        return found

    def _score(self, found: Validation) -> float:
        return found.f1 if self.criterion == "f1" else found.dice

    def state(self) -> dict[str, Any]:
        """What a resumed run needs to remember."""
        if self.best is None:
            return {}
        return {
            "step": self.best.step,
            "validation": asdict(self.best.validation),
            "weights": self.best.weights,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Remember what a stopped run had found."""
        if state:
            found = Validation(**state["validation"])
            self.best = Best(state["step"], found, state["weights"])


class _Squeezed(nn.Module):
    def __init__(self, model: Segmenter) -> None:
        super().__init__()
        self.model = model

    def forward(self, stack: Tensor) -> Tensor:
        value: Tensor = (self.model(stack) - MIDDLE_LOGIT) / LOGITS_PER_UNIT
        return value
