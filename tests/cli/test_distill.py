import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
import timm
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner, Result

from neurorecon.cli.app import app
from neurorecon.io.checkpoint import load_checkpoint
from neurorecon.model.segmenter import build_segmenter

NAME = "vit_tiny_patch16_224"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "vit.safetensors"
    save_file(timm.create_model(NAME).state_dict(), path)
    return path


def _distill(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["distill", *map(str, arguments)])


def _metadata(path: Path) -> dict:
    with safe_open(path, "pt") as file:
        return json.loads(file.metadata()["neurorecon"])


def test_without_steps_the_teachers_weights_move(tmp_path: Path, weights: Path) -> None:
    out = tmp_path / "student.safetensors"
    teacher = ("--teacher", NAME, "--teacher-weights", weights)
    result = _distill(*teacher, "--steps", 0, "--latent-tubes", "--out", out)
    assert result.exit_code == 0, result.stderr
    assert "tubes.kernel" in load_file(out)
    assert result.stdout.strip() == str(out)
    student, teacher = load_file(out), load_file(weights)
    torch.testing.assert_close(
        student["encoder.blocks.2.mlp.fc1.weight"], teacher["blocks.2.mlp.fc1.weight"]
    )
    provenance = _metadata(out)["provenance"]
    assert provenance["teacher"] == NAME and provenance["teacher_blocks"] == [0, 1, 2, 3, 4, 5]
    assert len(provenance["teacher_weights_sha256"]) == 64


def test_several_stacks_after_one_option_or_a_quoted_glob_are_distilled(
    tmp_path: Path, weights: Path, write_stack: Callable[..., Path]
) -> None:
    a, b = (write_stack(tmp_path / f"{name}.tif", (34, 70, 66)) for name in "ab")
    teacher = ("--teacher", NAME, "--teacher-weights", weights, "--steps", 2, "--batch-size", 1)
    for number, stacks in enumerate([(a, b), (tmp_path / "*.tif",)]):
        out = tmp_path / f"{number}.safetensors"
        result = _distill(*teacher, "--stacks", *stacks, "--out", out)
        assert result.exit_code == 0, result.stderr
        assert _metadata(out)["provenance"]["stacks"] == ["a.tif", "b.tif"]
    first, second = (load_file(tmp_path / f"{n}.safetensors") for n in (0, 1))
    torch.testing.assert_close(first, second)
    moved = first["encoder.blocks.0.attn.qkv.weight"]
    assert not torch.equal(moved, load_file(weights)["blocks.0.attn.qkv.weight"])
    # The convolutional path is left to `train`.
    fresh = tmp_path / "fresh.safetensors"
    assert _distill(*teacher[:4], "--steps", 0, "--out", fresh).exit_code == 0
    torch.testing.assert_close(
        first["merge_full.conv1.weight"], load_file(fresh)["merge_full.conv1.weight"]
    )


def test_a_distilled_student_can_be_trained(tmp_path: Path, weights: Path) -> None:
    student = tmp_path / "student.safetensors"
    teacher = ("--teacher", NAME, "--teacher-weights", weights)
    assert _distill(*teacher, "--steps", 0, "--out", student).exit_code == 0
    simulate = ["simulate", "--out", str(tmp_path / "data"), "--seed", "1"]
    assert CliRunner().invoke(app, simulate).exit_code == 0
    out = tmp_path / "model.safetensors"
    train = ["train", "--data", str(tmp_path / "data"), "--out", str(out), "--init", str(student)]
    result = CliRunner().invoke(app, [*train, "--steps", "1", "--batch-size", "1"])
    assert result.exit_code == 0, result.stderr
    assert _metadata(out)["provenance"]["init"]["provenance"]["teacher"] == NAME


def test_wrong_requests_are_refused_with_the_cure(tmp_path: Path, weights: Path) -> None:
    out = tmp_path / "student.safetensors"
    for arguments, cure in [
        (("--teacher", "resnet18", "--steps", 0), "plain Vision Transformer"),
        (("--teacher", NAME, "--teacher-weights", weights), "--stacks"),
        (("--teacher", NAME, "--teacher-weights", tmp_path / "no", "--steps", 0), "no such file"),
        (
            ("--teacher", NAME, "--teacher-weights", weights, "--stacks", tmp_path / "no.tif"),
            "no.tif",
        ),
    ]:
        result = _distill(*arguments, "--out", out)
        assert result.exit_code == 2 and cure in result.stderr, result.stderr
        assert "Traceback" not in result.stderr and not out.exists()


def test_a_student_that_was_not_trained_does_not_segment(
    tmp_path: Path, weights: Path, write_stack: Callable[..., Path]
) -> None:
    student = tmp_path / "student.safetensors"
    teacher = ("--teacher", NAME, "--teacher-weights", weights)
    assert _distill(*teacher, "--steps", 0, "--out", student).exit_code == 0
    stack = write_stack(tmp_path / "a.tif")
    result = CliRunner().invoke(app, ["segment", str(stack), "--model", str(student)])
    assert result.exit_code == 2 and "train --init" in result.stderr


def test_the_students_size_is_the_teachers_or_the_one_asked_for(
    tmp_path: Path, weights: Path
) -> None:
    teacher = ("--teacher", NAME, "--teacher-weights", weights, "--steps", 0)
    out = tmp_path / "student.safetensors"
    result = _distill(*teacher, "--preset", "small", "--out", out)
    assert result.exit_code == 2 and "--preset tiny" in result.stderr
    small = ("--preset", "small", "--transfer", "scratch")
    assert _distill(*teacher, *small, "--out", out).exit_code == 0
    assert _metadata(out)["config"]["width"] == 384


def test_a_tubular_student_begins_as_the_average_one(tmp_path: Path, weights: Path) -> None:
    students = []
    for transfer in ("tubular", "average"):
        out = tmp_path / f"{transfer}.safetensors"
        teacher = ("--teacher", NAME, "--teacher-weights", weights, "--transfer", transfer)
        assert _distill(*teacher, "--steps", 0, "--out", out).exit_code == 0
        students.append(build_segmenter(*load_checkpoint(out), str(out)).encoder.eval())
    stack = torch.randn(1, 1, 16, 24, 32)
    torch.testing.assert_close(students[0](stack), students[1](stack), atol=1e-4, rtol=1e-4)


def test_stacks_stay_on_disk_and_faults_in_them_are_found(tmp_path: Path, weights: Path) -> None:
    stack = np.random.default_rng(0).random((40, 70, 70), np.float32)
    tifffile.imwrite(tmp_path / "a.tif", stack)
    stack[20:] = np.nan
    tifffile.imwrite(tmp_path / "bad.tif", stack)
    teacher = ("--teacher", NAME, "--teacher-weights", weights, "--steps", 1, "--batch-size", 1)
    out = tmp_path / "student.safetensors"
    good = _distill(*teacher, "--stacks", tmp_path / "a.tif", "--out", out)
    assert good.exit_code == 0, good.stderr
    bad = _distill(*teacher, "--stacks", tmp_path / "bad.tif", "--out", out, "--overwrite")
    assert bad.exit_code == 2 and "bad.tif" in bad.stderr and "NaN" in bad.stderr
