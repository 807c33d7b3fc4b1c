"""The options of a run, beside what it wrote."""

import sys
import tomllib

import pytest
from segmentations import LONG, segmentation
from typer.testing import CliRunner

from neurorecon.cli.app import app

TREE = "1 3 5 20 10 2 -1\n2 3 40 20 10 2 1\n"


def run(*arguments, stdin=None):
    return CliRunner().invoke(app, list(map(str, arguments)), input=stdin)


def read(path):
    return tomllib.loads(path.read_text())


@pytest.fixture
def made(write_stack, small_model, tmp_path, monkeypatch):
    """A stack, a tree and a model; returns what runs a command and gives its new options."""
    write_stack(tmp_path / "a.tif")
    segmentation(tmp_path / "long_seg.tif", LONG)
    (tmp_path / "tree.swc").write_text(TREE)

    def run_here(*arguments):
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.options.toml")}
        monkeypatch.setattr(sys, "argv", ["neurorecon", *map(str, arguments)])
        result = run(*arguments)
        assert result.exit_code == 0, result.stderr
        now = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.options.toml")}
        return [str(path.relative_to(tmp_path)) for path in now if before.get(path) != now[path]]

    monkeypatch.chdir(tmp_path)
    return run_here


def test_every_output_has_its_options_beside_it(made, small_model, tmp_path):
    model = ("--model", small_model)
    assert made("segment", "a.tif", *model) == ["a_seg.options.toml"]
    zarr = ("--out", "a.b.ome.zarr")
    assert made("segment", "a.tif", *model, *zarr) == ["a.b.options.toml"]
    saved = read(tmp_path / "a_seg.options.toml")["segment"]
    assert saved["model"] == str(small_model) and saved["overlap"] == 0.25

    trace = ("trace", "long_seg.tif")
    assert made(*trace, "--out", "cell.1.swc") == ["cell.1.options.toml"]
    assert made(*trace, "--out", "trees/") == ["trees/long.options.toml"]
    assert made("convert", "tree.swc", "--out", "again.swc") == ["again.options.toml"]
    assert made("view", "tree.swc", "--out", "page.html") == ["page.options.toml"]
    score = ("evaluate", "tree.swc", "tree.swc")
    assert made(*score, "--report", "score.html") == ["score.options.toml"]
    assert made("simulate", "tree.swc", "--out", "new") == ["new/simulate.options.toml"]
    assert made(*score) == made("info", "a.tif") == made("models") == []


def test_outputs_of_one_name_share_the_file(made, small_model, tmp_path):
    made("segment", "a.tif", "--model", small_model, "--out", "cell.tif")
    trace = ("trace", "long_seg.tif")
    assert made(*trace, "--out", "cell.swc", "--threshold", 0.4) == ["cell.options.toml"]
    made(*trace, "--out", "cell.swc", "--threshold", 0.3, "--overwrite")
    text = (tmp_path / "cell.options.toml").read_text()
    tables = tomllib.loads(text)
    assert tables.keys() == {"segment", "trace"}
    assert tables["trace"]["threshold"] == 0.3
    lines = [line for line in text.splitlines() if line.startswith("#")]
    assert ["segment" in line for line in lines] == [True, False]
    assert "--threshold 0.3" in lines[1]

    again = made(*trace, "--config", "cell.options.toml", "--out", "as_before.swc")
    assert again == ["as_before.options.toml"]
    assert read(tmp_path / again[0])["trace"]["threshold"] == 0.3


@pytest.mark.parametrize("mine", [b"[trace]\nthreshold = 0.2\n", b"# mine\n", b"\xff\xfe"])
def test_a_file_of_your_own_is_left_alone(made, tmp_path, mine):
    path = tmp_path / "again.options.toml"
    path.write_bytes(mine)
    result = run("convert", "tree.swc", "--out", "again.swc")
    assert result.exit_code == 0
    assert f"{path.name} is a file of your own" in result.stderr
    assert path.read_bytes() == mine


def test_the_options_go_elsewhere_when_told(made):
    elsewhere = ("--save-options", "here.options.toml")
    assert made("convert", "tree.swc", "--out", "b.swc", *elsewhere) == ["here.options.toml"]


def test_what_fails_or_goes_down_a_pipe_leaves_none(made, small_model, tmp_path):
    refused = run("convert", "tree.swc", "--out", "tree.swc", "--overwrite")
    assert refused.exit_code == 2
    piped = run("segment", "a.tif", "--model", small_model, "--out", "-")
    assert piped.exit_code == 0
    assert not list(tmp_path.glob("*.options.toml"))


def test_several_stacks_into_a_folder_have_one_file(made, tmp_path):
    stacks = [segmentation(tmp_path / f"{name}_seg.tif", LONG) for name in "bc"]
    result = run("trace", "--out", "trees", stdin="".join(f"{stack}\n" for stack in stacks))
    assert result.exit_code == 0, result.stderr
    assert [path.name for path in (tmp_path / "trees").glob("*.toml")] == ["trace.options.toml"]
