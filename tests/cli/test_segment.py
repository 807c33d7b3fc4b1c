import io
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner, Result

from neurorecon.cli.app import app
from neurorecon.commands import segment as command
from neurorecon.io.models import find_model
from neurorecon.io.stack import read_volume
from neurorecon.io.swc import read_swc

WriteStack = Callable[..., Path]
OME = {"axes": "ZYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.4, "PhysicalSizeZ": 2.0}


def _segment(stack: Path, model: Path, *arguments: object) -> Result:
    command = ["segment", str(stack), "--model", str(model), *map(str, arguments)]
    return CliRunner().invoke(app, command)


def _line(result: Result) -> str:
    """The one line that a refusal says."""
    assert "Traceback" not in result.stderr
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    return lines[0]


@pytest.mark.parametrize(
    ("name", "written"),
    [("a.tif", "a_seg.tif"), ("b.ome.tif", "b_seg.tif"), ("c d.é.TIFF", "c d.é_seg.tif")],
)
def test_writes_bytes_of_probability_beside_the_stack(
    tmp_path: Path, small_model: Path, write_stack: WriteStack, name: str, written: str
) -> None:
    stack = write_stack(tmp_path / name, (9, 20, 30))
    result = _segment(stack, small_model, "--voxel-size", 2, 0.4, 0.5)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.strip() == str(tmp_path / written)
    volume = read_volume(tmp_path / written)
    assert volume.array.shape == (9, 20, 30) and volume.array.dtype == np.uint8
    assert volume.grid.voxel_size_zyx == (2, 0.4, 0.5) and volume.grid.unit == "um"
    with tifffile.TiffFile(tmp_path / written) as tiff:
        assert tiff.pages[0].compression != 1


def test_voxel_size_of_the_metadata_is_kept(
    tmp_path: Path, small_model: Path, write_stack: WriteStack
) -> None:
    stack = write_stack(tmp_path / "a.ome.tif", ome=True, metadata=OME)
    result = _segment(stack, small_model)
    assert result.stderr == ""
    assert read_volume(tmp_path / "a_seg.tif").grid.voxel_size_zyx == (2.0, 0.4, 0.5)


def test_an_unknown_voxel_size_is_said_once_and_stays_unknown(
    tmp_path: Path, small_model: Path, write_stack: WriteStack
) -> None:
    result = _segment(write_stack(tmp_path / "a.tif"), small_model)
    assert "--voxel-size" in _line(result)
    assert read_volume(tmp_path / "a_seg.tif").grid.unit == "voxel"


def test_a_region_of_interest_keeps_its_place_in_the_whole_stack(
    tmp_path: Path, small_model: Path, write_stack: WriteStack
) -> None:
    stack = write_stack(tmp_path / "a.ome.tif", (30, 40, 50), ome=True, metadata=OME)
    out = tmp_path / "part.tif"
    assert _segment(stack, small_model, "--roi", "4:20,8:,:32", "--out", out).exit_code == 0
    part = read_volume(out)
    assert part.array.shape == (16, 32, 32)
    np.testing.assert_allclose(part.grid.origin_zyx, (4 * 2.0, 8 * 0.4, 0))


def test_inverting_a_negative_gives_the_result_of_the_positive(
    tmp_path: Path, small_model: Path, write_stack: WriteStack
) -> None:
    stack = write_stack(tmp_path / "a.tif")
    negative = tmp_path / "negative.tif"
    tifffile.imwrite(negative, 255 - tifffile.imread(stack), photometric="minisblack")
    assert _segment(stack, small_model).exit_code == 0
    assert _segment(negative, small_model, "--invert").exit_code == 0
    positive = tifffile.imread(tmp_path / "a_seg.tif")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "negative_seg.tif"), positive)
    assert np.ptp(positive) > 0


