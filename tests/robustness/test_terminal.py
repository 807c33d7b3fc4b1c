"""Ctrl-C at any moment, readers that go away, no terminal, no home, no language."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
import timm
from corpus import TREE, write_companions
from counts import SEED, cases, record, some
from running import Runner, contents
from safetensors.torch import save_file

TOOL = f"{shlex.quote(sys.executable)} -m neurorecon"
COMMANDS: dict[str, tuple[str, ...]] = {
    "segment": ("segment", "stack.tif", "--model", "model.safetensors", "--out", "out.tif"),
    "trace": ("trace", "stack.tif", "--out", "out.swc", "--preview", "out.png"),
    "evaluate": ("evaluate", "tree.swc", "tree.swc", "--report", "out.html"),
    "simulate": ("simulate", "tree.swc", "--out", "made"),
    "train": (
        *("train", "--data", "pairs", "--init", "model.safetensors", "--steps", "4"),
        *("--out", "o.safetensors"),
    ),
    "distill": (
        *("distill", "--teacher", "vit_tiny_patch16_224"),
        *("--teacher-weights", "../vit.safetensors", "--stacks", "stack.tif"),
        *("--steps", "2", "--batch-size", "1", "--out", "o.safetensors"),
    ),
    "run": (
        *("run", "stack.tif", "--model", "model.safetensors", "--threshold", "0.01"),
        *("--voxel-size", "2", "1", "1", "--out", "out"),
    ),
    "view": ("view", "stack.tif", "tree.swc", "--out", "out.html"),
    "convert": ("convert", "tree.swc", "--smooth", "2", "--out", "out.swc"),
    "info": ("info", "stack.tif"),
    "models": ("models",),
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    write_companions(folder)
    (folder / "pairs").mkdir()
    shutil.copy(folder / "stack.tif", folder / "pairs")
    (folder / "pairs" / "stack.swc").write_text(TREE)
    return folder


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("teacher") / "vit.safetensors"
    save_file(timm.create_model("vit_tiny_patch16_224").state_dict(), path)
    return path


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", COMMANDS)
def test_stopped_at_any_moment(
    command: str, number: int, runner: Runner, prepared: Path, teacher: Path, tmp_path: Path
) -> None:
    (tmp_path / "vit.safetensors").symlink_to(teacher)
    shutil.copytree(prepared, tmp_path / "whole")
    whole = runner.run(COMMANDS[command], tmp_path / "whole")
    assert whole.code == 0, whole.told()
    rng = Random(SEED + number)
    for attempt in range(cases(1, 20)):
        folder = tmp_path / str(attempt)
        shutil.copytree(prepared, folder)
        moment = rng.uniform(0.02, whole.seconds)
        outcome = runner.run(COMMANDS[command], folder, signal=[number, moment])
        # The bare signal: before Python has come to the point of handling it.
        handled = 130 if number == signal.SIGINT else 143
        assert outcome.code in (0, handled, -number), f"after {moment:.3f} s: {outcome.told()}"
        assert "Traceback" not in outcome.stderr and "Exception" not in outcome.stderr
        assert not [name for name in contents(folder) if ".partial" in name], outcome.told()
        shutil.rmtree(folder)
    record("Ctrl-C and SIGTERM", f"{command}, {signal.Signals(number).name}", cases(1, 20))


def _shell(line: str, folder: Path, **environment: str | None) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, **environment}
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"],
        cwd=folder,
        env={name: value for name, value in variables.items() if value is not None},
        capture_output=True,
        text=True,
        start_new_session=True,  # no terminal
    )


_PIPES = [
    "evaluate tree.swc tree.swc --json | head -c 1",
    "segment stack.tif --model model.safetensors --out - | head -c 8",
    "models | head -n 1",
    "--help | head -n 1",
    "segment --help | head -n 1",
    "models | true",
    "simulate tree.swc --out made | true",
]


@pytest.mark.parametrize("line", some(_PIPES, 1))
def test_a_reader_that_goes_away(line: str, prepared: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(prepared, folder)
    done = _shell(f"{TOOL} {line}", folder)
    assert done.returncode == 0, done.stderr
    assert "Error" not in done.stderr and "Exception" not in done.stderr
    record("broken pipe", f"`neurorecon {line}`", 1)


_BARE: dict[str, dict[str, str | None]] = {
    "LC_ALL=C, no UTF-8": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "no HOME": {"HOME": None},
    "HOME is a file": {"HOME": "/dev/null"},
    "LANG=C": {"LANG": "C", "LC_ALL": None, "LC_CTYPE": None},
    "no TERM": {"TERM": None},
    "TERM=dumb, 10 columns": {"TERM": "dumb", "COLUMNS": "10"},
}


@pytest.mark.parametrize("name", some(list(_BARE), 1))
def test_a_bare_environment(name: str, prepared: Path, tmp_path: Path) -> None:
    folder = tmp_path / "Zell-Äste µ"
    shutil.copytree(prepared, folder)
    (folder / "stack.tif").rename(folder / "Äste.tif")
    lines = [
        f"{TOOL} trace Äste.tif --voxel-size 1 1 1 --out Äste.swc",
        f"{TOOL} info Äste.tif",
        f"{TOOL} models",
    ]
    done = _shell(" && ".join(lines), folder, **_BARE[name])
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Äste.swc\n")
    record("environment", name, 3)


def test_no_standard_streams(prepared: Path, tmp_path: Path) -> None:
    shutil.copytree(prepared, tmp_path / "run")
    line = f"{TOOL} trace stack.tif --out a.swc <&- >&- 2>&-"
    assert _shell(line, tmp_path / "run").returncode == 0
    assert (tmp_path / "run" / "a.swc").is_file()
    record("environment", "standard streams closed", 1)
