"""A 2D teacher and unlabelled stacks to a student that `train --init` starts from."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from neurorecon.config import TrainConfig
from neurorecon.errors import InputError
from neurorecon.io.atomic import refuse_existing
from neurorecon.io.checkpoint import provenance, save_checkpoint
from neurorecon.io.ondisk import VoxelsOnDisk
from neurorecon.io.stack import open_stack
from neurorecon.model.config import PRESETS, Embedding, Preset, StudentConfig
from neurorecon.model.intensity import estimate_scale
from neurorecon.model.runtime import (
    Compute,
    DeviceName,
    Precision,
    choose_device,
    choose_precision,
    prepared_cpu,
)
from neurorecon.model.segmenter import Segmenter
from neurorecon.model.teacher import Teacher, load_teacher
from neurorecon.model.transfer import Transfer, transfer_weights
from neurorecon.training.distillation import DistillationTask
from neurorecon.training.loop import StepProgress, Trainer
from neurorecon.training.patches import PatchSampler, TrainingStack

# Kept in memory of all stacks together, of what was read last; crops lie anywhere, so that more
# would be used again only by chance.
CACHE_BYTES = 2**30


@dataclass(frozen=True)
class DistillRequest:
    """Which teacher, which stacks, and how.

    teacher: a timm model's name; teacher_weights: a local file instead of the model hub.
    stacks: unlabelled; may be none where `config.steps` is 0 (weight transfer alone).
    preset: the student's size; None takes the one of the teacher's width.
    latent_tubes: whether the student mixes its features along deformable tubes.
    """

    teacher: str
    teacher_weights: Path | None
    transfer: Transfer
    preset: Preset | None
    latent_tubes: bool
    stacks: tuple[Path, ...]
    target: Path
    config: TrainConfig
    device: DeviceName
    precision: Precision
    overwrite: bool


@prepared_cpu()
def distill(request: DistillRequest, note: Callable[[str], None], progress: StepProgress) -> None:
    """Move the teacher's weights into a student, distil features, write the checkpoint."""
    refuse_existing(request.target, request.overwrite)
    if request.config.steps > 0 and not request.stacks:
        raise InputError("no stacks to distil on; give --stacks, or --steps 0 to transfer only")
    device = choose_device(request.device)
    compute = Compute(device, choose_precision(request.precision, device))
    torch.manual_seed(request.config.seed)
    teacher = load_teacher(request.teacher, request.teacher_weights)
    student = Segmenter(_student_config(request, teacher))
    blocks = transfer_weights(student.encoder, teacher.weights(), request.transfer)
    note(f"{request.transfer} transfer from {request.teacher}: {len(blocks)} blocks")

    if request.config.steps > 0:
        with ExitStack() as files:
            stacks = open_unlabelled_stacks(request.stacks, files)
            sampler = PatchSampler(stacks, request.config)
            learner = copy.deepcopy(student).to(device)
            trainer = Trainer(DistillationTask(learner, teacher, sampler, compute), request.config)
            with progress(request.config.steps, 0) as on_step:
                trainer.run(lambda step, figures: on_step(step, _reported(figures)))
        take_encoder(student, trainer.averaged_weights())
    details = {
        "teacher": request.teacher,
        "teacher_weights_sha256": _digest(teacher.state_dict()),
        "teacher_blocks": blocks,
        "feature_block": teacher.feature_block,
        "transfer": request.transfer,
        "stacks": [path.name for path in request.stacks],
        "config": request.config.to_dict(),
    }
    metadata = {"config": student.config.to_dict(), "provenance": provenance("distill", details)}
    save_checkpoint(request.target, student.state_dict(), metadata, request.overwrite)


def _student_config(request: DistillRequest, teacher: Teacher) -> StudentConfig:
    """The student that was asked for; InputError where the teacher's weights do not fit into it."""
    embedding: Embedding = "tubular" if request.transfer == "tubular" else "patch"
    widths: dict[int, Preset] = {StudentConfig.preset(name).width: name for name in PRESETS}
    preset = request.preset or widths.get(teacher.width, "tiny")
    base = replace(
        StudentConfig.preset(preset), embedding=embedding, latent_tubes=request.latent_tubes
    )
    if request.transfer == "scratch":
        return base
    fitting = teacher.student_config(base)
    if request.preset is not None and fitting.width != base.width:
        fits = widths.get(teacher.width)
        raise InputError(
            f"--preset {preset} has tokens of width {base.width}, {request.teacher} of "
            f"{teacher.width}: its weights do not fit; "
            f"{f'give --preset {fits}' if fits else 'leave --preset out'}, or --transfer scratch"
        )
    return fitting


def open_unlabelled_stacks(paths: Sequence[Path], files: ExitStack) -> list[TrainingStack]:
    """Stacks to distil features on. They stay on disk; `files` keeps them open."""
    stacks = []
    for path in paths:
        opened = files.enter_context(open_stack(path))
        voxels = VoxelsOnDisk(opened, cache_bytes=CACHE_BYTES // len(paths))
        stacks.append(TrainingStack(path.name, voxels, estimate_scale(voxels)))
    return stacks


def _reported(figures: dict[str, float]) -> dict[str, float]:
    return {name: figures[name] for name in ("loss", "similarity")}


def take_encoder(student: Segmenter, weights: dict[str, torch.Tensor]) -> None:
    """The averaged encoder of a distillation task; what else was trained has served its purpose."""
    prefix = "student.encoder."
    student.encoder.load_state_dict(
        {
            name.removeprefix(prefix): tensor
            for name, tensor in weights.items()
            if name.startswith(prefix)
        }
    )


def _digest(tensors: dict[str, torch.Tensor]) -> str:
    """SHA-256 over names and values, the same wherever the weights came from."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].detach().cpu().float().numpy().tobytes())
    return digest.hexdigest()
