"""`neurorecon distill`."""

from __future__ import annotations

from enum import Enum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from neurorecon.cli.console import note_line, step_progress
from neurorecon.cli.options import (
    COMPUTE_PANEL,
    INPUT_PANEL,
    OUTPUT_PANEL,
    BatchCrops,
    Dataset,
    Device,
    DeviceOption,
    LearningRate,
    Overwrite,
    Precision,
    PrecisionOption,
    Seed,
)


class Transfer(Enum):
    """How the 2D patch kernel gets a depth."""

    scratch = "scratch"
    average = "average"
    center = "center"
    tubular = "tubular"


class Preset(Enum):
    """How large the student is."""

    tiny = "tiny"
    small = "small"
    base = "base"


def distill(
    teacher: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="2D Vision Transformer, by timm's name, e.g. vit_small_patch16_224.dino.",
            rich_help_panel=INPUT_PANEL,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="Student to write (.safetensors), for `train --init`.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ],
    teacher_weights: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The teacher's weights in a local .safetensors file.",
            show_default="timm's cache or the model hub",
            rich_help_panel=INPUT_PANEL,
        ),
    ] = None,
    stacks: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="GLOB...",
            help="Unlabelled stacks: files or quoted globs, several after one --stacks.",
            rich_help_panel=INPUT_PANEL,
        ),
    ] = None,
    more_stacks: Annotated[
        list[Path] | None, typer.Argument(metavar="STACK...", help="More of --stacks.")
    ] = None,
    dataset: Dataset = None,
    transfer: Annotated[
        Transfer,
        typer.Option(
            help="How weights move to 3D before distillation: the patch kernel repeated along "
            "depth (average), in the middle slice (center), along deformable tubes of three axes "
            "(tubular), or not at all (scratch).",
            rich_help_panel=COMPUTE_PANEL,
        ),
    ] = Transfer.average,
    steps: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            help="Optimiser steps of feature distillation; 0 moves weights only.",
            rich_help_panel=COMPUTE_PANEL,
        ),
    ] = 1000,
    preset: Annotated[
        Preset | None,
        typer.Option(
            help="Size of the student: tokens of width 192, 384 or 768, in 6, 8 or 12 blocks; a "
            "teacher's weights fit where its own tokens are as wide.",
            show_default="that of the teacher's width",
            rich_help_panel=COMPUTE_PANEL,
        ),
    ] = None,
    latent_tubes: Annotated[
        bool,
        typer.Option(
            "--latent-tubes",
            help="Give the student deformable tubes between its features too: they join what "
            "lies along a neurite, for a third more time.",
            rich_help_panel=COMPUTE_PANEL,
        ),
    ] = False,
    batch_size: BatchCrops = 2,
    learning_rate: LearningRate = 1e-3,
    device: DeviceOption = Device.auto,
    precision: PrecisionOption = Precision.auto,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> list[Path]:
    """Start a student from a 2D transformer trained on natural images. Prints the file written."""
    from neurorecon.commands.distill import DistillRequest
    from neurorecon.commands.distill import distill as run
    from neurorecon.config import DISTILLATION_ENCODER_RATE, TrainConfig
    from neurorecon.io.address import in_dataset

    # A shell expands `--stacks *.tif` to one option value and further arguments.
    patterns = [*(stacks or []), *(more_stacks or [])]
    request = DistillRequest(
        teacher=teacher,
        teacher_weights=teacher_weights,
        transfer=transfer.value,
        preset=preset.value if preset else None,
        latent_tubes=latent_tubes,
        stacks=tuple(in_dataset(path, dataset) for each in patterns for path in _expand(each)),
        target=out,
        config=TrainConfig(
            steps=steps,
            batch_size=batch_size,
            learning_rate=learning_rate,
            encoder_rate=DISTILLATION_ENCODER_RATE,
            seed=seed,
        ),
        device=device.value,
        precision=precision.value,
        overwrite=overwrite,
    )
    run(request, note_line, partial(step_progress, label="distilling"))
    typer.echo(out)
    return [out]


def _expand(pattern: Path) -> list[Path]:
    """The files of a glob that the shell left alone; a plain path is itself."""
    if pattern.exists() or not any(sign in pattern.name for sign in "*?["):
        return [pattern]
    return sorted(pattern.parent.glob(pattern.name)) or [pattern]
