"""Stacks that are read where they lie, and a limit on memory."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from typer.testing import CliRunner, Result

from neurorecon.cli.app import app
from neurorecon.commands.segment import run as command
from neurorecon.model.runtime import resident_bytes

SHAPE = (33, 150, 170)
STACK = np.random.default_rng(7).integers(0, 200, SHAPE).astype(np.uint16)


def _segment(stack: Path, model: Path, out: Path, *options: object) -> Result:
    arguments = ["segment", stack, "--model", model, "--out", out, *options]
    return CliRunner().invoke(app, [*map(str, arguments)])


def _written(folder: Path, kind: str) -> Path:
    path = folder / f"{kind}.tif"
    if kind == "zarr":
        path = folder / "a.zarr"
        array = zarr.create_array(path, shape=SHAPE, chunks=(10, 50, 70), dtype=STACK.dtype)
        array[:] = STACK
    elif kind == "planes":
        tifffile.imwrite(path, STACK, compression="zlib", photometric="minisblack")
    elif kind == "tiles":
        tifffile.imwrite(
            path, STACK, bigtiff=True, tile=(64, 64), compression="zlib", photometric="minisblack"
        )
    else:
        tifffile.imwrite(path, STACK, photometric="minisblack")
    return path


@pytest.mark.parametrize("kind", ["mapped", "planes", "tiles", "zarr"])
def test_a_stack_that_stays_on_disk_gives_what_it_gives_in_memory(
    tmp_path: Path, small_model: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    stack = _written(tmp_path, kind)
    assert _segment(stack, small_model, tmp_path / "1.tif").exit_code == 0
    monkeypatch.setattr(command, "MOST_IN_MEMORY", 1)
    monkeypatch.setattr("neurorecon.commands.segment.source._MOST_IN_VAIN", 0)
    result = _segment(stack, small_model, tmp_path / "2.tif")
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "1.tif").read_bytes() == (tmp_path / "2.tif").read_bytes()
    assert not list(tmp_path.glob(".*"))


def test_a_uniform_stack_on_disk_is_refused_and_leaves_nothing(
    tmp_path: Path, small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "MOST_IN_MEMORY", 1)
    stack = tmp_path / "a.tif"
    tifffile.imwrite(stack, np.full((9, 20, 30), 7, np.uint8), photometric="minisblack")
    result = _segment(stack, small_model, tmp_path / "b.tif")
    assert result.exit_code == 2 and "every voxel is 7" in result.stderr
    assert not list(tmp_path.glob(".*"))


def test_too_little_memory_is_refused_with_what_would_do(tmp_path: Path, small_model: Path) -> None:
    stack = _written(tmp_path, "mapped")
    result = _segment(stack, small_model, tmp_path / "b.tif", "--max-memory", "50M")
    assert result.exit_code == 2 and "at least" in result.stderr
    limit = f"{resident_bytes() // 1_000_000 + 150}M"
    result = _segment(stack, small_model, tmp_path / "b.tif", "--max-memory", limit)
    assert result.exit_code == 0, result.stderr


@pytest.mark.parametrize("size", ["much", "0", "-1G", "3 X"])
def test_a_size_that_is_none_is_refused(tmp_path: Path, small_model: Path, size: str) -> None:
    stack = _written(tmp_path, "mapped")
    result = _segment(stack, small_model, tmp_path / "b.tif", f"--max-memory={size}")
    assert result.exit_code == 2 and "3G or 800M" in result.stderr


def test_empty_space_is_left_out_and_neurite_is_not(tmp_path: Path, small_model: Path) -> None:
    rng = np.random.default_rng(0)
    array = rng.integers(0, 4, (40, 200, 300)).astype(np.uint8)
    array[18:22, 50:54, 20:280] = 200  # a neurite along x; most of y is empty
    stack = tmp_path / "a.tif"
    tifffile.imwrite(stack, array, photometric="minisblack")
    for name, option in (("all", "--no-skip"), ("skipped", "--skip")):
        result = _segment(stack, small_model, tmp_path / f"{name}.tif", option)
        assert result.exit_code == 0, result.stderr
    whole, skipped = (
        tifffile.imread(tmp_path / f"{name}.tif").astype(int) for name in ("all", "skipped")
    )
    assert whole[:, 150:].any() and not skipped[:, 150:].any()
    near = (slice(10, 30), slice(42, 62), slice(12, 288))
    assert skipped[near].all() and np.abs(skipped[near] - whole[near]).mean() < 8
