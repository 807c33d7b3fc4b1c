"""Runs that are stopped go on to the same bytes; runs that changed are refused."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner, Result

from neurorecon.cli.app import app
from neurorecon.commands.segment import memory
from neurorecon.commands.segment import run as command
from neurorecon.io.stack import open_stack, read_volume
from neurorecon.io.unfinished import unfinished_folder
from neurorecon.segmentation import blocks

SHAPE = (16, 110, 450)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several blocks in a small stack."""
    for module in (blocks, memory):
        monkeypatch.setattr(module, "CORE_EDGE", 64)


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    path = tmp_path / "a.tif"
    array = np.random.default_rng(7).integers(0, 200, SHAPE).astype(np.uint8)
    tifffile.imwrite(path, array, photometric="minisblack")
    return path


def _segment(stack: Path, model: Path, out: str, *options: object) -> Result:
    target = stack.with_name(out)
    command = ["segment", stack, "--model", model, "--out", target, *options]
    return CliRunner().invoke(app, [*map(str, command)])


def _bytes(path: Path) -> Any:
    """All files of an output, by name."""
    if path.is_file():
        return path.read_bytes()
    return {str(f.relative_to(path)): f.read_bytes() for f in path.rglob("*") if f.is_file()}


def _stop_after(count: int, error: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    """The run ends by `error` when it has finished so many blocks."""
    finish, done = command.Unfinished.finish, []

    def counted(self: Any, number: int) -> None:
        finish(self, number)
        done.append(number)
        if len(done) == count:
            raise error

    monkeypatch.setattr(command.Unfinished, "finish", counted)


@pytest.mark.parametrize("out", ["b.tif", "b.ome.zarr"])
def test_a_run_that_was_interrupted_twice_ends_with_the_same_bytes(
    stack: Path, small_model: Path, monkeypatch: pytest.MonkeyPatch, out: str
) -> None:
    assert _segment(stack, small_model, f"whole_{out}").exit_code == 0
    for options in ((), ("--resume",)):
        with monkeypatch.context() as patch:
            _stop_after(1, KeyboardInterrupt, patch)
            result = _segment(stack, small_model, out, *options)
        assert result.exit_code == 130
        assert "--resume" in result.stderr and not stack.with_name(out).exists()
    assert _segment(stack, small_model, out, "--resume").exit_code == 0
    assert _bytes(stack.with_name(out)) == _bytes(stack.with_name(f"whole_{out}"))
    assert not list(stack.parent.glob(".*"))


def _interrupted(stack: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        _stop_after(1, KeyboardInterrupt, patch)
        assert _segment(stack, model, "b.tif").exit_code == 130


def test_what_changed_is_named_and_refused(
    stack: Path, small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _interrupted(stack, small_model, monkeypatch)
    resumed = _segment(stack, small_model, "b.tif", "--resume", "--overlap", 0.5)
    assert resumed.exit_code == 2 and "--overlap was 0.25 and is 0.5" in resumed.stderr
    array = tifffile.imread(stack)
    array[0, 0, 0] += 1
    tifffile.imwrite(stack, array, photometric="minisblack")
    resumed = _segment(stack, small_model, "b.tif", "--resume")
    assert resumed.exit_code == 2 and "the input was" in resumed.stderr


def test_an_unfinished_run_is_neither_lost_nor_made_up(
    stack: Path, small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = _segment(stack, small_model, "b.tif", "--resume")
    assert missing.exit_code == 2 and "without --resume" in missing.stderr
    _interrupted(stack, small_model, monkeypatch)
    again = _segment(stack, small_model, "b.tif")
    assert again.exit_code == 2 and "--resume" in again.stderr
    assert _segment(stack, small_model, "b.tif", "--overwrite").exit_code == 0
    assert not list(stack.parent.glob(".*"))


def test_what_was_killed_before_its_first_block_just_starts_again(
    stack: Path, small_model: Path
) -> None:
    unfinished_folder(stack.with_name("b.tif")).mkdir()
    resumed = _segment(stack, small_model, "b.tif", "--resume")
    assert resumed.exit_code == 2 and "without --resume" in resumed.stderr
    assert _segment(stack, small_model, "b.tif").exit_code == 0


def test_a_run_that_is_under_way_is_left_alone(
    stack: Path, small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish, others = command.Unfinished.finish, []

    def beside(self: Any, number: int) -> None:
        finish(self, number)
        if number == 0:
            options = ("--overwrite", "--resume")
            others.extend(_segment(stack, small_model, "b.tif", option) for option in options)

    monkeypatch.setattr(command.Unfinished, "finish", beside)
    assert _segment(stack, small_model, "b.tif").exit_code == 0
    assert [other.exit_code for other in others] == [2, 2]
    assert all("another process" in other.stderr for other in others)
    assert not list(stack.parent.glob(".*"))


def test_a_run_that_ended_while_this_one_began_is_not_done_again(
    stack: Path, small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both had seen that there is no output; the other was done before this one had the lock."""
    lock = command.locked

    @contextmanager
    def late(path: Path) -> Iterator[bool]:
        stack.with_name("b.tif").write_bytes(b"of the other run")
        with lock(path) as free:
            yield free

    monkeypatch.setattr(command, "locked", late)
    result = _segment(stack, small_model, "b.tif")
    assert result.exit_code == 2 and "add --overwrite" in result.stderr
    assert stack.with_name("b.tif").read_bytes() == b"of the other run"
    assert not list(stack.parent.glob(".*"))


def test_a_killed_process_is_gone_on_with(stack: Path, small_model: Path) -> None:
    """The real thing: SIGKILL in the middle, and what it left."""
    target = stack.with_name("b.tif")
    in_small_blocks = (
        "import sys; import neurorecon.segmentation.blocks as blocks; blocks.CORE_EDGE = 64; "
        "import neurorecon.commands.segment.memory as memory; memory.CORE_EDGE = 64; "
        "from neurorecon.cli import main; main()"
    )
    arguments = ["segment", str(stack), "--model", str(small_model), "--out", str(target)]
    process = subprocess.Popen(
        [sys.executable, "-c", in_small_blocks, *arguments], stderr=subprocess.DEVNULL
    )
    finished = unfinished_folder(target) / "finished"
    while process.poll() is None and not (finished.exists() and finished.read_text()):
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not target.exists()
    assert _segment(stack, small_model, "b.tif", "--resume").exit_code == 0
    assert _segment(stack, small_model, "whole.tif").exit_code == 0
    assert target.read_bytes() == stack.with_name("whole.tif").read_bytes()


def test_an_ome_zarr_is_a_segmentation_on_the_stacks_grid(stack: Path, small_model: Path) -> None:
    for out, options in (("b.tif", ()), ("b.zarr", ("--ome-version", "0.5"))):
        result = _segment(stack, small_model, out, "--voxel-size", 2, 0.5, 0.5, *options)
        assert result.exit_code == 0, result.stderr
    as_tiff, as_zarr = (read_volume(stack.with_name(name)) for name in ("b.tif", "b.zarr"))
    np.testing.assert_array_equal(as_tiff.array, as_zarr.array)
    assert as_zarr.grid.voxel_size_zyx == (2, 0.5, 0.5)
    with open_stack(stack.with_name("b.zarr")) as opened:
        assert opened.is_probability


def test_only_a_store_is_replaced_by_a_store(stack: Path, small_model: Path) -> None:
    folder = stack.with_name("b.zarr")
    folder.mkdir()
    (folder / "thesis.txt").write_text("precious")
    assert _segment(stack, small_model, "b.zarr", "--overwrite").exit_code == 2
    assert (folder / "thesis.txt").read_text() == "precious"
