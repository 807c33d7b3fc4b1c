"""Pairs to train on, and runs of `neurorecon train` on them."""

import csv
import json
from pathlib import Path

import numpy as np
import tifffile
from safetensors import safe_open
from typer.testing import CliRunner, Result

from neurorecon.cli.app import app
from neurorecon.io.swc import write_swc
from neurorecon.morphology import Morphology
from neurorecon.volume import Grid

SHAPE = (34, 66, 68)
SIZE = (2.0, 0.5, 0.5)


def _tree(unit: str = "voxel") -> Morphology:
    points = np.array([[10.0, 5, 5], [20.0, 60, 30], [15.0, 30, 60]])
    scale = np.array(SIZE) if unit == "um" else np.ones(3)
    return Morphology(
        points * scale,
        np.full(3, 2.0),
        np.array([-1, 0, 0]),
        np.zeros(3, np.int64),
        "um" if unit == "um" else "voxel",
    )


def write_pair(folder: Path, name: str, unit: str = "voxel", known_size: bool = False) -> None:
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(len(name))
    metadata = {"axes": "ZYX", "spacing": SIZE[0], "unit": "um"} if known_size else None
    options = {"imagej": True, "resolution": (2, 2)} if known_size else {}
    array = rng.integers(0, 100, SHAPE).astype(np.uint8)
    array[8:22, 5:60, 20:30] = 200
    tifffile.imwrite(folder / f"{name}.tif", array, metadata=metadata, **options)
    grid = Grid(SIZE, unit="um") if unit == "um" else Grid()
    write_swc(folder / f"{name}.swc", _tree(unit), grid)


def train(data: Path, out: Path, *arguments: object) -> Result:
    command = ["train", "--data", str(data), "--out", str(out), *map(str, arguments)]
    return CliRunner().invoke(app, command)


def metadata(path: Path) -> dict:
    with safe_open(path, "np") as file:
        return json.loads(file.metadata()["neurorecon"])


def figures(folder: Path) -> list[dict[str, str]]:
    with (folder / "figures.csv").open(newline="") as file:
        return list(csv.DictReader(file))
