"""`neurorecon evaluate` on real files: what is compared, in which unit, and what is refused."""

import json
import os
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
import tifffile
from scipy.spatial import cKDTree
from typer.testing import CliRunner

from neurorecon.cli.app import app
from neurorecon.io.stack import write_probability
from neurorecon.io.swc import write_swc
from neurorecon.morphology import Morphology
from neurorecon.volume import Grid

SIZE = (2.0, 1.0, 0.5)
SHAPE = (21, 40, 61)
UM = Grid(voxel_size_zyx=SIZE, unit="um", source="test")

# A fork in voxels, as (x, y, z) rows of a foreign SWC file.
FORK = """# made by hand
1 3 10 20 10 1 -1
2 3 30 20 10 1 1
3 3 50 30 10 1 2
4 3 50 10 10 1 2
"""


def run(*arguments):
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)])


def scores(*arguments):
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def refusal(*arguments):
    """The one line that a refused run prints."""
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


@pytest.fixture
def fork(tmp_path):
    path = tmp_path / "fork.swc"
    path.write_text(FORK)
    return path


def fork_in_um(path, grid=UM, shift_voxels=(0, 0, 0)):
    """The same fork as neurorecon writes it for a stack of known voxel size."""
    voxels = np.array([[10.0, 20, 10], [10, 20, 30], [10, 30, 50], [10, 10, 50]])
    tree = Morphology(
        grid.to_physical(voxels + shift_voxels),
        np.ones(4),
        np.array([-1, 0, 1, 1]),
        np.full(4, 3),
        grid.unit,
    )
    write_swc(path, tree, grid)
    return path


@cache
def fork_mask():
    """Voxels within two of the fork, by the distance to many points along it."""
    start, fork, *ends = np.array([[10.0, 20, 10], [10, 20, 30], [10, 30, 50], [10, 10, 50]])
    steps = np.linspace(0, 1, 400)[:, None]
    points = np.vstack([fork + steps * (end - fork) for end in (start, *ends)])
    voxels = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), -1).reshape(-1, 3)
    distance, _ = cKDTree(points).query(voxels)
    return (distance <= 2.001).reshape(SHAPE)


# ------------------------------------------------------------------------------------ trees


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


# ----------------------------------------------------------------------------------- stacks


def test_a_probability_against_a_mask(tmp_path):
    gold = fork_mask()
    probability = np.where(gold, 200, 40).astype(np.uint8)
    probability[0, 0, 0] = 255
    write_probability(tmp_path / "seg.tif", probability, UM)
    write_probability(tmp_path / "gold.tif", gold.astype(np.uint8), UM)
    found = scores(tmp_path / "seg.tif", tmp_path / "gold.tif")
    assert (found["comparison"], found["unit"]) == ("mask", "um")
    count = int(gold.sum())
    assert found["dice"] == pytest.approx(2 * count / (2 * count + 1))
    assert (found["recall"], found["hd95"]) == (1, 0)
    assert scores(tmp_path / "seg.tif", tmp_path / "gold.tif", "--threshold", 0.9)["recall"] == 0
    low = scores(tmp_path / "seg.tif", tmp_path / "gold.tif", "--threshold", 0.1)
    assert low["test_voxels"] == gold.size


def test_hd95_is_in_um_only_where_the_voxel_size_is_known(tmp_path):
    test, gold = np.zeros((2, *SHAPE), np.uint8)
    test[5, 5, 5] = gold[8, 5, 5] = 1
    tifffile.imwrite(tmp_path / "test.tif", test)
    tifffile.imwrite(tmp_path / "gold.tif", gold)
    found = scores(tmp_path / "test.tif", tmp_path / "gold.tif")
    assert (found["hd95"], found["unit"]) == (3, "voxel")
    found = scores(tmp_path / "test.tif", tmp_path / "gold.tif", "--voxel-size", *SIZE)
    assert (found["hd95"], found["unit"]) == (6, "um")


def test_an_empty_prediction_is_scored(tmp_path):
    tifffile.imwrite(tmp_path / "test.tif", np.zeros(SHAPE, np.uint8))
    tifffile.imwrite(tmp_path / "gold.tif", fork_mask().astype(np.uint8))
    found = scores(tmp_path / "test.tif", tmp_path / "gold.tif")
    assert (found["dice"], found["cldice"]) == (0, 0)
    assert found["hd95"] == pytest.approx(np.linalg.norm(SHAPE))


@pytest.mark.parametrize("known", [False, True])
def test_a_mask_against_a_tree_drawn_into_it(fork, tmp_path, known):
    """The gold may be in voxels or µm, whether or not the stack knows its voxel size."""
    grid = UM if known else Grid()
    write_probability(tmp_path / "seg.tif", fork_mask().astype(np.uint8) * 255, grid)
    gold = fork_in_um(tmp_path / "gold.swc") if known else fork
    assert scores(tmp_path / "seg.tif", gold)["dice"] == 1
    assert scores(tmp_path / "seg.tif", fork)["dice"] == 1
    assert run(tmp_path / "seg.tif", fork).stdout.count("Dice") == 2  # clDice too


