"""`neurorecon evaluate` on several neurons at once: sets of trees, and label volumes."""

import numpy as np
import pytest
import tifffile
from evaluating import refusal, run, scores


def write_line(path, x_from, x_to, y):
    """A neurite along x, a node a voxel, at z = 5."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "".join(
            f"{row} 3 {x} {y} 5 1 {row - 1 if row > 1 else -1}\n"
            for row, x in enumerate(range(x_from, x_to + 1), 1)
        )
    )
    return path


@pytest.fixture
def golds(tmp_path):
    """Two neurons of 100 voxels, side by side."""
    for name, y in (("one", 10), ("two", 30)):
        write_line(tmp_path / "gold" / f"{name}.swc", 10, 110, y)
    return tmp_path / "gold"


# ------------------------------------------------------------------------------ sets of trees


def test_a_set_of_trees_is_scored_as_one_case(golds, tmp_path):
    """The first neuron falls into two pieces at its middle, the second is there."""
    write_line(tmp_path / "traced" / "a.swc", 10, 60, 10)
    write_line(tmp_path / "traced" / "b.swc", 61, 110, 10)
    write_line(tmp_path / "traced" / "c.swc", 10, 110, 30)
    found = scores(tmp_path / "traced", golds, "--together")
    assert (found["splits"], found["merges"]) == (1, 0)
    assert found["gold_length"] == 200
    assert found["length_recall"] == pytest.approx(1)
    expected = (0.5 * 50 + 0.5 * 50 + 100) / 2  # of the two neurons, weighted by their length
    assert found["run_length"] == pytest.approx(expected, abs=1)
    table = run(tmp_path / "traced", golds, "--together", "--details").stdout
    assert "merges" in table and "neuron 2" in table


def test_several_neurons_against_themselves_are_perfect(golds, tmp_path):
    write_line(golds / "short.swc", 10, 40, 35)
    found = scores(golds, golds, "--together")
    assert found["run_length_share"] == pytest.approx(1)
    table = run(golds, golds, "--together", "--details").stdout
    (line,) = [line for line in table.splitlines() if line.split()[:1] == ["all"]]
    assert line.split()[2:4] == ["230.0", "1.000"]  # length and share of all three
    assert (found["splits"], found["merges"], found["omitted_share"]) == (0, 0, 0)
    labels = np.zeros((11, 41, 121), np.uint8)
    for value, (y, x) in enumerate(((10, 111), (30, 111), (35, 41)), 1):
        labels[5, y, 10:x] = value
    tifffile.imwrite(tmp_path / "labels.tif", labels, photometric="minisblack")
    found = scores(tmp_path / "labels.tif", golds, "--labels")
    assert found["run_length_share"] == pytest.approx(1)
    assert [neuron["run_length_share"] for neuron in found["neurons"]] == [1, 1, 1]


def test_folders_and_files_may_be_mixed_in_one_case(golds, tmp_path):
    together = tmp_path / "all.swc"
    together.write_text("1 3 10 10 5 1 -1\n2 3 110 10 5 1 1\n3 3 10 30 5 1 -1\n4 3 110 30 5 1 3\n")
    found = scores(together, golds, "--together")
    assert (found["length_f1"], found["splits"], found["gold_trees"]) == (1, 0, 2)


def test_one_file_against_a_folder_is_refused_with_the_option(golds, tmp_path):
    line = refusal(write_line(tmp_path / "one.swc", 10, 110, 10), golds)
    assert "--together" in line


def test_several_stacks_are_not_one_case(golds, tmp_path):
    (tmp_path / "seg").mkdir()
    for name in ("one", "two"):
        write_labels(tmp_path / "seg" / f"{name}.tif")
    assert "--together" in refusal(tmp_path / "seg", golds, "--together")


# ------------------------------------------------------------------------------ label volumes


def write_labels(path, dtype=np.uint16, merged=False):
    """Neuron one in two segments of 50 voxels, neuron two in one; or all the same segment."""
    labels = np.zeros((11, 41, 121), dtype)
    labels[4:7, 9:12, 10:60] = 7
    labels[4:7, 9:12, 60:111] = 7 if merged else 900
    labels[4:7, 29:32, 10:111] = 7 if merged else 12
    tifffile.imwrite(path, labels, photometric="minisblack")
    return path


def test_splits_of_a_label_volume(golds, tmp_path):
    labels = write_labels(tmp_path / "labels.tif")
    found = scores(labels, golds, "--labels")
    assert (found["comparison"], found["unit"]) == ("labels", "voxel")
    assert (found["splits"], found["merges"]) == (1, 0)
    one, two = found["neurons"]
    assert one["gold"].endswith("one.swc")
    assert (one["splits"], two["splits"]) == (1, 0)
    assert two["run_length"] == pytest.approx(100)
    assert one["run_length"] == pytest.approx(50, abs=1)


def test_merges_of_a_label_volume(golds, tmp_path):
    labels = write_labels(tmp_path / "labels.tif", merged=True)
    found = scores(labels, golds, "--labels")
    assert found["merges"] == 2  # both neurons share their segment with the other
    assert (found["run_length"], found["merged_share"]) == (0, 1)
    alone = scores(labels, golds / "one.swc", "--labels")
    assert (alone["merges"], alone["run_length_share"]) == (0, pytest.approx(1))


def test_the_table_of_labels(golds, tmp_path):
    labels = write_labels(tmp_path / "labels.tif")
    assert "one.swc" not in run(labels, golds, "--labels").stdout
    table = run(labels, golds, "--labels", "--details").stdout
    for word in ("ERL", "splits", "merges", "omitted", "one.swc", "all"):
        assert word in table


def test_label_volumes_are_matched_with_the_gold_of_their_name(golds, tmp_path):
    for name in ("one", "two"):
        (tmp_path / "labels").mkdir(exist_ok=True)
        write_labels(tmp_path / "labels" / f"{name}.tif")
    found = scores(tmp_path / "labels", golds, "--labels")
    assert [case["splits"] for case in found["cases"]] == [1, 0]
    assert found["summary"]["splits"]["mean"] == 0.5


def test_labels_need_a_volume_of_whole_numbers_and_trees(golds, tmp_path):
    labels = write_labels(tmp_path / "float.tif", np.float32)
    assert "whole numbers" in refusal(labels, golds, "--labels")
    assert "--labels" in refusal(golds / "one.swc", golds / "two.swc", "--labels")
    labels = write_labels(tmp_path / "labels.tif")
    far = write_line(tmp_path / "far.swc", 500, 510, 10)
    assert "far.swc" in refusal(labels, far, "--labels")


def test_without_the_option_a_label_volume_is_no_probability(golds, tmp_path):
    labels = write_labels(tmp_path / "labels.tif")
    assert "--labels" in refusal(labels, golds / "one.swc")
