"""The options of a run, beside what it wrote."""

import os
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
    assert made("segment", "a.tif", *model) == ["a_seg.tif.options.toml"]
    zarr = ("--out", "a.b.ome.zarr")
    assert made("segment", "a.tif", *model, *zarr) == ["a.b.ome.zarr.options.toml"]
    saved = read(tmp_path / "a_seg.tif.options.toml")["segment"]
    assert saved["model"] == str(small_model) and saved["overlap"] == 0.25

    trace = ("trace", "long_seg.tif")
    assert made(*trace, "--out", "cell.1.swc") == ["cell.1.swc.options.toml"]
    assert made(*trace, "--out", "trees/") == ["trees/long.swc.options.toml"]
    assert made("convert", "tree.swc", "--out", "cell.csv") == ["cell.csv.options.toml"]
    assert made("view", "tree.swc", "--out", "page.html") == ["page.html.options.toml"]
    score = ("evaluate", "tree.swc", "tree.swc")
    assert made(*score, "--report", "score.html") == ["score.html.options.toml"]
    assert made("simulate", "tree.swc", "--out", "new") == ["new/tree.tif.options.toml"]
    assert made(*score) == made("info", "a.tif") == made("models") == []


def test_the_next_run_can_be_made_alike_without_touching_the_files_of_the_last(made, tmp_path):
    extras = ("--report", "cell.json", "--preview", "cell.png")
    made("trace", "long_seg.tif", "--out", "cell.swc", "--threshold", 0.3, *extras)
    saved = tmp_path / "cell.swc.options.toml"
    assert saved.read_text().startswith("# neurorecon ")
    assert "--report cell.json" in saved.read_text().splitlines()[0]
    before = (tmp_path / "cell.json").read_bytes()
    made("trace", "long_seg.tif", "--out", "next.swc", "--config", saved)
    assert read(tmp_path / "next.swc.options.toml")["trace"]["threshold"] == 0.3
    assert (tmp_path / "cell.json").read_bytes() == before


def test_an_output_that_is_replaced_has_the_new_options(made, tmp_path):
    for threshold in (0.3, 0.4):
        out = ("--out", "cell.swc", "--threshold", threshold, "--overwrite")
        assert made("trace", "long_seg.tif", *out) == ["cell.swc.options.toml"]
    assert read(tmp_path / "cell.swc.options.toml")["trace"]["threshold"] == 0.4


@pytest.mark.parametrize("mine", [b"# neurorecon options of our lab\n", b"# mine\n", b"\xff\xfe"])
def test_a_file_of_your_own_is_left_alone(made, tmp_path, mine):
    path = tmp_path / "again.swc.options.toml"
    path.write_bytes(mine)
    result = run("convert", "tree.swc", "--out", "again.swc")
    assert result.exit_code == 0
    assert f"{path.name} is not of neurorecon" in result.stderr
    assert path.read_bytes() == mine


def test_options_that_cannot_be_written_are_told_and_the_output_counts(made, tmp_path):
    (tmp_path / "folder.swc.options.toml").mkdir()
    (tmp_path / "link.swc.options.toml").symlink_to(tmp_path / "missing" / "x.toml")
    os.mkfifo(tmp_path / "fifo.swc.options.toml")
    for name in ("folder", "link", "fifo", "x" * 245):
        result = run("convert", "tree.swc", "--out", f"{name}.swc")
        assert result.exit_code == 0 and result.stdout == f"{name}.swc\n", result.stderr
        assert len(result.stderr.splitlines()) == 2 and "options" in result.stderr


def test_the_options_go_elsewhere_when_told(made):
    elsewhere = ("--save-options", "here.options.toml")
    assert made("convert", "tree.swc", "--out", "b.swc", *elsewhere) == ["here.options.toml"]


def test_saved_options_replace_nothing_but_options(made, tmp_path):
    before = (tmp_path / "tree.swc").read_bytes()
    for name in ("tree.swc", "b.swc", "-"):
        options = ("--save-options", name, "--overwrite")
        result = run("convert", "tree.swc", "--out", "b.swc", *options)
        assert result.exit_code == 2 and "in .toml" in result.stderr
    assert (tmp_path / "tree.swc").read_bytes() == before and not (tmp_path / "b.swc").exists()
    assert run("info", "a.tif", "--save-options", "i.toml").exit_code == 0
    again = run("info", "a.tif", "--save-options", "i.toml")
    assert again.exit_code == 2 and "--overwrite" not in again.stderr


def test_what_fails_or_goes_down_a_pipe_leaves_none(made, small_model, tmp_path):
    refused = run("convert", "tree.swc", "--out", "tree.swc", "--overwrite")
    assert refused.exit_code == 2
    piped = run("segment", "a.tif", "--model", small_model, "--out", "-")
    assert piped.exit_code == 0
    assert not list(tmp_path.glob("*.options.toml"))


def test_each_of_several_stacks_has_its_options(made, tmp_path):
    stacks = [segmentation(tmp_path / f"{name}_seg.tif", LONG) for name in "bc"]
    result = run("trace", "--out", "trees", stdin="".join(f"{stack}\n" for stack in stacks))
    assert result.exit_code == 0, result.stderr
    found = sorted(path.name for path in (tmp_path / "trees").glob("*.toml"))
    assert found == ["b.swc.options.toml", "c.swc.options.toml"]


def test_a_comment_holds_what_toml_allows(made, tmp_path):
    made("convert", "tree.swc", "--out", "a\x01b.swc")
    assert read(tmp_path / "a\x01b.swc.options.toml")["convert"]["mirror"] == ""
