"""`neurorecon train`."""

from __future__ import annotations

import os
from enum import StrEnum
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
    Device,
    DeviceOption,
    LearningRate,
    Overwrite,
    Precision,
    PrecisionOption,
    Seed,
    complete_model,
)

VALIDATION_PANEL = "Validation"
LEARNING_PANEL = "Learning"


class Criterion(StrEnum):
    """Which score chooses the weights."""

    f1 = "f1"
    dice = "dice"


def train(
    data: Annotated[
        Path,
        typer.Option(
            metavar="DIR|CSV",
            help="Folder of name.tif + name.swc (or name_label.tif, a mask) pairs, or a CSV with "
            "the columns image, swc (or mask) and, where the files do not say it, swc_units (um "
            "or voxel) and voxel_size (z,y,x in µm).",
            rich_help_panel=INPUT_PANEL,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="Model to write (.safetensors).",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ],
    init: Annotated[
        str,
        typer.Option(
            metavar="FILE|NAME|scratch",
            autocompletion=complete_model,
            help="Where to start: a model of `train` or `distill`, a shipped model, or scratch.",
            rich_help_panel=INPUT_PANEL,
        ),
    ] = "default",
    steps: Annotated[
        int,
        typer.Option(metavar="N", min=1, help="Optimiser steps.", rich_help_panel=COMPUTE_PANEL),
    ] = 2000,
    validation: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR|CSV",
            help="Pairs kept out of training, as --data: the weights and the threshold that do "
            "best on them are kept.",
            show_default="none: the last weights are kept",
            rich_help_panel=VALIDATION_PANEL,
        ),
    ] = None,
    validate_every: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Steps between validations.",
            show_default="a tenth of --steps",
            rich_help_panel=VALIDATION_PANEL,
        ),
    ] = None,
    select: Annotated[
        Criterion,
        typer.Option(
            help="What decides which weights are best: the F1 that allows for centrelines a few "
            "voxels off, or the Dice of voxels.",
            rich_help_panel=VALIDATION_PANEL,
        ),
    ] = Criterion.f1,
    simulated: Annotated[
        float,
        typer.Option(
            metavar="F",
            min=0.0,
            max=1.0,
            help="Share of crops from stacks that are simulated on the fly, 0 to 1.",
            rich_help_panel=LEARNING_PANEL,
        ),
    ] = 0.0,
    cldice: Annotated[
        float,
        typer.Option(
            metavar="F",
            min=0.0,
            help="Weight of the centreline loss (soft clDice) against Dice and cross-entropy, "
            "which have 1.",
            rich_help_panel=LEARNING_PANEL,
        ),
    ] = 0.0,
    invert: Annotated[
        float,
        typer.Option(
            "--invert-share",
            metavar="F",
            min=0.0,
            max=1.0,
            help="Share of crops shown with dark neurites on bright background, 0 to 1, for a "
            "model that reads both kinds without `segment --invert`.",
            rich_help_panel=LEARNING_PANEL,
        ),
    ] = 0.0,
    batch_size: BatchCrops = 2,
    accumulate: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            help="Batches that one step adds up, where memory is too small for a larger batch.",
            rich_help_panel=COMPUTE_PANEL,
        ),
    ] = 1,
    learning_rate: LearningRate = 2e-3,
    device: DeviceOption = Device.auto,
    precision: PrecisionOption = Precision.auto,
    seed: Seed = 0,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on from the state that a stopped run with the same options left beside --out.",
            rich_help_panel=COMPUTE_PANEL,
        ),
    ] = False,
    overwrite: Overwrite = False,
) -> list[Path]:
    """Teach a model from stacks with traced trees or painted masks. Prints the file written.

    Figures (CSV and TensorBoard) and pictures of the run go to a folder beside the model, named
    after it with _log. On several GPUs or machines: torchrun --nproc-per-node 4 -m neurorecon
    train ...
    """
    from neurorecon.commands.train import TrainRequest, ValidationRequest
    from neurorecon.commands.train import train as run
    from neurorecon.config import AugmentConfig, LossConfig, SimulatedConfig, TrainConfig

    config = TrainConfig(
        steps=steps,
        batch_size=batch_size,
        accumulate=accumulate,
        learning_rate=learning_rate,
        seed=seed,
        loss=LossConfig(cldice=cldice),
        augment=AugmentConfig(invert_share=invert),
        simulated=SimulatedConfig(share=simulated),
    )
    every = validate_every or max(1, steps // 10)
    request = TrainRequest(
        data=data,
        target=out,
        init=init,
        config=config,
        validation=ValidationRequest(validation, every, select.value) if validation else None,
        device=device.value,
        precision=precision.value,
        resume=resume,
        overwrite=overwrite,
    )
    run(request, note_line, partial(step_progress, label="training"))
    if os.environ.get("RANK", "0") != "0":  # of torchrun's processes, the first wrote it
        return []
    typer.echo(out)
    return [out]
