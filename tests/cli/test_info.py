import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner, Result

from neurorecon.cli.app import app
from neurorecon.commands import info as command
from neurorecon.io import models
from neurorecon.io.checkpoint import save_checkpoint
from neurorecon.model.config import StudentConfig
from neurorecon.model.segmenter import Segmenter

SHAPE_ZYX = (9, 40, 50)


@pytest.fixture(autouse=True)
def _small_default_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = StudentConfig(width=12, heads=1, depth=1, channels=(2, 2, 2, 2))
    folder = tmp_path / "models"
    folder.mkdir()
    weights = Segmenter(config).state_dict()
    save_checkpoint(folder / "default.safetensors", weights, {"config": config.to_dict()})
    monkeypatch.setattr(models, "models_folder", lambda: folder)


def _noise(shape: tuple[int, ...] = SHAPE_ZYX, dtype: Any = np.uint16) -> Any:
    return np.random.default_rng(0).integers(3, 1000, shape).astype(dtype)


def _write(path: Path, **options: Any) -> Path:
    metadata = {"axes": "ZYX", "spacing": 2.0, "unit": "um"}
    tifffile.imwrite(path, _noise(), imagej=True, metadata=metadata, resolution=(4, 2), **options)
    return path


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["info", *map(str, arguments)])


def _json(*arguments: object) -> dict[str, Any]:
    result = _run(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_table_says_what_the_stack_is_and_where_the_voxel_size_comes_from(tmp_path: Path) -> None:
    result = _run(_write(tmp_path / "a.tif"))
    assert result.exit_code == 0
    assert result.stderr == ""
    for told in ("ZYX: 9 x 40 x 50", "uint16", "2 0.5 0.25 µm, from ImageJ metadata", "windows"):
        assert told in result.stdout
    assert "would stop" not in result.stdout


def test_json_holds_the_same(tmp_path: Path) -> None:
    record = _json(_write(tmp_path / "a.tif"))
    array = _noise()
    assert record["shape_zyx"] == list(SHAPE_ZYX)
    assert record["voxel_size_zyx"] == [2.0, 0.5, 0.25]
    assert record["unit"] == "um"
    assert record["intensity"]["minimum"] == array.min()
    assert record["intensity"]["maximum"] == array.max()
    assert record["intensity"]["percentiles"]["50.0"] == np.median(array)
    assert record["segment"]["windows"] == 1
    assert record["segment"]["device"] in ("cpu", "cuda", "mps")
    assert record["segment"]["memory_bytes"] > array.nbytes
    assert record["segment"]["windows_run"] == 1
    assert 0 < record["segment"]["seconds"] < 600
    assert record["problem"] is None


def test_voxel_size_of_the_user(tmp_path: Path) -> None:
    record = _json(_write(tmp_path / "a.tif"), "--voxel-size", 3, 1, 0.5)
    assert record["voxel_size_zyx"] == [3.0, 1.0, 0.5]
    assert record["voxel_size_source"] == "--voxel-size"


def test_unknown_voxel_size_warns_once_on_stderr(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", _noise())
    result = _run(tmp_path / "a.tif", "--json")
    assert json.loads(result.stdout)["unit"] == "voxel"
    assert result.stderr.count("--voxel-size") == 1
    assert len(result.stderr.splitlines()) == 1


def test_a_stack_of_several_channels_is_described_and_the_choice_named(tmp_path: Path) -> None:
    channels = _noise((9, 3, 40, 50))
    tifffile.imwrite(tmp_path / "a.tif", channels, imagej=True, metadata={"axes": "ZCYX"})
    record = _json(tmp_path / "a.tif")
    assert (record["axes"], record["channels"]) == ("ZCYX", 3)
    assert "--channel 0 to 2" in record["problem"]
    assert record["segment"] is None
    assert "would stop" in _run(tmp_path / "a.tif").stdout
    chosen = _json(tmp_path / "a.tif", "--channel", 1)
    assert chosen["problem"] is None
    assert chosen["intensity"]["maximum"] == channels[:, 1].max()


@pytest.mark.parametrize("bad", ["nan", "uniform"])
def test_values_that_segment_would_refuse(tmp_path: Path, bad: str) -> None:
    array = np.full(SHAPE_ZYX, 5, np.float32)
    if bad == "nan":
        array[1:] = np.nan
    tifffile.imwrite(tmp_path / "a.tif", array)
    record = _json(tmp_path / "a.tif")
    assert record["problem"] is not None
    assert record["intensity"]["maximum"] == 5


def test_a_large_stack_is_sampled_plane_by_plane(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_MOST_VOXELS", _noise().size // 3)
    path = _write(tmp_path / "a.tif")
    assert _json(path)["intensity"]["planes"] == 3
    assert _json(path)["intensity"]["maximum"] == _noise()[::3].max()
    assert "from 3 planes" in _run(path).stdout


def test_empty_space_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neurites in one corner of a stack: most windows are empty, also judged by a few boxes."""
    array = np.random.default_rng(1).normal(20, 1, (64, 320, 320)).clip(0).astype(np.uint8)
    for y in range(8, 60, 8):
        array[20:24, y : y + 3, 4:60] = 200
    tifffile.imwrite(tmp_path / "a.tif", array)
    whole = _json(tmp_path / "a.tif")["segment"]
    assert whole["windows"] == 16
    assert whole["windows_run"] <= 6
    assert "not empty" in _run(tmp_path / "a.tif").stdout
    monkeypatch.setattr(command, "_MOST_VOXELS", array.size // 3)
    monkeypatch.setattr(command, "_BOX_WINDOWS", 2)
    assert _json(tmp_path / "a.tif")["segment"]["windows_run"] < 16


def test_no_model_is_told_but_no_failure(tmp_path: Path) -> None:
    (tmp_path / "models" / "default.safetensors").unlink()
    assert "no model" in _json(_write(tmp_path / "a.tif"))["problem"]


@pytest.mark.parametrize("content", [None, b"", b"text"])
def test_what_is_no_tiff_is_exit_2(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.tif"
    if content is not None:
        path.write_bytes(content)
    result = _run(path)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
