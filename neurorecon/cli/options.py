"""Options that several commands share: one name, one meaning, one help text."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

INPUT_PANEL = "Input"
OUTPUT_PANEL = "Output"
COMPUTE_PANEL = "Computing"

VoxelSize = Annotated[
    tuple[float, float, float] | None,
    typer.Option(
        "--voxel-size",
        metavar="Z Y X",
        help="Distance between voxel centres in µm; overrides the file's own.",
        show_default="from the file's metadata",
        rich_help_panel=INPUT_PANEL,
    ),
]
Channel = Annotated[
    int | None,
    typer.Option(
        "--channel",
        metavar="N",
        min=0,
        help="Channel to read from a multi-channel stack, counted from 0.",
        rich_help_panel=INPUT_PANEL,
    ),
]
Dataset = Annotated[
    str | None,
    typer.Option(
        "--dataset",
        metavar="PATH",
        help="Data set of an HDF5 file, level of a Zarr or Imaris file, or scene of a LIF, CZI or "
        "ND2 file; the same as naming it in the path: a.h5/raw.",
        show_default="the only 3D one; the finest level",
        rich_help_panel=INPUT_PANEL,
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite", help="Replace an output that exists.", rich_help_panel=OUTPUT_PANEL
    ),
]
Seed = Annotated[
    int,
    typer.Option("--seed", min=0, help="Random seed; the same seed gives the same output."),
]
Preview = Annotated[
    Path | None,
    typer.Option(
        "--preview",
        metavar="FILE.png",
        help="Also write a picture: projections along three axes with the tree over the stack.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]


class SwcUnits(StrEnum):
    """What the coordinates of an SWC file mean where it does not say so."""

    voxel = "voxel"
    um = "um"


class Device(StrEnum):
    """Where a network runs."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"
    mps = "mps"


DeviceOption = Annotated[
    Device,
    typer.Option(
        "--device",
        help="Where the network runs; auto takes a GPU if there is one.",
        rich_help_panel=COMPUTE_PANEL,
    ),
]


class Precision(StrEnum):
    """Number format of the network's arithmetic."""

    auto = "auto"
    fp32 = "fp32"
    bf16 = "bf16"
    fp16 = "fp16"


PrecisionOption = Annotated[
    Precision,
    typer.Option(
        "--precision",
        help="Arithmetic; auto is fp32 on a CPU, and half precision on a GPU.",
        rich_help_panel=COMPUTE_PANEL,
    ),
]
Dask = Annotated[
    str | None,
    typer.Option(
        "--dask",
        metavar="ADDRESS",
        help="Run on the workers of this Dask cluster (tcp://host:8786, or a scheduler file), "
        "which must see the same files.",
        show_default="in this process",
        rich_help_panel=COMPUTE_PANEL,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        metavar="N",
        min=1,
        help="Run in so many processes on this machine.",
        show_default="in this process",
        rich_help_panel=COMPUTE_PANEL,
    ),
]


def complete_model(incomplete: str) -> list[str]:
    """Names of models for the shell, which adds those of files."""
    from neurorecon.io.models import named_models

    return [model.name for model in named_models() if model.name.startswith(incomplete)]


ModelName = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="NAME|FILE",
        autocompletion=complete_model,
        help="A shipped model's name, or a .safetensors file that `train` wrote.",
        rich_help_panel=COMPUTE_PANEL,
    ),
]
BatchCrops = Annotated[
    int,
    typer.Option(
        "--batch-size",
        metavar="N",
        min=1,
        help="Crops that a step learns from.",
        rich_help_panel=COMPUTE_PANEL,
    ),
]
LearningRate = Annotated[
    float,
    typer.Option(
        "--learning-rate",
        metavar="F",
        min=1e-7,
        max=1.0,
        help="Largest step of the convolutions' weights; the transformer's is 0.3 of it.",
        rich_help_panel=COMPUTE_PANEL,
    ),
]
