"""`neurorecon evaluate` on trees: what is compared, in which unit, and what is refused."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from evaluating import FORK, SIZE, fork_in_um, refusal, run, scores

from neurorecon.volume import Grid


@pytest.fixture
def fork(tmp_path):
    path = tmp_path / "fork.swc"
    path.write_text(FORK)
    return path


def test_a_tree_against_itself(fork):
    found = scores(fork, fork)
    assert found["comparison"] == "tree"
    assert found["unit"] == "voxel"
    assert found["length_precision"] == found["length_recall"] == found["length_f1"] == 1
    assert found["esa"] == pytest.approx(0, abs=1e-9)
    assert (found["dsa"], found["pds"]) == (0, 0)
    assert (found["fork_f1"], found["tip_f1"]) == (1, 1)
    assert (found["test_forks"], found["gold_tips"], found["gold_trees"]) == (1, 3, 1)
    assert found["gold_length"] == pytest.approx(20 + 2 * np.hypot(20, 10))


def test_a_traced_tree_in_um_is_compared_in_the_voxels_of_its_stack(fork, tmp_path):
    traced = fork_in_um(tmp_path / "traced.swc", shift_voxels=(3, 0, 0))
    found = scores(traced, fork, "--tolerance", 2.9)
    assert found["unit"] == "voxel"
    assert found["esa"] == pytest.approx(3, abs=1e-3)
    assert found["length_f1"] == 0
    assert scores(fork, traced, "--tolerance", 3.1)["length_f1"] == 1


def test_voxel_size_turns_um_into_voxels(fork, tmp_path):
    traced = fork_in_um(tmp_path / "traced.swc", shift_voxels=(3, 0, 0))
    plain = tmp_path / "plain.swc"
    plain.write_text(
        "\n".join(line for line in traced.read_text().splitlines() if not line.startswith("#"))
    )
    found = scores(plain, traced, "--swc-units", "um", "--voxel-size", *SIZE)
    assert (found["unit"], found["esa"]) == ("voxel", pytest.approx(0, abs=1e-9))
    assert found["gold_length"] == pytest.approx(20 + 2 * np.hypot(20, 10), rel=1e-4)


def test_without_a_voxel_size_the_scores_are_in_um_and_say_so(fork):
    result = run(fork, fork, "--swc-units", "um", "--json")
    assert json.loads(result.stdout)["unit"] == "um"
    assert "--voxel-size" in result.stderr


def test_mixed_units_without_a_voxel_size_are_refused(fork, tmp_path):
    bare = tmp_path / "bare.swc"
    bare.write_text("# unit um\n" + FORK)
    assert "--voxel-size" in refusal(bare, fork)


def test_the_table_is_for_people(fork):
    result = run(fork, fork)
    assert result.exit_code == 0
    for word in ("precision", "recall", "F1", "ESA (voxels)", "DSA", "PDS", "forks", "tips"):
        assert word in result.stdout
    assert result.stderr == ""


def test_a_single_node_is_scored(fork, tmp_path):
    node = tmp_path / "node.swc"
    node.write_text("1 0 10 20 13 1 -1\n")
    found = scores(node, fork)
    assert (found["length_recall"], found["esa_test_to_gold"]) == (0, 3)
    assert found["fork_mean_distance"] is None


def test_missing_and_malformed_files_are_refused(fork, tmp_path):
    assert "nope.swc" in refusal(tmp_path / "nope.swc", fork)
    assert "nope.tif" in refusal(tmp_path / "nope.tif", fork)
    bad = tmp_path / "bad.swc"
    bad.write_text(FORK + "5 3 1 1 1 1 77\n")
    assert "line 6" in refusal(bad, fork)
    assert "tolerance" in refusal(fork, fork, "--tolerance", 0)
    for size in (("0", "1", "1"), ("nan", "1", "1")):
        assert "--voxel-size" in refusal(fork, fork, "--voxel-size", *size)


def test_json_is_all_there_is_on_standard_output(fork):
    command = [sys.executable, "-m", "neurorecon", "evaluate", str(fork), str(fork), "--json"]
    command.append("--no-slow")
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=True)
    assert json.loads(done.stdout)["length_f1"] == 1
    assert done.stderr == ""


def test_scores_of_the_whole_tree_and_morphometry(fork, tmp_path):
    """The same fork with one of its two branches left out."""
    short = tmp_path / "short.swc"
    short.write_text("\n".join(FORK.splitlines()[:-1]))
    found = scores(short, fork)
    assert found["diadem"] == pytest.approx(0.5, abs=0.3)
    assert 0 < found["nblast"] < 1
    assert 0 < found["persistence"] < 1
    assert (found["morphometry_gold_forks"], found["morphometry_difference_forks"]) == (1, -1)
    assert found["morphometry_gold_length"] == pytest.approx(20 + 2 * np.hypot(20, 10))
    branch = np.hypot(20, 10)
    assert found["run_length_share"] < 1
    assert found["omitted_share"] == pytest.approx((branch - 4) / (20 + 2 * branch), abs=0.1)
    assert len(found["sholl"]["radius"]) == len(found["sholl"]["gold_crossings"])
    perfect = scores(fork, fork)
    assert (perfect["diadem"], perfect["persistence"]) == (1, 0)
    assert (perfect["nblast"], perfect["critical_f1"]) == (pytest.approx(1), 1)


def test_morphometry_is_in_um_where_the_voxel_size_is_known(fork):
    found = scores(fork, fork, "--voxel-size", *SIZE, "--no-slow")
    assert (found["unit"], found["morphometry_unit"]) == ("voxel", "um")
    # 20 voxels of 0.5 µm, and twice a branch of 20 x 0.5 µm along x and 10 x 1 µm along y
    assert found["morphometry_gold_length"] == pytest.approx(10 + 2 * np.hypot(10, 10))
    assert found["gold_length"] == pytest.approx(20 + 2 * np.hypot(20, 10))


def test_details_are_printed_on_request(fork):
    words = ("critical nodes", "SSD", "Sholl", "strahler", "tortuosity", "omitted")
    short, long = run(fork, fork, "--no-slow").stdout, run(fork, fork, "--details").stdout
    for word in words:
        assert word in long and word not in short
    assert "DIADEM" in long and "DIADEM" not in short
    assert max(map(len, long.splitlines())) <= 80
    assert len(run(fork, fork).stdout.splitlines()) <= 45  # a table, not a wall


def test_slow_scores_are_left_out_of_large_trees_with_a_message(fork, monkeypatch):
    monkeypatch.setattr("neurorecon.commands.evaluate.trees.LARGEST_DETAILED", 3)
    result = run(fork, fork, "--json")
    assert json.loads(result.stdout)["diadem"] is None
    assert "--slow" in result.stderr
    assert scores(fork, fork, "--slow")["diadem"] == 1
    assert run(fork, fork, "--no-slow").stderr == ""


def test_differences_that_are_rounding_print_as_none(tmp_path):
    """One neurite of radius 0.7, in one edge and in five: its mean radius is summed otherwise."""
    one, five = tmp_path / "one.swc", tmp_path / "five.swc"
    for path, places in ((one, (0, 30)), (five, (0, 6, 12, 18, 24, 30))):
        rows = ((row, x, row - 1 or -1) for row, x in enumerate(places, 1))
        path.write_text("".join(f"{row} 3 {x} 0 0 0.7 {parent}\n" for row, x, parent in rows))
    assert 0 < abs(scores(five, one)["morphometry_difference_mean_radius"]) < 1e-12
    (line,) = [
        line
        for line in run(five, one, "--details").stdout.splitlines()
        if "radius (" in line and "mean" in line
    ]
    assert line.split()[-1] == "+0"


@pytest.mark.parametrize("row", ["2 0 1e300 1 1 1 1", "2 0 9 1 -1e200 1 1", "2 0 9 1 1 1e300 1"])
def test_numbers_that_overflow_are_refused_in_one_line(tmp_path, row):
    good, huge = tmp_path / "good.swc", tmp_path / "huge.swc"
    good.write_text("1 0 1 1 1 1 -1\n2 0 9 1 1 1 1\n")
    huge.write_text(f"1 0 1 1 1 1 -1\n{row}\n")
    for pair in ((huge, good), (good, huge)):
        result = run(*pair, "--voxel-size", *SIZE)
        assert (result.exit_code, result.stdout) == (2, "")
        (line,) = result.stderr.splitlines()
        assert "huge.swc" in line and "correct it" in line


CROP = Grid(SIZE, (100.0, 50.0, 20.0), "um", "test")  # its first voxel is 50, 50, 40


def test_a_gold_in_voxels_of_the_whole_recording(fork, tmp_path):
    """A region of interest keeps the coordinates of the whole; the origin is named."""
    traced = fork_in_um(tmp_path / "traced.swc", CROP)
    whole = tmp_path / "whole.swc"
    whole.write_text("1 3 50 70 60 1 -1\n2 3 70 70 60 1 1\n3 3 90 80 60 1 2\n4 3 90 60 60 1 2\n")
    for pair in ((traced, whole), (whole, traced)):
        result = run(*pair, "--json")
        assert json.loads(result.stdout)["esa"] == pytest.approx(0, abs=1e-3)
        (warning,) = result.stderr.splitlines()
        assert "traced.swc lies at 100 50 20 µm" in warning
        assert "whole.swc" in warning and "--swc-origin stack" in warning


def test_a_gold_in_voxels_of_the_stack(fork, tmp_path):
    """What an annotator sees who opens the crop, or a stack with a stage position."""
    traced = fork_in_um(tmp_path / "traced.swc", CROP)
    wrong = run(traced, fork, "--json")
    assert json.loads(wrong.stdout)["length_f1"] == 0
    assert "--swc-origin stack" in wrong.stderr
    for pair in ((traced, fork), (fork, traced), (traced, traced)):
        result = run(*pair, "--swc-origin", "stack", "--json")
        assert result.stderr == ""
        found = json.loads(result.stdout)
        assert (found["length_f1"], found["esa"]) == (1, pytest.approx(0, abs=1e-3))
    for folder, file in (("traced", traced), ("gold", fork)):
        (tmp_path / folder).mkdir(exist_ok=True)
        file.rename(tmp_path / folder / "a.swc")
    many = run(tmp_path / "traced", tmp_path / "gold", "--json")
    assert "--swc-origin stack" in many.stderr


def test_files_that_say_where_they_lie_leave_no_doubt(fork, tmp_path):
    here, there = fork_in_um(tmp_path / "a.swc", CROP), fork_in_um(tmp_path / "b.swc")
    for pair in ((here, here), (here, there), (there, fork)):
        assert run(*pair).stderr == ""


def test_a_coordinate_with_a_typing_error_is_named_not_computed(tmp_path):
    good, huge = tmp_path / "good.swc", tmp_path / "huge.swc"
    good.write_text("1 0 1 1 1 1 -1\n2 0 9 1 1 1 1\n")
    huge.write_text("1 0 1 1 1 1 -1\n2 0 1700000000 1 1 1 1\n")
    line = refusal(huge, good)
    assert "huge.swc" in line and "edge" in line
