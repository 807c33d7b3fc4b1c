"""A 2D teacher and unlabelled stacks to a student that `train --init` starts from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from neurorecon.config import TrainConfig
from neurorecon.errors import InputError
from neurorecon.io.atomic import refuse_existing
from neurorecon.io.checkpoint import provenance, save_checkpoint
from neurorecon.io.stack import read_volume
from neurorecon.model.config import StudentConfig
from neurorecon.model.intensity import estimate_scale
from neurorecon.model.runtime import Compute, DeviceName, choose_device, prepared_cpu
from neurorecon.model.segmenter import Segmenter
from neurorecon.model.teacher import load_teacher
from neurorecon.model.transfer import Transfer, transfer_weights
from neurorecon.training.distillation import DistillationTask
from neurorecon.training.loop import StepProgress, Trainer
from neurorecon.training.patches import PatchSampler, TrainingStack


@dataclass(frozen=True)
class DistillRequest:
    """Which teacher, which stacks, and how.

    teacher: a timm model's name; teacher_weights: a local file instead of the model hub.
    stacks: unlabelled; may be none where `config.steps` is 0 (weight transfer alone).
    """

    teacher: str
    teacher_weights: Path | None
    transfer: Transfer
    stacks: tuple[Path, ...]
    target: Path
    config: TrainConfig
    device: DeviceName
    overwrite: bool


@prepared_cpu()
def distill(request: DistillRequest, note: Callable[[str], None], progress: StepProgress) -> None:
    """Move the teacher's weights into a student, distil features, write the checkpoint."""
    refuse_existing(request.target, request.overwrite)
    if request.config.steps > 0 and not request.stacks:
        raise InputError("no stacks to distil on; give --stacks, or --steps 0 to transfer only")
    device = choose_device(request.device)
    torch.manual_seed(request.config.seed)
    teacher = load_teacher(request.teacher, request.teacher_weights)
    student = Segmenter(teacher.student_config(_student(request.transfer)))
    blocks = transfer_weights(student.encoder, teacher.weights(), request.transfer)
    note(f"{request.transfer} transfer from {request.teacher}: {len(blocks)} blocks")

    if request.config.steps > 0:
        stacks = [load_unlabelled_stack(path) for path in request.stacks]
        task = DistillationTask(
            student.to(device), teacher, PatchSampler(stacks, request.config), Compute(device)
        )
        trainer = Trainer(task, request.config)
        with progress(request.config.steps, 0) as on_step:
            trainer.run(on_step)
        _take_encoder(student, trainer.averaged_weights())
    details = {
        "teacher": request.teacher,
        "teacher_weights_sha256": _digest(teacher.state_dict()),
        "teacher_blocks": blocks,
        "transfer": request.transfer,
        "stacks": [path.name for path in request.stacks],
        "config": request.config.to_dict(),
    }
    metadata = {"config": student.config.to_dict(), "provenance": provenance("distill", details)}
    save_checkpoint(request.target, student.state_dict(), metadata, request.overwrite)


def _student(transfer: Transfer) -> StudentConfig:
    return StudentConfig(embedding="tubular" if transfer == "tubular" else "patch")


def load_unlabelled_stack(path: Path) -> TrainingStack:
    """A stack to distil features on."""
    array = read_volume(path).array
    return TrainingStack(path.name, array, estimate_scale(array))


def _take_encoder(student: Segmenter, weights: dict[str, torch.Tensor]) -> None:
    """The averaged encoder of a distillation task; its projection head is not needed again."""
    prefix = "encoder."
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
