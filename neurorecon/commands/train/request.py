"""What `train` can be asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from neurorecon.config import TrainConfig
from neurorecon.model.runtime import DeviceName, Precision
from neurorecon.training.validation import Criterion


@dataclass(frozen=True)
class ValidationRequest:
    """Which stacks to keep out of training, and what to do with them.

    data: folder of pairs or CSV, as `TrainRequest.data`.
    every: steps between validations; there is one at the end in any case.
    criterion: by which the best weights and the threshold are chosen.
    """

    data: Path
    every: int
    criterion: Criterion


@dataclass(frozen=True)
class TrainRequest:
    """What to train on, from where, and how.

    data: folder of pairs or CSV, as `io.pairs` reads it. target: the checkpoint to write.
    init: `scratch`, a model's name, or a checkpoint of `train` or `distill`.
    validation: None trains to the end and keeps the last weights.
    resume: go on from the state that a stopped run left beside `target`.
    """

    data: Path
    target: Path
    init: str
    config: TrainConfig
    validation: ValidationRequest | None
    device: DeviceName
    precision: Precision
    resume: bool
    overwrite: bool

    @property
    def state_file(self) -> Path:
        """Where a run keeps its state until it is done."""
        return self.target.with_name(f"{self.target.name}.state")

    @property
    def log_folder(self) -> Path:
        """Where the run's figures and pictures go."""
        return self.target.with_name(f"{self.target.stem}_log")