def test_a_crop_finds_its_place_in_the_tree_of_the_whole_stack(fork, tmp_path):
    start = (4, 6, 3)
    crop = fork_mask()[4:, 6:, 3:].astype(np.uint8)
    write_probability(tmp_path / "crop.tif", crop, UM.shifted(start))
    assert scores(tmp_path / "crop.tif", fork)["dice"] == 1
    assert scores(tmp_path / "crop.tif", fork_in_um(tmp_path / "gold.swc"))["dice"] == 1


# --------------------------------------------------------------------------------- refusals


def test_a_tree_against_a_mask_is_refused(fork, tmp_path):
    write_probability(tmp_path / "gold.tif", fork_mask().astype(np.uint8), Grid())
    line = refusal(fork, tmp_path / "gold.tif")
    assert "fork.swc" in line
    assert "SWC" in line


def test_stacks_of_other_shapes_are_refused_by_name(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.ones((5, 6, 7), np.uint8))
    tifffile.imwrite(tmp_path / "b.tif", np.ones((5, 6, 8), np.uint8))
    line = refusal(tmp_path / "a.tif", tmp_path / "b.tif")
    for part in ("a.tif", "b.tif", "5 x 6 x 7", "5 x 6 x 8"):
        assert part in line


def test_a_probability_is_no_gold(tmp_path):
    ramp = np.arange(5 * 6 * 7, dtype=np.uint8).reshape(5, 6, 7)
    tifffile.imwrite(tmp_path / "a.tif", ramp)
    assert "threshold it" in refusal(tmp_path / "a.tif", tmp_path / "a.tif")


def test_intensities_are_no_probability(tmp_path):
    ramp = np.arange(5 * 6 * 7, dtype=np.uint16).reshape(5, 6, 7)
    tifffile.imwrite(tmp_path / "raw.tif", ramp)
    tifffile.imwrite(tmp_path / "gold.tif", (ramp > 9).astype(np.uint8))
    line = refusal(tmp_path / "raw.tif", tmp_path / "gold.tif")
    assert "raw.tif" in line
    assert "probability" in line


def test_a_tree_outside_of_the_stack_is_refused(fork, tmp_path):
    write_probability(tmp_path / "small.tif", np.ones((4, 4, 4), np.uint8), Grid())
    assert "--swc-units" in refusal(tmp_path / "small.tif", fork)


def test_a_tree_in_um_needs_the_voxel_size_of_the_stack(tmp_path):
    tifffile.imwrite(tmp_path / "seg.tif", fork_mask().astype(np.uint8))
    gold = fork_in_um(tmp_path / "gold.swc")
    assert "--voxel-size" in refusal(tmp_path / "seg.tif", gold)
    assert scores(tmp_path / "seg.tif", gold, "--voxel-size", *SIZE)["dice"] == 1


def test_missing_and_malformed_files_are_refused(fork, tmp_path):
    assert "nope.swc" in refusal(tmp_path / "nope.swc", fork)
    assert "nope.tif" in refusal(tmp_path / "nope.tif", fork)
    bad = tmp_path / "bad.swc"
    bad.write_text(FORK + "5 3 1 1 1 1 77\n")
    assert "line 6" in refusal(bad, fork)
    assert "tolerance" in refusal(fork, fork, "--tolerance", 0)
    for size in (("0", "1", "1"), ("nan", "1", "1")):
        assert "--voxel-size" in refusal(fork, fork, "--voxel-size", *size)


def test_a_tiff_by_another_name_is_a_stack(fork, tmp_path):
    write_probability(tmp_path / "seg.tif", fork_mask().astype(np.uint8), Grid())
    renamed = (tmp_path / "seg.tif").rename(tmp_path / "seg.out")
    assert scores(renamed, fork)["dice"] == 1


def test_json_is_all_there_is_on_standard_output(fork):
    command = [sys.executable, "-m", "neurorecon", "evaluate", str(fork), str(fork), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=True)
    assert json.loads(done.stdout)["length_f1"] == 1
    assert done.stderr == ""


def test_a_coordinate_with_a_typing_error_is_named_not_computed(tmp_path):
    good, huge = tmp_path / "good.swc", tmp_path / "huge.swc"
    good.write_text("1 0 1 1 1 1 -1\n2 0 9 1 1 1 1\n")
    huge.write_text("1 0 1 1 1 1 -1\n2 0 1700000000 1 1 1 1\n")
    result = CliRunner().invoke(app, ["evaluate", str(huge), str(good)])
    assert result.exit_code == 2 and "huge.swc" in result.stderr and "edge" in result.stderr
