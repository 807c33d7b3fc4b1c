"""Labelled stacks to a trained model."""

from __future__ import annotations

import hashlib
import signal
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from neurorecon.config import LabelConfig, TrainConfig
from neurorecon.errors import InputError
from neurorecon.geometry import in_voxels
from neurorecon.io.atomic import refuse_existing
from neurorecon.io.checkpoint import (
    load_checkpoint,
    load_training_state,
    provenance,
    save_checkpoint,
    save_training_state,
)
from neurorecon.io.models import find_model
from neurorecon.io.pairs import Pair, find_pairs
from neurorecon.io.stack import read_volume
from neurorecon.io.swc import read_swc
from neurorecon.model.config import StudentConfig
from neurorecon.model.intensity import estimate_scale
from neurorecon.model.runtime import Compute, DeviceName, choose_device, prepared_cpu
from neurorecon.model.segmenter import Segmenter, build_segmenter, size_multiple_zyx
from neurorecon.segmentation.predictor import Predictor, default_batch_size
from neurorecon.training.calibration import calibrate
from neurorecon.training.labels import NEURITE, label_from_tree
from neurorecon.training.loop import StepProgress, Trainer
from neurorecon.training.patches import PatchSampler, TrainingStack
from neurorecon.training.supervised import SupervisedTask

SCRATCH = "scratch"
STEPS_BETWEEN_STATES = 50


@dataclass(frozen=True)
class TrainRequest:
    """What to train on, from where, and how.

    data: folder of pairs or CSV, as `io.pairs` reads it. target: the checkpoint to write.
    init: `scratch`, a shipped model's name, or a checkpoint of `train` or `distill`.
    resume: go on from the state that a stopped run left beside `target`.
    """

    data: Path
    target: Path
    init: str
    config: TrainConfig
    device: DeviceName
    resume: bool
    overwrite: bool


@prepared_cpu()
def train(request: TrainRequest, note: Callable[[str], None], progress: StepProgress) -> None:
    """Train and write the checkpoint with its averaged weights and provenance."""
    refuse_existing(request.target, request.overwrite)
    state_file = state_path(request.target)
    if state_file.exists() and not (request.resume or request.overwrite):
        raise InputError(
            f"{state_file} is there: a run that will write {request.target} was stopped; "
            "go on with --resume, or start over with --overwrite"
        )
    state = load_training_state(state_file) if request.resume else None
    device = choose_device(request.device)
    torch.manual_seed(request.config.seed)
    model, init = _initial_model(request.init)
    stacks = [load_labelled_stack(pair, request.config.label) for pair in find_pairs(request.data)]
    note(f"training on {len(stacks)} stacks on {device}")
    run = {
        "init": init,
        "stacks": [stack.name for stack in stacks],
        "config": request.config.to_dict(),
    }

    sampler = PatchSampler(stacks, request.config)
    trainer = Trainer(SupervisedTask(model.to(device), sampler, Compute(device)), request.config)
    if state is not None:
        _refuse_other_run(state_file, state["run"], run)
        trainer.load_state(state["trainer"])
    with progress(request.config.steps, trainer.step) as report:

        def save_state() -> None:
            save_training_state(state_file, {"run": run, "trainer": trainer.state()})

        def on_step(step: int, figures: dict[str, float]) -> None:
            report(step, figures)
            if step % STEPS_BETWEEN_STATES == 0:
                save_state()

        _run_until_interrupted(trainer, on_step, save_state, note)
    note("calibrating on whole windows")
    weights = trainer.averaged_weights()
    calibration = calibrate_weights(model, weights, stacks, device, request.config.seed)
    metadata = {
        "config": model.config.to_dict(),
        "provenance": provenance("train", {**run, "calibration": calibration}),
    }
    save_checkpoint(request.target, weights, metadata, request.overwrite)
    state_file.unlink(missing_ok=True)


def _run_until_interrupted(
    trainer: Trainer,
    on_step: Callable[[int, dict[str, float]], None],
    save_state: Callable[[], None],
    note: Callable[[str], None],
) -> None:
    """Train; on Ctrl-C finish the step, because half a step is no state to go on from, and save."""
    stop: list[int] = []

    def after_step(step: int, figures: dict[str, float]) -> None:
        on_step(step, figures)
        if stop:
            save_state()
            note(f"stopped after step {step}; go on with --resume")
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, lambda number, frame: stop.append(number))
    try:
        trainer.run(after_step)
    finally:
        signal.signal(signal.SIGINT, before)


def calibrate_weights(
    model: Segmenter,
    weights: dict[str, torch.Tensor],
    stacks: list[TrainingStack],
    device: torch.device,
    seed: int,
) -> dict[str, float] | None:
    """Shift the output bias in `weights` so that 0.5 is the best threshold; what was found."""
    model.load_state_dict(weights)
    predict = Predictor(model, device, torch.float32)
    batch_size = default_batch_size(device)
    found = calibrate(stacks, predict, size_multiple_zyx(model.config), batch_size, seed)
    if found is None:
        return None
    weights["head.bias"] = weights["head.bias"] - found.logit
    return asdict(found)


def state_path(target: Path) -> Path:
    """Where a run that will write `target` keeps its state until it is done."""
    return target.with_name(f"{target.name}.state")


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


def load_labelled_stack(pair: Pair, label_config: LabelConfig) -> TrainingStack:
    """A stack with the label that its tree draws; InputError that names a pair that cannot be."""
    volume = read_volume(pair.image, voxel_size_zyx=pair.voxel_size_zyx_um)
    # The SWC standard says µm; without a voxel size, coordinates can only be voxels.
    unit = pair.swc_unit or volume.grid.unit
    tree = read_swc(pair.swc, unit, orphans_are_roots=True)
    try:
        tree = in_voxels(tree, volume.grid)
    except InputError as error:
        raise InputError(
            f"{pair.swc} is in µm, but {pair.image} does not tell its voxel size; "
            "write voxel_size into a CSV manifest, or swc_units voxel"
        ) from error
    z, y, x = volume.array.shape
    label = label_from_tree(tree, (z, y, x), label_config)
    if not (label == NEURITE).any():
        raise InputError(
            f"{pair.swc}: none of its {len(tree)} nodes lies in {pair.image} "
            f"({z} x {y} x {x} voxels); check swc_units and voxel_size"
        )
    name = f"{pair.image.parent.name}/{pair.image.name}"
    return TrainingStack(name, volume.array, estimate_scale(volume.array), label)


def _refuse_other_run(state_file: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    changed = [name for name in now if before.get(name) != now[name]]
    if changed:
        raise InputError(
            f"{state_file} belongs to a run with another {' and '.join(changed)}; "
            "give the same options and data to resume, or start without --resume"
        )
