"""`neurorecon train`: what it takes, what it refuses, and what it writes."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from safetensors.numpy import load_file
from training_runs import SHAPE, figures, metadata, train, write_pair
from typer.testing import CliRunner

from neurorecon.cli.app import app
from neurorecon.io.checkpoint import load_checkpoint, save_checkpoint


def test_a_folder_of_pairs_trains_a_model_that_segments(tmp_path: Path, small_model: Path) -> None:
    write_pair(tmp_path / "data", "a")
    write_pair(tmp_path / "data", "b", "um", known_size=True)
    (tmp_path / "data" / "a_label.tif").touch()  # as `simulate` writes; not a stack to train on
    out = tmp_path / "model.safetensors"
    result = train(tmp_path / "data", out, "--init", small_model, "--steps", 3)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.strip() == str(out)
    provenance = metadata(out)["provenance"]
    assert provenance["stacks"] == ["data/a.tif", "data/b.tif"]
    assert provenance["config"]["steps"] == 3 and provenance["init"]["from"] == small_model.name
    segmented = CliRunner().invoke(
        app, ["segment", str(tmp_path / "data" / "b.tif"), "--model", str(out)]
    )
    assert segmented.exit_code == 0, segmented.stderr


def test_a_manifest_says_what_files_do_not(tmp_path: Path, small_model: Path) -> None:
    write_pair(tmp_path / "data", "a", "um")
    # a tree without a header of ours, in um, and a stack without a voxel size
    swc = tmp_path / "data" / "a.swc"
    swc.write_text("\n".join(line for line in swc.read_text().splitlines() if line[0] != "#"))
    manifest = tmp_path / "pairs.csv"
    with manifest.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "swc", "swc_units", "voxel_size"])
        rows.writerow(["data/a.tif", "data/a.swc", "um", "2,0.5,0.5"])
    out = tmp_path / "model.safetensors"
    assert train(manifest, out, "--init", small_model, "--steps", 1).exit_code == 0
    manifest.write_text("image,swc,swc_units,voxel_size\ndata/a.tif,data/a.swc,um,\n")
    result = train(manifest, out, "--init", small_model, "--steps", 1, "--overwrite")
    assert result.exit_code == 2 and "voxel_size" in result.stderr


def test_scratch_starts_a_network_of_the_default_size(tmp_path: Path) -> None:
    write_pair(tmp_path / "data", "a")
    out = tmp_path / "model.safetensors"
    result = train(tmp_path / "data", out, "--init", "scratch", "--steps", 1, "--batch-size", 1)
    assert result.exit_code == 0, result.stderr
    assert metadata(out)["config"]["width"] == 192


def test_bad_data_is_refused_by_name_before_training(tmp_path: Path, small_model: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "model.safetensors"
    data.mkdir()
    options = ("--init", small_model, "--steps", 1)
    assert "name.swc" in train(data, out, *options).stderr
    assert "no such folder" in train(tmp_path / "nothing", out, *options).stderr
    write_pair(data, "far")
    (data / "far.swc").write_text("1 0 500 500 500 1 -1\n2 0 501 500 500 1 1\n")
    result = train(data, out, *options)
    assert result.exit_code == 2 and "far.swc" in result.stderr and "swc_units" in result.stderr
    table = tmp_path / "pairs.csv"
    for text, cure in [
        ("image,swc\n", "a row"),
        ("image,label\na,b,c\n", "image,swc"),
        ("stack,tree\na,b\n", "image,swc"),
        ("image,swc\nno.tif,no.swc\n", "line 2"),
        ("image,swc,swc_units\ndata/far.tif,data/far.swc,inch\n", "um or voxel"),
        ("image,swc,voxel_size\ndata/far.tif,data/far.swc,1;1\n", "z,y,x"),
    ]:
        table.write_text(text)
        result = train(table, out, *options)
        assert result.exit_code == 2 and cure in result.stderr, result.stderr
    assert "--resume" in train(data, out, *options, "--resume").stderr
    assert not out.exists()


def test_on_validation_stacks_the_best_weights_and_threshold_are_kept(
    tmp_path: Path, small_model: Path
) -> None:
    write_pair(tmp_path / "data", "a")
    write_pair(tmp_path / "kept_out", "b")
    out = tmp_path / "model.safetensors"
    options = ("--init", small_model, "--steps", 6, "--learning-rate", 0.05)
    validation = ("--validation", tmp_path / "kept_out", "--validate-every", 2)
    result = train(tmp_path / "data", out, *options, *validation)
    assert result.exit_code == 0, result.stderr
    rows = figures(tmp_path / "model_log")
    assert [int(row["step"]) for row in rows] == [1, 2, 3, 4, 5, 6]
    scores = {int(row["step"]): float(row["validation_f1"]) for row in rows if row["validation_f1"]}
    assert sorted(scores) == [2, 4, 6]
    selected = metadata(out)["provenance"]["selected"]
    assert selected["step"] == max(scores, key=lambda step: scores[step])
    assert selected["f1"] == pytest.approx(max(scores.values()))
    assert metadata(out)["provenance"]["validation"]["stacks"] == ["kept_out/b.tif"]
    for picture in ("curves.png", "predictions.png"):
        assert (tmp_path / "model_log" / picture).read_bytes().startswith(b"\x89PNG")
    assert list((tmp_path / "model_log" / "events").glob("events.out.tfevents.*"))

    same = ("--validation", tmp_path / "data", "--overwrite")
    result = train(tmp_path / "data", out, *options, *same)
    assert result.exit_code == 2 and "data/a.tif" in result.stderr


def test_masks_are_labels_too(tmp_path: Path, small_model: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "model.safetensors"
    write_pair(data, "a")
    (data / "a.swc").unlink()
    mask = np.zeros(SHAPE, np.uint8)
    mask[8:22, 5:60, 20:30] = 255
    tifffile.imwrite(data / "a_label.tif", mask)
    options = ("--init", small_model, "--steps", 2)
    assert train(data, out, *options).exit_code == 0
    (tmp_path / "pairs.csv").write_text("image,mask\ndata/a.tif,data/a_label.tif\n")
    validation = ("--validation", tmp_path / "pairs.csv", "--overwrite")
    assert "in --data and in --validation" in train(data, out, *options, *validation).stderr
    tifffile.imwrite(data / "a_label.tif", mask[:-1])
    result = train(data, out, *options, "--overwrite")
    assert result.exit_code == 2 and "33 x 66 x 68" in result.stderr
    tifffile.imwrite(data / "a_label.tif", np.zeros_like(mask))
    result = train(data, out, *options, "--overwrite")
    assert result.exit_code == 2 and "marks no neurite" in result.stderr


def test_two_processes_train_what_one_does_with_the_doubled_batch(
    tmp_path: Path, small_model: Path
) -> None:
    write_pair(tmp_path / "data", "a")
    tensors, described = load_checkpoint(small_model)
    for name in (
        "head.weight",
        "token_projection.weight",
    ):  # zero at first: nothing else would move
        torch.nn.init.normal_(tensors[name], std=0.1)
    save_checkpoint(small_model, tensors, described, overwrite=True)
    common = ["--data", tmp_path / "data", "--init", small_model, "--steps", 4, "--cldice", 0.5]
    alone, together = tmp_path / "alone.safetensors", tmp_path / "together.safetensors"
    assert train(*common[1:2], alone, *common[2:], "--batch-size", 4).exit_code == 0
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    arguments = ["-m", "neurorecon", "train", *common, "--batch-size", 2, "--out", together]
    done = subprocess.run(
        [*launch, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=900,  # of a hang; shared machines are slow at times
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"},
    )
    assert done.returncode == 0, done.stderr
    # torch 2.9 prints there before, too, whom the processes have met.
    assert done.stdout.splitlines()[-1] == str(together)
    assert done.stdout.count(str(together)) == 1
    for one, other in zip(
        *(figures(tmp_path / f"{name}_log") for name in ("alone", "together")), strict=True
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
