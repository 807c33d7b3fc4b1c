"""`neurorecon run`: many stacks, what is done again and what is not, what becomes of failures."""

import csv
import os
import subprocess
import sys
import tomllib

import numpy as np
import pytest
import tifffile
from micrographs import NEURITE, length_near, line, micrograph
from typer.testing import CliRunner

from neurorecon.cli.app import app

OTHER = line((12, 50, 8), (10, 30, 40), (14, 12, 80))
ENDINGS = {".swc", "_seg.tif", ".png", ".html", ".json", ".csv", ".options.toml"}


def run(*arguments):
    return CliRunner().invoke(app, ["run", *map(str, arguments)])


def write(path, *trees, dark=False):
    array = micrograph(*trees).astype(np.uint8)
    tifffile.imwrite(path, 255 - array if dark else array, photometric="minisblack")
    return path


def rows(folder):
    with (folder / "summary.csv").open(newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def test_a_name_that_is_not_utf_8_is_known_again(tmp_path, out):
    stack = write(tmp_path / "a.tif", NEURITE).rename(tmp_path / os.fsdecode(b"m\xf6.tif"))
    for state in ("done", "skipped"):
        command = [sys.executable, "-m", "neurorecon", "run", stack, "--out", out]
        done = subprocess.run(command, capture_output=True, check=False)
        assert (done.returncode, done.stdout) == (0, os.fsencode(out / stack.stem) + b".swc\n")
        with (out / "summary.csv").open(newline="", errors="replace") as file:
            assert [row["state"] for row in csv.DictReader(file)] == [state]


def test_a_stack_that_is_named_twice_is_refused(tmp_path, out):
    stack = write(tmp_path / "a.tif", NEURITE)
    result = run(stack, stack, "--out", out)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{stack} is named 2 times" in result.stderr


def test_many_stacks_one_after_the_other(tmp_path, out):
    a, b = write(tmp_path / "a.tif", NEURITE), tmp_path / "b.tif"
    b.write_text("no stack")
    size = ("--voxel-size", 1, 1, 1)

    first = run(a, b, "--out", out, *size)
    assert first.exit_code == 1
    assert first.stdout.splitlines() == [str(out / "a.swc")]
    assert {path.name for path in out.iterdir()} == {
        *(f"a{ending}" for ending in ENDINGS),
        "b.options.toml",
        "summary.csv",
    }
    assert length_near(out / "a.swc", NEURITE) > 0.95
    *_, listed, last = first.stderr.splitlines()
    assert listed.count(str(b)) == 1
    assert "1 of 2 stacks failed" in last
    assert rows(out)["a"]["state"] == "done" and rows(out)["a"]["trees"] == "1"
    assert rows(out)["b"]["state"] == "failed" and rows(out)["b"]["problem"]

    made = {path: path.stat().st_mtime_ns for path in out.glob("a*")}
    write(b, OTHER)
    second = run(a, b, "--out", out, *size, "--device", "cpu")  # how it is done does not matter
    assert second.exit_code == 0, second.stderr
    assert second.stdout.splitlines() == [str(out / "a.swc"), str(out / "b.swc")]
    assert {path: path.stat().st_mtime_ns for path in made} == made
    assert rows(out)["a"]["state"] == "skipped"

    third = run(a, b, "--out", out, *size, "--threshold", 0.4)  # the segmentation stays good
    assert third.exit_code == 0, third.stderr
    changed = {path.name for path in made if path.stat().st_mtime_ns != made[path]}
    assert changed == {f"a{ending}" for ending in ENDINGS - {"_seg.tif"}}

    write(a, OTHER)
    fourth = run(a, "--out", out, *size, "--threshold", 0.4)
    assert fourth.exit_code == 0, fourth.stderr
    assert length_near(out / "a.swc", OTHER) > 0.95
    assert (out / "a_seg.tif").stat().st_mtime_ns != made[out / "a_seg.tif"]
    assert set(rows(out)) == {"a", "b"}  # what an earlier run told of others stays


def test_several_at_once_do_what_one_does(tmp_path, out):
    """In processes of their own, whose options come over a file: nothing is done twice."""
    stacks = [write(tmp_path / "a b.tif", NEURITE, dark=True), write(tmp_path / "-c.tif", OTHER)]
    options = ("--out", out, "--voxel-size", 1, 1, 1, "--threshold", 0.4)
    out.mkdir()
    (out / "a b.swc").write_text("by hand")
    result = run(*stacks, tmp_path / "d.tif", *options, "--jobs", 2, "--overwrite")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [str(out / "a b.swc"), str(out / "-c.swc")]
    assert {name: row["state"] for name, row in rows(out).items()} == {
        "a b": "done",
        "-c": "done",
        "d": "failed",
    }
    assert length_near(out / "a b.swc", NEURITE) > 0.95
    assert length_near(out / "-c.swc", OTHER) > 0.95
    started = [line for line in result.stderr.splitlines() if line.startswith("[")]
    assert sorted(started) == [f"[1/3] {stacks[0]}", f"[2/3] {stacks[1]}"]
    assert run(*stacks, *options).exit_code == 0
    assert {row["state"] for row in rows(out).values()} == {"skipped"}


def test_the_options_beside_the_output_do_it_again(tmp_path, out):
    stack = write(tmp_path / "a.tif", NEURITE, dark=True)  # dark: noticed, as `trace` does
    config = tmp_path / "neurorecon.toml"
    config.write_text("voxel-size = [1, 1, 1]\n[run]\nthreshold = 0.3\n[segment]\noverlap = 0.3\n")
    first = run(stack, "--out", out, "--config", config, "--threshold", 0.35)
    assert first.exit_code == 0, first.stderr
    assert length_near(out / "a.swc", NEURITE) > 0.95
    record = out / "a.options.toml"
    options = tomllib.loads(record.read_text())
    assert first.stderr.count("--no-invert") == 1
    assert "invert" not in options["segment"]  # false would not be what was done
    assert options["segment"]["overlap"] == 0.3
    assert options["segment"]["voxel-size"] == [1, 1, 1]
    assert options["trace"]["threshold"] == 0.35
    again = run(stack, "--out", tmp_path / "again", "--config", record)
    assert again.exit_code == 0, again.stderr
    assert (tmp_path / "again" / "a.swc").read_text() == (out / "a.swc").read_text()


def test_files_of_others_are_not_replaced(tmp_path, out):
    stack = write(tmp_path / "a.tif", NEURITE)
    out.mkdir()
    (out / "a.swc").write_text("by hand")
    result = run(stack, "--out", out)
    assert result.exit_code == 1
    assert "--overwrite" in result.stderr
    assert (out / "a.swc").read_text() == "by hand"
    assert {path.name for path in out.iterdir()} == {"a.swc", "summary.csv"}
    assert run(stack, "--out", out, "--overwrite").exit_code == 0
    edited = (out / "a.swc").read_text() + "# proofread\n"
    (out / "a.swc").write_text(edited)
    assert run(stack, "--out", out).exit_code == 0  # skipped
    assert run(stack, "--out", out, "--threshold", 0.4).exit_code == 1
    assert (out / "a.swc").read_text() == edited


def test_names_that_repeat_get_those_of_their_folders(tmp_path, out):
    stacks = []
    for case in ("one", "two"):
        (tmp_path / case).mkdir()
        (tmp_path / case / "image.tif").write_text("no stack")
        stacks.append(tmp_path / case / "image.tif")
    assert run(*stacks, "--out", out).exit_code == 1
    assert set(rows(out)) == {"one_image", "two_image"}
    again = tmp_path / "more" / "one" / "image.tif"
    result = run(*stacks, again, "--out", out)
    assert result.exit_code == 2
    assert "give each a --out" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (("--threshold", 3), "--threshold"),
        (("--model", "nonesuch"), "nonesuch"),
        (("--config", "c.toml"), "overlap"),
    ],
)
def test_wrong_options_are_refused_before_any_work(tmp_path, out, arguments, found, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.toml").write_text("[segment]\noverlap = 7\n")
    result = run(write(tmp_path / "a.tif", NEURITE), "--out", out, *arguments)
    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    assert found in line
    assert not out.exists()


def test_a_run_that_was_cut_off_is_done_again(tmp_path, out):
    """Outputs without their end in the record, as after a SIGKILL."""
    stack = write(tmp_path / "a.tif", NEURITE)
    assert run(stack, "--out", out).exit_code == 0
    record = out / "a.options.toml"
    record.write_text(record.read_text().replace("finished = true", "finished = false"))
    (out / "a.swc").write_text("half")
    assert run(stack, "--out", out).exit_code == 0
    assert length_near(out / "a.swc", NEURITE) > 0.95


def test_the_help_flows_and_names_the_tables():
    text = " ".join(CliRunner().invoke(app, ["run", "--help"]).stdout.split())
    assert "can stand in the tables [segment] and [trace] of a file" in text
    assert "NAME.html (a page to look at)" in text


def test_what_all_steps_would_warn_of_is_said_once(tmp_path, out):
    stacks = [write(tmp_path / name, NEURITE) for name in ("a.tif", "b.tif")]
    result = run(*stacks, "--out", out)
    assert result.exit_code == 0
    assert result.stderr.count("voxel size unknown") == 2  # once for each stack


def test_a_file_in_the_place_of_the_record_is_not_replaced(tmp_path, out):
    stack = write(tmp_path / "a.tif", NEURITE)
    out.mkdir()
    (out / "a.options.toml").write_text("# my own notes\n[trace]\nthreshold = 0.37\n")
    result = run(stack, "--out", out)
    assert result.exit_code == 1 and "was not written by" in result.stderr
    assert "my own notes" in (out / "a.options.toml").read_text()


def test_saved_options_hold_those_of_the_steps(tmp_path, out):
    stack = write(tmp_path / "a.tif", NEURITE)
    config, saved = tmp_path / "c.toml", tmp_path / "saved.toml"
    config.write_text("[segment]\ntta = true\n[trace]\npreview = 'x.png'\n[view]\nnapari = true\n")
    given = ("--config", config, "--save-options", saved)
    assert run(stack, "--out", out, "--voxel-size", 1, 1, 1, *given).exit_code == 0
    assert not (tmp_path / "x.png").exists()
    tables = tomllib.loads(saved.read_text())
    assert tables["segment"]["tta"] is True and tables["run"]["voxel-size"] == [1, 1, 1]
    assert run(stack, "--out", tmp_path / "again", "--config", saved).exit_code == 0
    record = (tmp_path / "again" / "a.options.toml").read_text()
    assert tomllib.loads(record)["segment"]["tta"] is True
