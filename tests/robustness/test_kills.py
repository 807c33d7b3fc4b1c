"""Killed at any moment: no half-written file under a final name, and the next run works."""

import json
import shutil
import signal
import tomllib
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from corpus import write_companions
from counts import SEED, cases, record
from running import Runner, contents

_TRAIN = ("train", "--data", "pairs", "--init", "model.safetensors", "--steps", "3")
COMMANDS: dict[str, tuple[str, ...]] = {
    "segment": ("segment", "stack.tif", "--model", "model.safetensors", "--out", "out.tif"),
    "trace": (
        *("trace", "stack.tif", "--out", "out.swc", "--report", "out.json"),
        *("--doubts", "out.csv", "--preview", "out.png"),
    ),
    "train": (*_TRAIN, "--out", "o.safetensors", "--validation", "kept", "--validate-every", "2"),
    "run": (
        *("run", "stack.tif", "--model", "model.safetensors", "--threshold", "0.01"),
        *("--voxel-size", "2", "1", "1", "--out", "out"),
    ),
}
# What a run adds to as it goes, line by line, and what tells when it was and what it found done.
_GROWING = ("figures.csv", "events.out", ".json", ".toml", "summary.csv", "safetensors", "curves")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    write_companions(folder)
    for name in ("pairs", "kept"):
        (folder / name).mkdir()
        shutil.copy(folder / "stack.tif", folder / name / f"{name}.tif")
        shutil.copy(folder / "tree.swc", folder / name / f"{name}.swc")
    return folder


def _files(folder: Path) -> dict[str, str]:
    """Finished files: those that a killed run was still writing have names of their own."""
    return {name: text for name, text in contents(folder).items() if ".partial" not in name}


def _moments(count: int, seconds: float) -> Iterator[dict[str, object]]:
    """Half at changes of the file system, where halves would show; half at random times."""
    rng = Random(SEED)
    for number in range(count):
        if number % 2:
            yield {"signal": [signal.SIGKILL, rng.uniform(0, seconds)]}
        else:
            yield {"kill_at_event": number // 2 % 12}


@pytest.mark.parametrize("command", COMMANDS)
def test_sigkill(command: str, runner: Runner, prepared: Path, tmp_path: Path) -> None:
    arguments = list(COMMANDS[command])
    whole = tmp_path / "whole"
    shutil.copytree(prepared, whole)
    done = runner.run(arguments, whole)
    assert done.code == 0, done.told()
    killed = 0
    for number, moment in enumerate(_moments(cases(2, 50), done.seconds)):
        folder = tmp_path / str(number)
        shutil.copytree(prepared, folder)
        killed += runner.run(arguments, folder, **moment).code == -signal.SIGKILL
        _compare(folder, whole)
        replace = [] if command == "run" else ["--overwrite"]  # `run` knows what it has done
        again = runner.run([*arguments, *replace], folder)
        assert again.code == 0, f"{moment}\n{again.told()}"
        _compare(folder, whole, complete=True)
        shutil.rmtree(folder)
    assert killed >= cases(1, 20)
    record("SIGKILL", command, cases(2, 50), f"{killed} of them before the end")


def _compare(folder: Path, whole: Path, complete: bool = False) -> None:
    """Every file under a final name is the one that an undisturbed run writes."""
    found, expected = _files(folder), _files(whole)
    if complete:
        assert {*expected} - {*found} == set() or "events" in str({*expected} - {*found})
    for name, digest in found.items():
        if name in expected and not any(part in name for part in _GROWING):
            assert digest == expected[name], f"{name} is half-written"
        if name.endswith(".json"):
            json.loads((folder / name).read_text())
        if name.endswith(".toml"):
            tomllib.loads((folder / name).read_text())
        if name.endswith(".safetensors") and name in expected:
            assert (folder / name).stat().st_size == (whole / name).stat().st_size
