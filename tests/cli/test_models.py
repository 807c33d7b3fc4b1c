import json
import shutil
from pathlib import Path

import pytest
from safetensors.numpy import save_file
from typer.testing import CliRunner

from neurorecon.cli.app import app


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "models"
    monkeypatch.setenv("NEURORECON_MODELS", str(folder))
    return folder


def test_shipped_models_are_listed_with_what_they_are(own: Path) -> None:
    result = CliRunner().invoke(app, ["models", "--json"])
    assert result.exit_code == 0, result.stderr
    (default,) = [each for each in json.loads(result.stdout) if each["name"] == "default"]
    assert default["shipped"] and default["made_by"] == "train" and default["megabytes"] < 40
    assert default["stacks"] > 0 and default["problem"] is None
    table = CliRunner().invoke(app, ["models"])
    assert "default" in table.stdout and str(own) in table.stderr


def test_a_model_in_the_users_folder_has_a_name(
    own: Path, tmp_path: Path, small_model: Path, write_stack
) -> None:
    stack = write_stack(tmp_path / "a.tif")
    missing = CliRunner().invoke(app, ["segment", str(stack), "--model", "mine"])
    assert missing.exit_code == 2 and "neurorecon models" in missing.stderr
    own.mkdir()
    shutil.copy(small_model, own / "mine.safetensors")
    assert CliRunner().invoke(app, ["segment", str(stack), "--model", "mine"]).exit_code == 0
    listed = json.loads(CliRunner().invoke(app, ["models", "--json"]).stdout)
    assert [each["shipped"] for each in listed if each["name"] == "mine"] == [False]


def test_a_file_that_is_no_model_is_named_and_left_out(own: Path) -> None:
    own.mkdir()
    (own / "text.safetensors").write_text("no tensors")
    save_file({}, own / "other.safetensors")
    result = CliRunner().invoke(app, ["models"])
    assert result.exit_code == 0
    for name in ("text.safetensors", "other.safetensors"):
        assert name in result.stderr
    assert "other" not in result.stdout


def test_a_shipped_name_cannot_be_taken(own: Path, small_model: Path) -> None:
    own.mkdir()
    shutil.copy(small_model, own / "default.safetensors")
    listed = json.loads(CliRunner().invoke(app, ["models", "--json"]).stdout)
    assert [each["shipped"] for each in listed if each["name"] == "default"] == [True]
