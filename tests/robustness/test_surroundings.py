"""Full disks, places that cannot be written, odd names, two runs at once: clear, nothing lost."""

import os
import shutil
from pathlib import Path

import pytest
import sandbox
from corpus import TREE, write_companions
from counts import record
from running import Outcome, Runner, contents

SEGMENT = ("segment", "stack.tif", "--model", "model.safetensors", "--out", "out/a.tif")
TRACE = ("trace", "stack.tif", "--out", "out/a.swc", "--preview", "out/a.png")
SIMULATE = ("simulate", "tree.swc", "--out", "out")
TRAIN = (
    *("train", "--data", "pairs", "--init", "model.safetensors", "--steps", "1"),
    *("--out", "out/a.safetensors"),
)
WRITERS = {"segment": SEGMENT, "trace": TRACE, "simulate": SIMULATE, "train": TRAIN}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_companions(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "pairs").mkdir()
    shutil.copy(tmp_path / "stack.tif", tmp_path / "pairs")
    (tmp_path / "pairs" / "stack.swc").write_text(TREE)
    return tmp_path


def _in(name: str, folder: Path) -> None:
    if why := sandbox.why_not(name, folder):
        pytest.skip(why)


def _one_line(outcome: Outcome, code: int, *parts: str) -> None:
    assert outcome.code == code, outcome.told()
    assert len(outcome.errors) == 1 and "Traceback" not in outcome.stderr, outcome.told()
    for part in parts:
        assert part in outcome.errors[0].lower(), outcome.told()


@pytest.mark.parametrize("command", WRITERS)
def test_a_full_disk(command: str, folder: Path, runner: Runner) -> None:
    _in("small disk", folder / "out")
    situation = ["small disk", str(folder / "out"), 0]
    before = contents(folder)
    outcome = runner.run(WRITERS[command], folder, situation=situation)
    _one_line(outcome, 1, "no space left", "out")
    assert contents(folder) == before
    record("full disk", command, 1)


@pytest.mark.parametrize("command", WRITERS)
def test_a_read_only_output(command: str, folder: Path, runner: Runner) -> None:
    _in("read only", folder / "out")
    before = contents(folder)
    outcome = runner.run(WRITERS[command], folder, situation=["read only", str(folder / "out")])
    _one_line(outcome, 2, "cannot be written")
    assert contents(folder) == before
    record("read-only output", command, 1)


@pytest.mark.parametrize("command", WRITERS)
def test_no_permission_to_write(command: str, folder: Path, runner: Runner) -> None:
    _in("plain user", folder)
    (folder / "out").chmod(0o500)
    outcome = runner.run(WRITERS[command], folder, situation=["plain user", str(folder)])
    _one_line(outcome, 2, "cannot be written")
    assert not list((folder / "out").iterdir())
    record("no permission", f"{command}, output", 1)


@pytest.mark.parametrize(
    ("file", "arguments"),
    [
        ("stack.tif", SEGMENT),
        ("stack.tif", TRACE),
        ("model.safetensors", SEGMENT),
        ("tree.swc", ("evaluate", "tree.swc", "tree.swc")),
        ("tree.swc", SIMULATE),
        ("pairs/stack.tif", TRAIN),
    ],
)
def test_no_permission_to_read(
    file: str, arguments: tuple[str, ...], folder: Path, runner: Runner
) -> None:
    _in("plain user", folder)
    (folder / file).chmod(0)
    outcome = runner.run(arguments, folder, situation=["plain user", str(folder)])
    _one_line(outcome, 2, Path(file).name)
    assert "permission" in outcome.stderr.lower() or "not readable" in outcome.stderr
    record("no permission", f"{arguments[0]}, {file}", 1)


NOT_UTF_8 = os.fsdecode(b"m\xf6")


@pytest.mark.parametrize(
    "name", ["two words", "Zell-Äste µ", "神経", "a'b\"c", "-dash", "%s $HOME", "$x$", NOT_UTF_8]
)
def test_unusual_names(name: str, folder: Path, runner: Runner) -> None:
    place = folder / name
    place.mkdir()
    stack = place / f"{name}.tif"
    shutil.copy(folder / "stack.tif", stack)
    model = place / f"{name}.safetensors"
    if name == NOT_UTF_8:  # which is refused of models
        model = folder / "model.safetensors"
    else:
        shutil.copy(folder / "model.safetensors", model)
    written = place / f"{name}_seg.tif"
    outcome = runner.run(["segment", stack, "--model", model], folder)
    assert outcome.stdout == f"{written}\n", outcome.told()
    tree = place / f"{name}.swc"
    trace = ["trace", stack, "--out", tree, "--preview", place / f"{name}.png"]
    outcome = runner.run([*trace, "--report", place / f"{name}.json"], folder)
    assert outcome.stdout.startswith(f"{tree}\n"), outcome.told()
    for command in (
        ["evaluate", tree, folder / "tree.swc", "--report", place / f"{name}.html"],
        ["view", stack, tree, "--out", place / f"{name}_view.html"],
        ["convert", tree, "--out", place / f"{name}.csv"],
        ["run", stack, "--model", model, "--out", place / "runs", "--threshold", "0.02"],
    ):
        outcome = runner.run(command, folder)
        assert outcome.code == 0, outcome.told()
    record("unusual names", repr(name), 6)


@pytest.mark.parametrize("command", ["segment", "trace", "simulate"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_two_runs_at_once(command: str, overwrite: bool, folder: Path, runner: Runner) -> None:
    arguments = [*WRITERS[command], *(["--overwrite"] if overwrite else [])]
    alone = runner.run(arguments, folder)
    assert alone.code == 0, alone.told()
    expected = contents(folder)
    shutil.rmtree(folder / "out")
    (folder / "out").mkdir()
    outcomes = runner.run_at_once([(arguments, {}), (arguments, {})], folder)
    for outcome in outcomes:
        if outcome.code:  # too late, or while the other was at it
            _one_line(outcome, 2)
            late, beside = "--overwrite to", "another process is writing"
            assert beside in outcome.stderr or (late in outcome.stderr and not overwrite)
    assert 0 in [outcome.code for outcome in outcomes]
    assert contents(folder) == expected
    record("two runs at once", f"{command}{' --overwrite' * overwrite}", 2)