@pytest.mark.parametrize("dark", [True, False])
def test_neurites_that_look_dark_are_told(tmp_path: Path, small_model: Path, dark: bool) -> None:
    array = np.random.default_rng(0).integers(10, 20, (16, 40, 40)).astype(np.uint8)
    array[8, 20, 5:35] = 200
    tifffile.imwrite(tmp_path / "a.tif", 255 - array if dark else array, photometric="minisblack")
    told = _segment(tmp_path / "a.tif", small_model)
    assert told.exit_code == 0
    assert ("look dark on a bright background; if so, give --invert" in told.stderr) == dark
    inverted = _segment(tmp_path / "a.tif", small_model, "--invert", "--overwrite")
    assert "look dark" not in inverted.stderr


@pytest.mark.parametrize("options", [("--batch-size", 1), ("--batch-size", 7), ("--device", "cpu")])
def test_the_result_does_not_depend_on_how_it_was_computed(
    tmp_path: Path, small_model: Path, write_stack: WriteStack, options: tuple[object, ...]
) -> None:
    stack = write_stack(tmp_path / "a.tif", (20, 100, 90))
    assert _segment(stack, small_model, "--out", tmp_path / "1.tif").exit_code == 0
    assert _segment(stack, small_model, "--out", tmp_path / "2.tif", *options).exit_code == 0
    first, second = (tifffile.imread(tmp_path / f"{n}.tif").astype(int) for n in (1, 2))
    assert np.abs(first - second).max() <= 1


def test_standard_output_carries_the_tiff_alone(
    tmp_path: Path, small_model: Path, write_stack: WriteStack
) -> None:
    stack = write_stack(tmp_path / "a.tif")
    command = [sys.executable, "-m", "neurorecon", "segment", str(stack), "--out", "-"]
    done = subprocess.run([*command, "--model", str(small_model)], capture_output=True, check=True)
    assert tifffile.imread(io.BytesIO(done.stdout)).shape == (20, 40, 50)
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".tif"] == ["a.tif"]


def test_an_existing_output_is_refused_before_the_work(
    tmp_path: Path, small_model: Path, write_stack: WriteStack
) -> None:
    stack = write_stack(tmp_path / "a.tif")
    out = tmp_path / "a_seg.tif"
    out.write_text("precious")
    result = _segment(stack, small_model)
    assert (result.exit_code, out.read_text()) == (2, "precious")
    assert "--overwrite" in _line(result)
    assert _segment(stack, small_model, "--overwrite").exit_code == 0
    assert tifffile.imread(out).shape == (20, 40, 50)


@pytest.mark.parametrize(
    ("arguments", "cure"),
    [
        (["--roi", "0:99,:,:"], "leaves the stack"),
        (["--roi", "1:2"], "Z0:Z1,Y0:Y1,X0:X1"),
        (["--roi", "1:2,:,:"], "at least 2 voxels"),
        (["--batch-size", "many"], "auto"),
        (["--batch-size", "0"], "whole number from 1"),
        (["--precision", "fp16"], "fp32"),
        (["--model", "no_such_model"], "neurorecon train"),
        (["--channel", "3"], "channel"),
        (["--voxel-size", "0", "1", "1"], "voxel"),
        (["--out", "no/such/folder/a.tif"], "mkdir"),
        (["--out", "a.swc"], "give a name in .tif or .zarr"),
        (["--out", "a"], "give a name in .tif or .zarr"),
    ],
)
def test_wrong_arguments_are_refused_in_a_line_with_the_cure(
    tmp_path: Path,
    small_model: Path,
    write_stack: WriteStack,
    arguments: list[str],
    cure: str,
) -> None:
    result = _segment(write_stack(tmp_path / "a.tif"), small_model, *arguments)
    assert result.exit_code == 2
    assert cure in result.stderr and "Traceback" not in result.stderr
    assert not (tmp_path / "a_seg.tif").exists()


def test_a_model_whose_name_is_not_utf_8_is_to_be_renamed(
    tmp_path: Path, small_model: Path, write_stack: WriteStack
) -> None:
    model = tmp_path / os.fsdecode(b"m\xf6del.safetensors")
    model.write_bytes(small_model.read_bytes())
    result = _segment(write_stack(tmp_path / "a.tif"), model)
    assert result.exit_code == 2
    assert "rename it" in _line(result)


