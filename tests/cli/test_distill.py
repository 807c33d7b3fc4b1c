import json
from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner, Result

from neurorecon.cli.app import app

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
    result = _distill("--teacher", NAME, "--teacher-weights", weights, "--steps", 0, "--out", out)
    assert result.exit_code == 0, result.stderr
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
