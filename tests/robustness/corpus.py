"""Small valid files of every kind that neurorecon reads: what the mutators start from.

A new format joins by one `sample` here; all mutators of its kind, and all commands, then apply.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch
import zarr

sys.path.append(str(Path(__file__).parents[1]))
from stack_files import WRITERS

from neurorecon.io.checkpoint import save_checkpoint
from neurorecon.model.config import StudentConfig
from neurorecon.model.segmenter import Segmenter

STUDENT = StudentConfig(width=12, heads=2, depth=1, channels=(2, 4, 4, 4))
SHAPE_ZYX = (6, 20, 24)


@dataclass(frozen=True)
class Sample:
    """A valid file. kind: what it is read as; suffix: of its name; write: makes it at a path."""

    name: str
    kind: str
    suffix: str
    write: Callable[[Path], object]


SAMPLES: list[Sample] = []


def sample(
    kind: str, suffix: str, **options: Any
) -> Callable[[Callable[..., object]], Callable[..., object]]:
    """Register the decorated function; `options` are handed to it."""

    def register(write: Callable[..., object]) -> Callable[..., object]:
        name = " ".join([write.__name__.removeprefix("_").replace("_", " "), *map(str, options)])
        SAMPLES.append(Sample(name, kind, suffix, lambda path: write(path, **options)))
        return write

    return register


def neurite() -> np.ndarray:
    """(6, 20, 24) uint8: a bright tube along x on noise, which every command makes something of."""
    array = np.random.default_rng(0).integers(0, 12, SHAPE_ZYX).astype(np.uint8)
    array[2:4, 9:12, 2:22] = 230
    return array


_IMAGEJ = {"imagej": True, "metadata": {"axes": "ZYX", "spacing": 2.0, "unit": "um"}}
_OME = {"ome": True, "metadata": {"axes": "ZYX", "PhysicalSizeX": 0.5, "PhysicalSizeZ": 2.0}}


@sample("tiff", ".tif")
@sample("tiff", ".tif", metadata=None)
@sample("tiff", ".tif", **_IMAGEJ)
@sample("tiff", ".ome.tif", **_OME)
@sample("tiff", ".tif", compression="zlib")
@sample("tiff", ".tif", tile=(16, 16), compression="lzw", metadata=None)
@sample("tiff", ".tif", compression="zstd", predictor=True, rowsperstrip=7)
@sample("tiff", ".tif", compression="packbits", rowsperstrip=5)
@sample("tiff", ".tif", bigtiff=True, metadata=None)
@sample("tiff", ".tif", byteorder=">", bigtiff=True, compression="zlib")
@sample("tiff", ".tif", volumetric=True, tile=(16, 16, 16))
def _tiff(path: Path, **options: Any) -> None:
    tifffile.imwrite(path, neurite(), photometric="minisblack", **options)


@sample("tiff", ".tif")
def _tiff_of_floats(path: Path) -> None:
    tifffile.imwrite(path, neurite().astype(np.float32) / 255, photometric="minisblack")


@sample("zarr", ".ome.zarr", zarr_format=2)
@sample("zarr", ".ome.zarr", zarr_format=3)
def _omezarr(path: Path, zarr_format: int) -> None:
    group = zarr.open_group(path, mode="w", zarr_format=zarr_format)
    chunks = {"chunk_key_encoding": {"name": "v2", "separator": "/"}} if zarr_format == 2 else {}
    array = group.create_array("0", data=neurite(), chunks=(3, 16, 16), **chunks)
    assert array.shape == SHAPE_ZYX
    described = {
        "version": "0.4" if zarr_format == 2 else "0.5",
        "axes": [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "zyx"],
        "datasets": [
            {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [2, 0.5, 0.5]}]}
        ],
    }
    attributes = {"multiscales": [described]}
    group.attrs.update(attributes if zarr_format == 2 else {"ome": attributes})


@sample("zarr", ".zarr")
def _zarr_array(path: Path) -> None:
    array = zarr.create_array(
        path, shape=SHAPE_ZYX, chunks=(6, 10, 24), dtype="u1", zarr_format=2, compressors=None
    )
    array[:] = neurite()


# Further formats of one file: each joins as soon as tests/stack_files.py can write it.
for _name, _write in WRITERS.items():
    if _name.endswith((".nrrd", ".h5", ".ims", ".v3draw", ".v3dpbd", ".nii", ".nii.gz", ".lsm")):
        SAMPLES.append(Sample(_name, "file", "".join(Path(_name).suffixes), _write))


TREE = """# unit voxel
1 1 4.0 10.0 3.0 3.0 -1
2 3 8.0 10.5 3.0 1.0 1
3 3 12.0 11.0 3.0 1.0 2
4 3 16.0 9.0 2.0 0.8 3
5 3 16.0 13.0 4.0 0.8 3
6 3 20.0 8.0 2.0 0.7 4
"""


@sample("swc", ".swc")
def _swc(path: Path) -> None:
    path.write_text(TREE)


@sample("model", ".safetensors")
def _model(path: Path) -> None:
    torch.manual_seed(0)
    save_checkpoint(path, Segmenter(STUDENT).state_dict(), {"config": STUDENT.to_dict()})


@sample("pairs", ".csv")
def _training_pairs(path: Path) -> None:
    path.write_text('image,swc,swc_units,voxel_size\nstack.tif,tree.swc,voxel,"2,0.5,0.5"\n')


@sample("cases", ".csv")
def _cases(path: Path) -> None:
    path.write_text("test,gold\ntree.swc,tree.swc\n")


@sample("verdicts", ".csv")
def _verdicts(path: Path) -> None:
    path.write_text("id,kind,verdict\nbridge-4060fdb3,bridge,accept\nring-1,ring,reject\n")


def write_companions(folder: Path) -> None:
    """The valid files that commands need beside the one under test."""
    tifffile.imwrite(folder / "stack.tif", neurite(), photometric="minisblack")
    (folder / "tree.swc").write_text(TREE)
    next(one for one in SAMPLES if one.kind == "model").write(folder / "model.safetensors")
    mask = (neurite() > 100).astype(np.uint8)
    tifffile.imwrite(folder / "mask.tif", mask, photometric="minisblack")


_STACK_COMMANDS = (
    ("segment", "{file}", "--model", "model.safetensors", "--out", "out.tif"),
    ("trace", "{file}", "--input", "probability", "--out", "out.swc"),
    ("trace", "{file}", "--input", "raw", "--out", "out.swc", "--preview", "out.png"),
    ("evaluate", "{file}", "mask.tif"),
    ("evaluate", "mask.tif", "{file}"),
)
COMMANDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "tiff": _STACK_COMMANDS,
    "zarr": _STACK_COMMANDS,
    "file": _STACK_COMMANDS,
    "swc": (
        ("evaluate", "{file}", "tree.swc"),
        ("evaluate", "tree.swc", "{file}"),
        ("evaluate", "mask.tif", "{file}"),
        ("simulate", "{file}", "--out", "made"),
    ),
    "model": (
        ("segment", "stack.tif", "--model", "{file}", "--out", "out.tif"),
        ("train", "--data", ".", "--init", "{file}", "--out", "o.safetensors", "--steps", "1"),
    ),
    "pairs": (("train", "--data", "{file}", "--out", "o.safetensors", "--steps", "1"),),
    "cases": (("evaluate", "{file}"),),
    "verdicts": (("trace", "stack.tif", "--verdicts", "{file}", "--out", "out.swc"),),
}
