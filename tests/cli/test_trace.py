"""`neurorecon trace` as a user runs it: files and refusals."""

import warnings

import numpy as np
import pytest
import tifffile
from segmentations import LONG, ORIGIN, SHORT, SIZE, run, segmentation, tube

from neurorecon.io.swc import read_swc, read_swc_header
from neurorecon.io.tiff_writer import write_probability
from neurorecon.volume import Grid


def test_writes_one_file_for_each_neuron_in_the_frame_of_the_whole_stack(tmp_path):
    stack = segmentation(tmp_path / "a_seg.tif", LONG, SHORT)
    out = tmp_path / "neuron.swc"
    result = run(stack, "--out", out)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines() == [str(out), str(tmp_path / "neuron_2.swc")]
    tree = read_swc(out)
    header = read_swc_header(out)
    assert (header.unit, header.voxel_size_zyx, header.origin_zyx) == ("um", SIZE, ORIGIN)
    assert len(tree.roots) == 1
    assert tree.length == pytest.approx(LONG.length, abs=3)
    assert tree.point_zyx.min(axis=0) == pytest.approx(np.add((8, 8, 5), ORIGIN), abs=2)
    assert (tree.radius > 0).all()


def test_existing_output_is_refused_before_the_work_and_replaced_on_demand(tmp_path):
    stack, out = segmentation(tmp_path / "a_seg.tif", LONG), tmp_path / "a.swc"
    out.write_text("mine")
    result = run(stack, "--out", out)
    assert result.exit_code == 2
    assert "--overwrite" in result.stderr
    assert out.read_text() == "mine"
    assert run(stack, "--out", out, "--overwrite").exit_code == 0
    assert read_swc(out).length > 40


def test_existing_preview_stops_the_run_before_anything_is_written(tmp_path):
    stack, out = segmentation(tmp_path / "a_seg.tif", LONG), tmp_path / "a.swc"
    png = tmp_path / "a.png"
    png.write_text("mine")
    assert run(stack, "--out", out, "--preview", png).exit_code == 2
    assert not out.exists()


def test_further_neurons_of_an_earlier_run_go_when_it_is_overwritten(tmp_path):
    """They would be taken for this run's. What neurorecon did not write stays, and is named."""
    out, fewer = tmp_path / "a.swc", segmentation(tmp_path / "b_seg.tif", LONG)
    more = segmentation(tmp_path / "a_seg.tif", LONG, SHORT)
    assert run(more, "--out", out, "--keep-fragments").exit_code == 0
    (tmp_path / "a_3.swc").write_text("1 0 0 0 0 1 -1\n")
    result = run(fewer, "--out", out, "--overwrite")
    assert result.exit_code == 0
    assert not (tmp_path / "a_2.swc").exists()
    assert (tmp_path / "a_3.swc").exists()
    assert "removed" in result.stderr and "a_2.swc" in result.stderr and "a_3.swc" in result.stderr


def test_further_neurons_of_an_earlier_run_are_named_otherwise(tmp_path):
    stack, out = segmentation(tmp_path / "a_seg.tif", LONG), tmp_path / "a.swc"
    (tmp_path / "a_2.swc").write_text("# unit um\n1 0 0 0 0 1 -1\n")
    result = run(stack, "--out", out)
    assert result.exit_code == 0
    assert "a_2.swc" in result.stderr
    assert (tmp_path / "a_2.swc").exists()


def test_root_by_voxel_index_and_by_swc_point_agree(tmp_path):
    stack = segmentation(tmp_path / "a_seg.tif", LONG, SHORT)
    index, point = (8, 32, 20), (20.0, 32.0, 56.0)  # SHORT's first end; x y z with the origin
    for name, arguments in {
        "index.swc": ("--root", *index),
        "point.swc": ("--root-swc", *point),
    }.items():
        result = run(stack, "--out", tmp_path / name, *arguments)
        assert result.exit_code == 0, result.stderr
        assert result.stdout.splitlines() == [str(tmp_path / name)]
    tree, other = read_swc(tmp_path / "index.swc"), read_swc(tmp_path / "point.swc")
    assert np.array_equal(tree.point_zyx, other.point_zyx)
    assert tree.length == pytest.approx(SHORT.length, abs=3)
    root = tree.point_zyx[tree.roots[0]]
    assert np.linalg.norm(root - np.add(SHORT.point_zyx[0], ORIGIN)) < 3


