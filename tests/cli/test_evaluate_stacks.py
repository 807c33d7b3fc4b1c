"""`neurorecon evaluate` on masks and probabilities, against masks and trees."""

import json
import tracemalloc
from functools import cache, partial

import numpy as np
import pytest
import tifffile
from evaluating import FORK, SIZE, UM, fork_in_um, refusal, run, scores
from scipy.spatial import cKDTree

from neurorecon.io.stack import write_probability
from neurorecon.metrics.curve import threshold_curve
from neurorecon.metrics.voxel import compare_blocks
from neurorecon.volume import Grid

SHAPE = (21, 40, 61)


@pytest.fixture
def fork(tmp_path):
    path = tmp_path / "fork.swc"
    path.write_text(FORK)
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


def test_a_gold_tree_in_voxels_of_a_stack_that_lies_elsewhere(fork, tmp_path):
    """The origin is 5, 4, 8 voxels: the tree is taken for one of the whole, or of the stack."""
    grid = Grid(SIZE, (10.0, 4.0, 4.0), "um", "test")
    write_probability(tmp_path / "mask.tif", fork_mask().astype(np.uint8), grid)
    whole = run(tmp_path / "mask.tif", fork, "--json")
    assert json.loads(whole.stdout)["dice"] < 0.2
    assert "--swc-origin stack" in whole.stderr
    found = run(tmp_path / "mask.tif", fork, "--swc-origin", "stack", "--json")
    assert json.loads(found.stdout)["dice"] > 0.95
    assert found.stderr == ""
    labels = run(tmp_path / "mask.tif", fork, "--labels", "--swc-origin", "stack", "--json")
    assert json.loads(labels.stdout)["run_length_share"] == 1
    assert "lies at 10 4 4 µm" in run(tmp_path / "mask.tif", fork, "--labels").stderr


def test_a_probability_has_a_curve_with_its_best_point(tmp_path):
    gold = fork_mask()
    probability = np.where(gold, 90, 40).astype(np.uint8)
    probability[0, 0, :5] = 200
    write_probability(tmp_path / "seg.tif", probability, UM)
    write_probability(tmp_path / "gold.tif", gold.astype(np.uint8), UM)
    found = scores(tmp_path / "seg.tif", tmp_path / "gold.tif")
    count = int(gold.sum())
    assert found["dice"] == 0  # nothing but the five at 0.5
    assert 40 / 255 < found["best_threshold"] <= 90 / 255
    assert found["best_dice"] == pytest.approx(2 * count / (2 * count + 5))
    assert found["average_precision"] == pytest.approx(count / (count + 5))
    assert [point["threshold"] for point in found["curve"]] == pytest.approx(
        np.linspace(0, 1, 21), abs=0.003
    )
    mask = scores(tmp_path / "gold.tif", tmp_path / "gold.tif")
    assert mask["average_precision"] is None and "curve" not in mask
    table = run(tmp_path / "seg.tif", tmp_path / "gold.tif", "--details").stdout
    assert "threshold 0.25" in table and "best threshold" in table


def test_surfaces_and_components(tmp_path):
    gold = np.zeros(SHAPE, np.uint8)
    gold[5:8, 10:20, 10:40] = 1
    test = np.zeros(SHAPE, np.uint8)
    test[5:8, 10:20, 12:20] = test[5:8, 10:20, 30:42] = 1
    for name, mask in (("test", test), ("gold", gold)):
        write_probability(tmp_path / f"{name}.tif", mask, UM)
    found = scores(tmp_path / "test.tif", tmp_path / "gold.tif")
    assert (found["test_components"], found["gold_components"]) == (2, 1)
    assert found["betti0_error"] == 1
    assert found["hausdorff_test_to_gold"] == pytest.approx(2.0)  # the end's middle: 2 µm up
    assert found["surface_mean"] > 0
    table = run(tmp_path / "test.tif", tmp_path / "gold.tif").stdout
    for word in ("Dice", "clDice", "HD95", "Hausdorff", "Betti-0", "µm", "IoU"):
        assert word in table


def traced_memory(function, *arguments):
    """What a function returns, and the most memory that it held."""
    tracemalloc.start()
    result = function(*arguments)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return result, peak


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_stacks_larger_than_memory_are_read_in_blocks(tmp_path, monkeypatch, fork, compression):
    """The same scores in a fraction of the memory: that of some blocks and of the pages around."""
    shape = (60, 160, 200)
    random = np.random.default_rng(1)
    gold = np.zeros(shape, np.uint8)
    gold[20:40, 100:104, 50:150] = 1
    test = gold * 200
    test[:, ::50, ::50] = random.integers(0, 255, test[:, ::50, ::50].shape)
    for name, stack in (("test", test), ("gold", gold)):
        tifffile.imwrite(tmp_path / f"{name}.tif", stack, compression=compression)
    pair = (tmp_path / "test.tif", tmp_path / "gold.tif")
    (whole, peak_of_whole), drawn = traced_memory(scores, *pair), scores(pair[0], fork)

    stacks = "neurorecon.commands.evaluate.stacks"
    monkeypatch.setattr(f"{stacks}._KEPT_BYTES", 1 << 20)
    for function in (compare_blocks, threshold_curve):
        small = partial(function, block_voxels=1 << 16)
        monkeypatch.setattr(f"{stacks}.{function.__name__}", small)
    in_blocks, peak = traced_memory(scores, *pair)
    assert in_blocks == whole
    assert peak < peak_of_whole / 5
    assert scores(pair[0], fork) == drawn


def test_nodes_outside_of_the_stack_are_told(fork, tmp_path):
    write_probability(tmp_path / "crop.tif", fork_mask()[:, :, :45].astype(np.uint8), Grid())
    result = run(tmp_path / "crop.tif", fork)
    assert result.exit_code == 0
    assert "50.0%" in result.stderr and "fork.swc" in result.stderr


def test_hd95_is_in_um_only_where_the_voxel_size_is_known(tmp_path):
    test, gold = np.zeros((2, *SHAPE), np.uint8)
    test[5, 5, 5] = gold[8, 5, 5] = 1
    tifffile.imwrite(tmp_path / "test.tif", test)
    tifffile.imwrite(tmp_path / "gold.tif", gold)
    result = run(tmp_path / "test.tif", tmp_path / "gold.tif", "--json")
    found = json.loads(result.stdout)
    assert (found["hd95"], found["unit"]) == (3, "voxel")
    assert "--voxel-size" in result.stderr
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


def test_a_tiff_by_another_name_is_a_stack(fork, tmp_path):
    write_probability(tmp_path / "seg.tif", fork_mask().astype(np.uint8), Grid())
    renamed = (tmp_path / "seg.tif").rename(tmp_path / "seg.out")
    assert scores(renamed, fork)["dice"] == 1
