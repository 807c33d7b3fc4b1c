from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from typer.testing import CliRunner

from neurorecon.cli.app import app
from neurorecon.io.stack import read_volume
from neurorecon.io.swc import read_swc, read_swc_header

FORK = """\
1 3 20 10 5 1.0 -1
2 3 30 12 6 0.8 1
3 3 40 20 8 0.6 2
4 3 38 4 5 0.5 2
"""


def run(*arguments):
    return CliRunner().invoke(app, ["simulate", *map(str, arguments)])


@pytest.fixture
def fork(tmp_path):
    path = tmp_path / "fork.swc"
    path.write_text(FORK)
    return path


def test_swc_becomes_a_stack_with_its_label_and_tree(fork, tmp_path):
    out = tmp_path / "new" / "folder"
    result = run(fork, "--out", out, "--voxel-size", 0.8, 0.5, 0.4)
    assert result.exit_code == 0, result.output
    assert result.stdout.split() == [str(out / "fork.tif")]
    names = {"fork.tif", "fork_label.tif", "fork.swc", "fork.tif.options.toml"}
    assert {path.name for path in out.iterdir()} == names

    image = read_volume(out / "fork.tif")
    label = read_volume(out / "fork_label.tif")
    tree = read_swc(out / "fork.swc")
    assert image.grid.voxel_size_zyx == label.grid.voxel_size_zyx == (0.8, 0.5, 0.4)
    assert image.grid.unit == tree.unit == "um"
    assert image.array.shape == label.array.shape
    assert image.array.dtype == np.uint8
    assert tree.length == pytest.approx(read_swc(fork).length, rel=1e-3)
    assert read_swc_header(out / "fork.swc").voxel_size_zyx == (0.8, 0.5, 0.4)
    nearest = np.rint(image.grid.to_index(tree.point_zyx)).astype(int)
    assert (label.array[tuple(nearest.T)] == 255).all()
    inside = ndimage.binary_erosion(label.array > 0)
    assert image.array[inside].mean() > 2 * image.array[label.array == 0].mean()


def test_unit_of_the_swc_decides_its_size(fork, tmp_path):
    size = ("--voxel-size", 2.0, 0.5, 0.5)
    micrometres = run(fork, "--out", tmp_path / "um", *size)
    voxels = run(fork, "--out", tmp_path / "voxel", *size, "--swc-units", "voxel")
    assert "names no unit" in micrometres.stderr
    assert "--swc-units" in micrometres.stderr
    assert voxels.exit_code == 0
    tree = read_swc(tmp_path / "voxel" / "fork.swc")
    assert tree.unit == "um"
    span = np.ptp(tree.point_zyx, axis=0) / (2.0, 0.5, 0.5)
    assert span == pytest.approx((3.0, 16.0, 20.0), abs=1e-3)  # z, y, x extent of FORK

    again = run(
        tmp_path / "voxel" / "fork.swc", "--out", tmp_path / "again", "--swc-units", "voxel"
    )
    assert "names no unit" not in again.stderr
    assert read_swc(tmp_path / "again" / "fork.swc").length == pytest.approx(tree.length, rel=1e-3)


def test_random_trees_repeat_with_the_seed(tmp_path):
    def files(name, seed):
        out = tmp_path / name
        result = run("--out", out, "--count", 2, "--seed", seed, "--voxel-size", 2, 0.8, 0.8)
        assert result.exit_code == 0, result.output
        assert len(result.stdout.splitlines()) == 2
        return {path.name: path.read_bytes() for path in sorted(out.iterdir())}

    first, second, other = files("a", 1), files("b", 1), files("c", 2)
    assert first == second
    assert first["random_0000.tif"] != first["random_0001.tif"]
    assert first["random_0000.tif"] != other["random_0000.tif"]


def test_a_stack_does_not_depend_on_those_before_it(tmp_path):
    for count in (1, 2):
        run("--out", tmp_path / str(count), "--count", count, "--voxel-size", 2, 1, 1)
    one, two = (tmp_path / name / "random_0000.tif" for name in "12")
    assert one.read_bytes() == two.read_bytes()


def test_sixteen_bits(fork, tmp_path):
    assert run(fork, "--out", tmp_path / "out", "--bits", 16).exit_code == 0
    image = read_volume(tmp_path / "out" / "fork.tif")
    assert image.array.dtype == np.uint16
    assert image.array.max() > 255


def test_existing_output_is_kept_unless_told(fork, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "fork_label.tif").write_text("mine")
    result = run(fork, "--out", out)
    assert result.exit_code == 2
    assert "--overwrite" in result.stderr
    assert [path.name for path in out.iterdir()] == ["fork_label.tif"]
    assert (out / "fork_label.tif").read_text() == "mine"
    assert run(fork, "--out", out, "--overwrite").exit_code == 0
    assert read_volume(out / "fork_label.tif").array.max() == 255


def test_input_is_never_replaced(fork):
    result = run(fork, "--out", fork.parent, "--overwrite")
    assert result.exit_code == 2
    assert "--out" in result.stderr
    assert fork.read_text() == FORK


def test_huge_stack_is_refused_with_a_size_that_fits(fork, tmp_path):
    out = tmp_path / "out"
    arguments = (fork, "--out", out, "--max-voxels", 20_000)
    result = run(*arguments, "--voxel-size", 0.1, 0.05, 0.05)
    assert result.exit_code == 2
    assert "--max-voxels" in result.stderr
    assert not list(out.glob("*"))
    cure = result.stderr.split("--voxel-size ")[1].split(")")[0].split()
    assert run(*arguments, "--voxel-size", *cure).exit_code == 0


def test_absurd_coordinates_are_refused(tmp_path):
    far = tmp_path / "far.swc"
    far.write_text("1 3 0 0 0 1 -1\n2 3 1e200 1e200 0 1 1\n")
    result = run(far, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "--swc-units" in result.stderr
    assert len(result.stderr) < 500
    voxels = run(far, "--out", tmp_path / "out", "--swc-units", "voxel")
    assert voxels.exit_code == 2
    assert "--voxel-size" not in voxels.stderr  # it would not help


@pytest.mark.parametrize(
    ("arguments", "cure"),
    [
        (["missing.swc"], "missing.swc"),
        (["fork.swc", "--voxel-size", "0", "1", "1"], "--voxel-size"),
        (["fork.swc", "--voxel-size", "nan", "1", "1"], "--voxel-size"),
        (["fork.swc", "other/fork.swc"], "rename"),
        (["fork.swc", "broken.swc"], "broken.swc"),
        (["fork.swc", "--out", "fork.swc"], "--out"),
    ],
)
def test_wrong_input_is_refused_before_any_work(arguments, cure, fork, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("other").mkdir()
    Path("other/fork.swc").write_text(FORK)
    Path("broken.swc").write_text("1 3 0 0\n")
    result = run("--out", "out", *arguments)
    assert result.exit_code == 2
    assert cure in result.stderr
    assert len(result.stderr.strip().splitlines()) <= 3  # notes about units, one error
    assert "Traceback" not in result.output
    assert not list(Path("out").glob("*"))
