import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from safetensors import safe_open
from safetensors.numpy import load_file
from typer.testing import CliRunner, Result

from neurorecon.cli.app import app
from neurorecon.commands.train import run as command
from neurorecon.io.swc import write_swc
from neurorecon.morphology import Morphology
from neurorecon.training.supervised import SupervisedTask
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


def _write_pair(folder: Path, name: str, unit: str = "voxel", known_size: bool = False) -> None:
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(len(name))
    metadata = {"axes": "ZYX", "spacing": SIZE[0], "unit": "um"} if known_size else None
    options = {"imagej": True, "resolution": (2, 2)} if known_size else {}
    array = rng.integers(0, 100, SHAPE).astype(np.uint8)
    array[8:22, 5:60, 20:30] = 200
    tifffile.imwrite(folder / f"{name}.tif", array, metadata=metadata, **options)
    grid = Grid(SIZE, unit="um") if unit == "um" else Grid()
    write_swc(folder / f"{name}.swc", _tree(unit), grid)


def _train(data: Path, out: Path, *arguments: object) -> Result:
    command = ["train", "--data", str(data), "--out", str(out), *map(str, arguments)]
    return CliRunner().invoke(app, command)


def _metadata(path: Path) -> dict:
    with safe_open(path, "np") as file:
        return json.loads(file.metadata()["neurorecon"])


def test_a_folder_of_pairs_trains_a_model_that_segments(tmp_path: Path, small_model: Path) -> None:
    _write_pair(tmp_path / "data", "a")
    _write_pair(tmp_path / "data", "b", "um", known_size=True)
    (tmp_path / "data" / "a_label.tif").touch()  # as `simulate` writes; not a stack to train on
    out = tmp_path / "model.safetensors"
    result = _train(tmp_path / "data", out, "--init", small_model, "--steps", 3)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.strip() == str(out)
    provenance = _metadata(out)["provenance"]
    assert provenance["stacks"] == ["data/a.tif", "data/b.tif"]
    assert provenance["config"]["steps"] == 3 and provenance["init"]["from"] == small_model.name
    segmented = CliRunner().invoke(
        app, ["segment", str(tmp_path / "data" / "b.tif"), "--model", str(out)]
    )
    assert segmented.exit_code == 0, segmented.stderr


def test_a_manifest_says_what_files_do_not(tmp_path: Path, small_model: Path) -> None:
    _write_pair(tmp_path / "data", "a", "um")
    # a tree without a header of ours, in um, and a stack without a voxel size
    swc = tmp_path / "data" / "a.swc"
    swc.write_text("\n".join(line for line in swc.read_text().splitlines() if line[0] != "#"))
    manifest = tmp_path / "pairs.csv"
    with manifest.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "swc", "swc_units", "voxel_size"])
        rows.writerow(["data/a.tif", "data/a.swc", "um", "2,0.5,0.5"])
    out = tmp_path / "model.safetensors"
    assert _train(manifest, out, "--init", small_model, "--steps", 1).exit_code == 0
    manifest.write_text("image,swc,swc_units,voxel_size\ndata/a.tif,data/a.swc,um,\n")
    result = _train(manifest, out, "--init", small_model, "--steps", 1, "--overwrite")
    assert result.exit_code == 2 and "voxel_size" in result.stderr


def test_a_stopped_run_resumes_to_the_same_weights(
    tmp_path: Path, small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write_pair(tmp_path / "data", "a")
    options = ("--init", small_model, "--steps", 5)
    whole, broken = tmp_path / "whole.safetensors", tmp_path / "broken.safetensors"
    assert _train(tmp_path / "data", whole, *options).exit_code == 0

    monkeypatch.setattr(command, "STEPS_BETWEEN_STATES", 2)
    save = command.save_training_state

    def save_and_stop(path: Path, state: dict) -> None:
        save(path, state)
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "save_training_state", save_and_stop)
    stopped = _train(tmp_path / "data", broken, *options)
    assert stopped.exit_code == 130 and not broken.exists()
    monkeypatch.setattr(command, "save_training_state", save)

    other = _train(tmp_path / "data", broken, "--init", small_model, "--steps", 6, "--resume")
    assert other.exit_code == 2 and "another config" in other.stderr
    resumed = _train(tmp_path / "data", broken, *options, "--resume")
    assert resumed.exit_code == 0, resumed.stderr
    weights, wanted = load_file(broken), load_file(whole)
    for name in wanted:
        np.testing.assert_array_equal(weights[name], wanted[name])
    assert not list(tmp_path.glob("*.state"))


