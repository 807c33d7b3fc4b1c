"""`neurorecon train`."""

from __future__ import annotations

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
    Seed,
)


def train(
    data: Annotated[
        Path,
        typer.Option(
            metavar="DIR|CSV",
            help="Folder of name.tif + name.swc pairs, or a CSV with the columns image, swc and, "
            "where the files do not say it, swc_units (um or voxel) and voxel_size (z,y,x in µm).",
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
            help="Where to start: a model of `train` or `distill`, a shipped model, or scratch.",
            rich_help_panel=INPUT_PANEL,
        ),
    ] = "default",
    steps: Annotated[
        int,
        typer.Option(metavar="N", min=1, help="Optimiser steps.", rich_help_panel=COMPUTE_PANEL),
    ] = 2000,
    batch_size: BatchCrops = 2,
    learning_rate: LearningRate = 1e-3,
    device: DeviceOption = Device.auto,
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
) -> None:
    """Teach a model from stacks with traced trees. Prints the file written."""
    from neurorecon.commands.train import TrainRequest
    from neurorecon.commands.train import train as run
    from neurorecon.config import TrainConfig

    config = TrainConfig(steps=steps, batch_size=batch_size, learning_rate=learning_rate, seed=seed)
    request = TrainRequest(
        data=data,
        target=out,
        init=init,
        config=config,
        device=device.value,
        resume=resume,
        overwrite=overwrite,
    )
    run(request, note_line, partial(step_progress, label="training"))
    typer.echo(out)