@pytest.mark.parametrize(
    ("arguments", "cure"),
    [
        (("--root", 1, 2), "expected three numbers"),
        (("--root-swc", 1, 2, "nan"), "expected three numbers"),
        (("--root", 99, 2, 3), "outside the stack"),
        (("--root-swc", 1, 2, 3), "outside the stack"),
        (("--threshold", 0), "--threshold"),
        (("--voxel-size", 0, 1, 1), "above zero"),
    ],
)
def test_wrong_arguments_are_refused(tmp_path, arguments, cure):
    stack = segmentation(tmp_path / "a_seg.tif", LONG)
    result = run(stack, "--out", tmp_path / "a.swc", *arguments)
    assert result.exit_code == 2
    assert cure in result.stderr
    assert not (tmp_path / "a.swc").exists()


def test_far_root_is_refused_with_the_distance(tmp_path):
    array = np.zeros((20, 150, 60), np.uint8)
    array[10:13, 10:13, 5:55] = 255
    write_probability(tmp_path / "a.tif", array, Grid((1, 1, 1), (0, 0, 0), "um", "test"))
    result = run(tmp_path / "a.tif", "--out", tmp_path / "a.swc", "--root", 11, 131, 30)
    assert result.exit_code == 2
    assert "120.0 um" in result.stderr


def test_nothing_above_the_threshold_fails_with_the_highest_value(tmp_path):
    array = np.zeros((7, 11, 13), np.float32)
    array[3, 5, 6], array[2, 2, 2] = 0.4, 0.1
    tifffile.imwrite(tmp_path / "low.tif", array)
    result = run(tmp_path / "low.tif", "--out", tmp_path / "a.swc")
    assert result.exit_code == 1
    assert "0.4" in result.stderr and "--threshold" in result.stderr


@pytest.mark.parametrize(
    ("dtype", "value"), [(np.uint8, 1), (np.uint16, 1), (np.uint16, 65535), (np.float32, 1.0)]
)
def test_masks_of_any_value_are_traced(tmp_path, dtype, value):
    array = np.zeros((12, 14, 40), dtype)
    array[4:7, 5:8, 3:37] = value
    tifffile.imwrite(tmp_path / "mask.tif", array)
    result = run(tmp_path / "mask.tif", "--out", tmp_path / "a.swc")
    assert result.exit_code == 0, result.stderr
    assert "voxel size" in result.stderr
    assert "# unit voxel" in (tmp_path / "a.swc").read_text()


def test_preview_is_a_picture(tmp_path):
    stack = segmentation(tmp_path / "a_seg.tif", LONG)
    png = tmp_path / "a.png"
    result = run(stack, "--out", tmp_path / "a.swc", "--preview", png)
    assert result.exit_code == 0, result.stderr
    assert png.read_bytes().startswith(b"\x89PNG")
    assert result.stdout.splitlines() == [str(tmp_path / "a.swc")]


def test_written_trees_load_in_the_tools_of_the_field(tmp_path):
    import morphio
    import navis
    import neurom
    from neurom.check import morphology_checks

    out = tmp_path / "a.swc"
    assert run(segmentation(tmp_path / "a_seg.tif", LONG), "--out", out).exit_code == 0
    tree = read_swc(out)
    assert len(navis.read_swc(out).nodes) == len(tree)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "no soma", which is the truth
        cell = neurom.load_morphology(out)
        assert len(morphio.Morphology(out).points) > 0
    assert morphology_checks.has_all_nonzero_neurite_radii(cell)
    assert morphology_checks.has_all_nonzero_segment_lengths(cell)
    assert morphology_checks.has_all_nonzero_section_lengths(cell)


def test_the_segmentation_is_never_replaced(tmp_path):
    source = segmentation(tmp_path / "a_seg.tif", tube((8, 10, 5), (8, 10, 40)))
    before = source.read_bytes()
    preview = ("--out", tmp_path / "a.swc", "--preview", source)
    for options, reason in (("--out", source), "in .swc"), (preview, "would be replaced"):
        result = run(source, *options, "--overwrite")
        assert (result.exit_code, source.read_bytes()) == (2, before)
        assert reason in result.stderr


def test_a_slash_at_the_end_means_a_directory(tmp_path):
    source = segmentation(tmp_path / "a_seg.tif", tube((8, 10, 5), (8, 10, 40)))
    result = run(source, "--out", f"{tmp_path}/trees/")
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "trees" / "a.swc").is_file()