def test_an_interrupt_finishes_the_step_and_keeps_the_state(
    tmp_path: Path, small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write_pair(tmp_path / "data", "a")
    options = ("--init", small_model, "--steps", 4)
    whole, broken = tmp_path / "whole.safetensors", tmp_path / "broken.safetensors"
    assert _train(tmp_path / "data", whole, *options).exit_code == 0
    loss = SupervisedTask.loss

    def interrupted_in_the_middle(task: SupervisedTask, step: int, part: int) -> Any:
        if step == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return loss(task, step, part)

    monkeypatch.setattr(SupervisedTask, "loss", interrupted_in_the_middle)
    stopped = _train(tmp_path / "data", broken, *options)
    assert stopped.exit_code == 130 and "--resume" in stopped.stderr
    monkeypatch.setattr(SupervisedTask, "loss", loss)

    again = _train(tmp_path / "data", broken, *options)
    assert again.exit_code == 2 and "--resume" in again.stderr
    assert _train(tmp_path / "data", broken, *options, "--resume").exit_code == 0
    weights, wanted = load_file(broken), load_file(whole)
    for name in wanted:
        np.testing.assert_array_equal(weights[name], wanted[name])
    assert broken.stat().st_mode & 0o777 == (tmp_path / "data" / "a.tif").stat().st_mode & 0o777


def test_a_run_that_is_under_way_is_left_alone(
    tmp_path: Path, small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write_pair(tmp_path / "data", "a")
    out, others = tmp_path / "model.safetensors", []
    options = ("--init", small_model, "--steps", 1)
    loss = SupervisedTask.loss

    def beside(task: SupervisedTask, step: int, part: int) -> Any:
        monkeypatch.setattr(SupervisedTask, "loss", loss)
        more: tuple[tuple[str, ...], ...] = ((), ("--overwrite",), ("--resume",))
        others.extend(_train(tmp_path / "data", out, *options, *extra) for extra in more)
        return loss(task, step, part)

    monkeypatch.setattr(SupervisedTask, "loss", beside)
    assert _train(tmp_path / "data", out, *options).exit_code == 0
    assert [other.exit_code for other in others] == [2, 2, 2]
    assert all("another run is training" in other.stderr for other in others)
    assert len(_figures(tmp_path / "model_log")) == 1
    assert not list(tmp_path.glob(".*"))
    again = _train(tmp_path / "data", out, *options, "--overwrite")
    assert again.exit_code == 0, again.stderr


def test_scratch_starts_a_network_of_the_default_size(tmp_path: Path) -> None:
    _write_pair(tmp_path / "data", "a")
    out = tmp_path / "model.safetensors"
    result = _train(tmp_path / "data", out, "--init", "scratch", "--steps", 1, "--batch-size", 1)
    assert result.exit_code == 0, result.stderr
    assert _metadata(out)["config"]["width"] == 192


def test_bad_data_is_refused_by_name_before_training(tmp_path: Path, small_model: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "model.safetensors"
    data.mkdir()
    options = ("--init", small_model, "--steps", 1)
    assert "name.swc" in _train(data, out, *options).stderr
    assert "no such folder" in _train(tmp_path / "nothing", out, *options).stderr
    _write_pair(data, "far")
    (data / "far.swc").write_text("1 0 500 500 500 1 -1\n2 0 501 500 500 1 1\n")
    result = _train(data, out, *options)
    assert result.exit_code == 2 and "far.swc" in result.stderr and "swc_units" in result.stderr
    table = tmp_path / "pairs.csv"
    for text, cure in [
        ("image,swc\n", "a row"),
        ("stack,tree\na,b\n", "image,swc"),
        ("image,swc\nno.tif,no.swc\n", "line 2"),
        ("image,swc,swc_units\ndata/far.tif,data/far.swc,inch\n", "um or voxel"),
        ("image,swc,voxel_size\ndata/far.tif,data/far.swc,1;1\n", "z,y,x"),
    ]:
        table.write_text(text)
        result = _train(table, out, *options)
        assert result.exit_code == 2 and cure in result.stderr, result.stderr
    assert "--resume" in _train(data, out, *options, "--resume").stderr
    assert not out.exists()


def test_on_validation_stacks_the_best_weights_and_threshold_are_kept(
    tmp_path: Path, small_model: Path
) -> None:
    _write_pair(tmp_path / "data", "a")
    _write_pair(tmp_path / "kept_out", "b")
    out = tmp_path / "model.safetensors"
    options = ("--init", small_model, "--steps", 6, "--learning-rate", 0.05)
    validation = ("--validation", tmp_path / "kept_out", "--validate-every", 2)
    result = _train(tmp_path / "data", out, *options, *validation)
    assert result.exit_code == 0, result.stderr
    rows = _figures(tmp_path / "model_log")
    assert [int(row["step"]) for row in rows] == [1, 2, 3, 4, 5, 6]
    scores = {int(row["step"]): float(row["validation_f1"]) for row in rows if row["validation_f1"]}
    assert sorted(scores) == [2, 4, 6]
    selected = _metadata(out)["provenance"]["selected"]
    assert selected["step"] == max(scores, key=lambda step: scores[step])
    assert selected["f1"] == pytest.approx(max(scores.values()))
    assert _metadata(out)["provenance"]["validation"]["stacks"] == ["kept_out/b.tif"]
    for picture in ("curves.png", "predictions.png"):
        assert (tmp_path / "model_log" / picture).read_bytes().startswith(b"\x89PNG")
    assert list((tmp_path / "model_log" / "events").glob("events.out.tfevents.*"))

    same = ("--validation", tmp_path / "data", "--overwrite")
    result = _train(tmp_path / "data", out, *options, *same)
    assert result.exit_code == 2 and "data/a.tif" in result.stderr


def _figures(folder: Path) -> list[dict[str, str]]:
    with (folder / "figures.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_resumed_run_has_the_figures_of_an_unbroken_one(
    tmp_path: Path, small_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write_pair(tmp_path / "data", "a")
    _write_pair(tmp_path / "kept_out", "b")
    options = ("--init", small_model, "--steps", 6, "--accumulate", 2, "--simulated", 0.5)
    options = (*options, "--validation", tmp_path / "kept_out", "--validate-every", 2)
    whole, broken = tmp_path / "whole.safetensors", tmp_path / "broken.safetensors"
    assert _train(tmp_path / "data", whole, *options).exit_code == 0
    monkeypatch.setattr(command, "STEPS_BETWEEN_STATES", 3)
    loss = SupervisedTask.loss

    def killed_in_step_five(task: SupervisedTask, step: int, part: int) -> Any:
        if (step, part) == (4, 1):
            raise MemoryError("as if killed")
        return loss(task, step, part)

    monkeypatch.setattr(SupervisedTask, "loss", killed_in_step_five)
    assert _train(tmp_path / "data", broken, *options).exit_code == 1
    monkeypatch.setattr(SupervisedTask, "loss", loss)
    assert len(_figures(tmp_path / "broken_log")) == 4
    resumed = _train(tmp_path / "data", broken, *options, "--resume")
    assert resumed.exit_code == 0, resumed.stderr
    assert _figures(tmp_path / "broken_log") == _figures(tmp_path / "whole_log")
    weights, wanted = load_file(broken), load_file(whole)
    for name in wanted:
        np.testing.assert_array_equal(weights[name], wanted[name])


def test_masks_are_labels_too(tmp_path: Path, small_model: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "model.safetensors"
    _write_pair(data, "a")
    (data / "a.swc").unlink()
    mask = np.zeros(SHAPE, np.uint8)
    mask[8:22, 5:60, 20:30] = 255
    tifffile.imwrite(data / "a_label.tif", mask)
    options = ("--init", small_model, "--steps", 2)
    assert _train(data, out, *options).exit_code == 0
    (tmp_path / "pairs.csv").write_text("image,mask\ndata/a.tif,data/a_label.tif\n")
    validation = ("--validation", tmp_path / "pairs.csv", "--overwrite")
    assert "in --data and in --validation" in _train(data, out, *options, *validation).stderr
    tifffile.imwrite(data / "a_label.tif", mask[:-1])
    result = _train(data, out, *options, "--overwrite")
    assert result.exit_code == 2 and "33 x 66 x 68" in result.stderr
    tifffile.imwrite(data / "a_label.tif", np.zeros_like(mask))
    result = _train(data, out, *options, "--overwrite")
    assert result.exit_code == 2 and "marks no neurite" in result.stderr


def test_two_processes_train_what_one_does_with_the_doubled_batch(
    tmp_path: Path, small_model: Path
) -> None:
    _write_pair(tmp_path / "data", "a")
    common = ["--data", tmp_path / "data", "--init", small_model, "--steps", 4, "--cldice", 0.5]
    alone, together = tmp_path / "alone.safetensors", tmp_path / "together.safetensors"
    assert _train(*common[1:2], alone, *common[2:], "--batch-size", 4).exit_code == 0
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    arguments = ["-m", "neurorecon", "train", *common, "--batch-size", 2, "--out", together]
    done = subprocess.run(
        [*launch, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(together)]
    for one, other in zip(
        *(_figures(tmp_path / f"{name}_log") for name in ("alone", "together")), strict=True
    ):
        assert float(one["loss"]) == pytest.approx(float(other["loss"]), rel=1e-4)
    # Adam divides by the size of a gradient: where that is next to nothing, rounding decides.
    weights, wanted, start = (load_file(path) for path in (together, alone, small_model))
    apart, moved = (
        np.concatenate([np.abs(weights[name] - other[name]).ravel() for name in other])
        for other in (wanted, start)
    )
    assert (apart > 2e-5).mean() < 0.01
    assert (moved > 2e-5).mean() > 0.5