def test_a_pickle_is_no_model(tmp_path: Path, write_stack: WriteStack) -> None:
    import torch

    pickle = tmp_path / "model.pt"
    torch.save({"weight": torch.zeros(1)}, pickle)
    result = _segment(write_stack(tmp_path / "a.tif"), pickle)
    assert result.exit_code == 2 and "safetensors" in result.stderr


def test_the_stack_is_never_its_own_output(
    tmp_path: Path, small_model: Path, write_stack: WriteStack
) -> None:
    stack = write_stack(tmp_path / "a.tif")
    before = stack.read_bytes()
    result = _segment(stack, small_model, "--out", stack, "--overwrite")
    assert (result.exit_code, stack.read_bytes()) == (2, before)


def test_beside_a_stack_in_a_read_only_folder_nothing_is_written(
    tmp_path: Path, write_stack: WriteStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = write_stack(tmp_path / "a.ome.tif")
    assert command.default_target(stack) == tmp_path / "a_seg.tif"
    monkeypatch.setattr(os, "access", lambda folder, mode: folder != tmp_path)
    assert command.default_target(stack) == Path("a_seg.tif")


def test_one_channel_of_several_is_segmented(
    tmp_path: Path, small_model: Path, write_stack: WriteStack
) -> None:
    both = write_stack(
        tmp_path / "both.tif", (9, 2, 20, 30), imagej=True, metadata={"axes": "ZCYX"}
    )
    alone = tmp_path / "alone.tif"
    tifffile.imwrite(alone, tifffile.imread(both)[:, 1], photometric="minisblack")
    for stack, options in ((both, ("--channel", 1)), (alone, ())):
        assert _segment(stack, small_model, *options).exit_code == 0
    first, second = (tifffile.imread(tmp_path / f"{n}_seg.tif") for n in ("both", "alone"))
    np.testing.assert_array_equal(first, second)


@pytest.fixture
def neurite(tmp_path: Path) -> Path:
    """A noisy stack with one bright neurite along x, 60 voxels long."""
    array = np.random.default_rng(0).normal(20, 3, (24, 40, 80))
    array[10:14, 18:22, 10:70] += 150
    path = tmp_path / "neurite.tif"
    tifffile.imwrite(path, array.clip(0, 255).astype(np.uint8), photometric="minisblack")
    return path


def test_the_default_model_is_there_and_finds_a_neurite(neurite: Path) -> None:
    model = find_model("default")
    assert model.stat().st_size < 40e6 and model.with_suffix(".md").is_file()
    result = CliRunner().invoke(app, ["segment", str(neurite), "--voxel-size", "1", "1", "1"])
    assert result.exit_code == 0, result.stderr
    probability = tifffile.imread(neurite.with_name("neurite_seg.tif"))
    assert probability[12, 20, 15:65].mean() > 200
    assert probability[:, 30:, :].mean() < 20


@pytest.mark.parametrize("out", ["", "--out -"])
def test_segment_pipes_its_path_or_its_bytes_into_trace(neurite: Path, out: str) -> None:
    tool = f"{shlex.quote(sys.executable)} -m neurorecon"
    pipe = f"{tool} segment neurite.tif {out} | {tool} trace --out neuron.swc"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {pipe}"],
        cwd=neurite.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "neuron.swc"
    tree = read_swc(neurite.parent / "neuron.swc")
    assert len(tree.roots) == 1
    assert tree.length == pytest.approx(60, abs=8)


def test_mirror_images_change_the_result_a_little(neurite: Path) -> None:
    plain, averaged = (neurite.with_name(f"{name}.tif") for name in ("plain", "averaged"))
    for target, options in ((plain, []), (averaged, ["--tta"])):
        command = ["segment", str(neurite), "--voxel-size", "1", "1", "1", "--out", str(target)]
        assert CliRunner().invoke(app, [*command, *options]).exit_code == 0
    first, second = (tifffile.imread(path).astype(int) for path in (plain, averaged))
    assert (first != second).any() and np.abs(first - second).mean() < 5
    assert second[12, 20, 15:65].mean() > 200
