"""Labelled stacks to a trained model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from typing import Any

import torch

from neurorecon.commands.train.interrupt import StopAfterStep
from neurorecon.commands.train.labelled import load_labelled_stacks
from neurorecon.commands.train.log import TrainingLog
from neurorecon.commands.train.request import TrainRequest
from neurorecon.errors import InputError
from neurorecon.io.atomic import refuse_existing
from neurorecon.io.checkpoint import (
    load_checkpoint,
    load_training_state,
    provenance,
    save_checkpoint,
    save_training_state,
)
from neurorecon.io.lock import locked
from neurorecon.io.models import find_model
from neurorecon.model.config import StudentConfig
from neurorecon.model.runtime import (
    Compute,
    choose_device,
    choose_precision,
    prepared_cpu,
)
from neurorecon.model.segmenter import Segmenter, build_segmenter, size_multiple_zyx
from neurorecon.segmentation.predictor import Predictor, default_batch_size
from neurorecon.training.calibration import calibrate
from neurorecon.training.loop import StepProgress, Trainer
from neurorecon.training.parallel import Processes, joined_processes
from neurorecon.training.patches import PatchSampler, TrainingStack
from neurorecon.training.selection import Selection
from neurorecon.training.simulated import SimulatedStacks
from neurorecon.training.supervised import SupervisedTask

SCRATCH = "scratch"
STEPS_BETWEEN_STATES = 50


@prepared_cpu()
def train(request: TrainRequest, note: Callable[[str], None], progress: StepProgress) -> None:
    """Train and write the checkpoint with its averaged weights and provenance."""
    with joined_processes() as processes:
        say = note if processes.leads else _silent
        with _held_outputs(request) if processes.leads else nullcontext():
            run = _Run(request, processes, say)
            run.train(progress)
            if processes.leads:
                run.finish()


class _Run:
    """One run: its stacks, its trainer, and what is known of it."""

    def __init__(
        self, request: TrainRequest, processes: Processes, note: Callable[[str], None]
    ) -> None:
        self.request, self.processes, self.note = request, processes, note
        config = request.config
        state = load_training_state(request.state_file) if request.resume else None
        device = choose_device(request.device)
        self.compute = Compute(device, choose_precision(request.precision, device))
        torch.manual_seed(config.seed)
        self.model, init = _initial_model(request.init)
        self.model.to(device)
        self.stacks = [each.stack for each in load_labelled_stacks(request.data, config.label)]
        self.selection = self._selection()
        note(f"training on {_counted(len(self.stacks), 'stack')} on {device}")
        self.described = self._description(init)
        simulated = SimulatedStacks(config.simulated, config.label, config.seed)
        sampler = PatchSampler(self.stacks, config, processes, simulated)
        self.trainer = Trainer(SupervisedTask(self.model, sampler, self.compute), config)
        if state is not None:
            _refuse_other_run(request, state["run"], self.described)
            self.trainer.load_state(state["trainer"])
            if self.selection is not None:
                self.selection.load_state(state["selection"])

    def _selection(self) -> Selection | None:
        wanted = self.request.validation
        if wanted is None:
            return None
        stacks = load_labelled_stacks(wanted.data, self.request.config.label)
        seen = {stack.name for stack in self.stacks} & {each.stack.name for each in stacks}
        if seen:
            raise InputError(
                f"{', '.join(sorted(seen))}: in --data and in --validation; a model is not judged "
                "on stacks that it learns from"
            )
        return Selection(self.model, stacks, self.compute, wanted.criterion)

    def _description(self, init: dict[str, Any]) -> dict[str, Any]:
        validation = self.request.validation
        kept_out = self.selection.stacks if self.selection else []
        return {
            "init": init,
            "stacks": [stack.name for stack in self.stacks],
            "validation": {
                "stacks": [each.stack.name for each in kept_out],
                "every": validation.every if validation else None,
                "criterion": validation.criterion if validation else None,
            },
            "processes": self.processes.count,
            "precision": str(self.compute.dtype).removeprefix("torch."),
            "config": self.request.config.to_dict(),
        }

    def train(self, progress: StepProgress) -> None:
        """All steps; on Ctrl-C the state is kept."""
        if not self.processes.leads:
            self.trainer.run(lambda step, figures: None)
            return
        steps = self.request.config.steps
        log = TrainingLog(self.request.log_folder, self.trainer.step)
        with progress(steps, self.trainer.step) as report, StopAfterStep() as stop, log:

            def on_step(step: int, figures: dict[str, float]) -> None:
                report(step, {name: figures[name] for name in ("loss", "dice")})
                log.step(step, figures)
                self._validate(step, log)
                if step % STEPS_BETWEEN_STATES == 0 or stop.asked:
                    self._save_state()
                if stop.asked:
                    self.note(f"stopped after step {step}; go on with --resume")
                    raise KeyboardInterrupt

            self.trainer.run(on_step)

    def _validate(self, step: int, log: TrainingLog) -> None:
        wanted = self.request.validation
        if self.selection is None or wanted is None:
            return
        if step % wanted.every and step != self.request.config.steps:
            return
        found = self.selection.consider(step, self.trainer.averaged_weights())
        best = self.selection.best is not None and self.selection.best.step == step
        self.note(
            f"step {step}: F1 {found.f1:.3f}, Dice {found.dice:.3f} on the validation stacks"
            f"{', the best so far' if best else ''}"
        )
        log.validation(step, {"validation_f1": found.f1, "validation_dice": found.dice})

    def _save_state(self) -> None:
        save_training_state(
            self.request.state_file,
            {
                "run": self.described,
                "trainer": self.trainer.state(),
                "selection": self.selection.state() if self.selection else {},
            },
        )

    def finish(self) -> None:
        """Calibrate, write the checkpoint and the pictures."""
        weights, outcome = self._outcome()
        metadata = {
            "config": self.model.config.to_dict(),
            "provenance": provenance("train", {**self.described, **outcome}),
        }
        save_checkpoint(self.request.target, weights, metadata, self.request.overwrite)
        self.request.state_file.unlink(missing_ok=True)
        self.model.load_state_dict(weights)
        TrainingLog.draw(self.request.log_folder, self.model, self._pictured(), self.compute)

    def _outcome(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """The weights to keep, with an output whose best threshold is 0.5; how they were found."""
        if self.selection is not None and self.selection.best is not None:
            best = self.selection.best
            weights = dict(best.weights)
            weights["head.bias"] = weights["head.bias"] - best.logit
            found = {"step": best.step, "f1": best.validation.f1, "dice": best.validation.dice}
            return weights, {"selected": {**found, "logit": best.logit}}
        self.note("calibrating on whole windows")
        weights = self.trainer.averaged_weights()
        calibration = calibrate_weights(
            self.model, weights, self.stacks, self.compute, self.request.config.seed
        )
        return weights, {"calibration": calibration}

    def _pictured(self) -> TrainingStack:
        return self.selection.stacks[0].stack if self.selection else self.stacks[0]


def calibrate_weights(
    model: Segmenter,
    weights: dict[str, torch.Tensor],
    stacks: list[TrainingStack],
    compute: Compute,
    seed: int,
) -> dict[str, float] | None:
    """Shift the output bias in `weights` so that 0.5 is the best threshold; what was found."""
    model.load_state_dict(weights)
    predict = Predictor(model, compute.device, compute.dtype)
    batch_size = default_batch_size(compute.device)
    found = calibrate(stacks, predict, size_multiple_zyx(model.config), batch_size, seed)
    if found is None:
        return None
    weights["head.bias"] = weights["head.bias"] - found.logit
    return asdict(found)


def _initial_model(init: str) -> tuple[Segmenter, dict[str, Any]]:
    """The network to start from, and where it came from."""
    if init == SCRATCH:
        return Segmenter(StudentConfig()), {"from": SCRATCH}
    path = find_model(init)
    tensors, metadata = load_checkpoint(path)
    model = build_segmenter(tensors, metadata, str(path))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return model, {
        "from": path.name,
        "sha256": digest,
        "provenance": metadata.get("provenance"),
    }


@contextmanager
def _held_outputs(request: TrainRequest) -> Iterator[None]:
    """Model, state and log folder for this run alone; InputError where they are not to be had."""
    refuse_existing(request.target, request.overwrite)
    with locked(request.target.with_name(f".{request.target.name}.lock")) as free:
        if not free:
            raise InputError(
                f"another run is training {request.target}; wait for it, or choose another name"
            )
        if request.state_file.exists() and not (request.resume or request.overwrite):
            raise InputError(
                f"{request.state_file} is there: a run that will write {request.target} was "
                "stopped; go on with --resume, or start over with --overwrite"
            )
        yield


def _refuse_other_run(
    request: TrainRequest, before: Mapping[str, Any], now: Mapping[str, Any]
) -> None:
    changed = [name for name in now if before.get(name) != now[name]]
    if changed:
        raise InputError(
            f"{request.state_file} belongs to a run with another {' and '.join(changed)}; "
            "give the same options and data to resume, or start without --resume"
        )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _silent(message: str) -> None:
    """What the processes that do not lead say."""
