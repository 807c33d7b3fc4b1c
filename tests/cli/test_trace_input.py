"""What `neurorecon trace` makes of its input: probabilities, masks, raw stacks, OME-Zarr."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from micrographs import NEURITE, SHAPE, check_traced, drawn, length_near, line, micrograph, run

from neurorecon.io.swc import read_swc, read_swc_header
from neurorecon.io.tiff_writer import write_probability
from neurorecon.volume import Grid


@pytest.mark.parametrize(("dtype", "scale"), [("u1", 255), ("u2", 65535), ("f4", 1), ("f8", 1)])
def test_probabilities_of_other_programs_are_told_by_their_values(tmp_path, dtype, scale):
    array = drawn(NEURITE) * scale
    tifffile.imwrite(tmp_path / "p.tif", array.astype(dtype))
    result = run(tmp_path / "p.tif", "--out", tmp_path / "a.swc")
    check_traced(result, tmp_path / "a.swc")
    assert "read as a probability" in result.stderr
    assert "--input" in result.stderr


def test_segmentations_of_ours_need_no_guess(tmp_path):
    array = np.rint(drawn(NEURITE) * 100).astype(np.uint8)  # nothing reaches 0.5: a faint one
    write_probability(tmp_path / "p.tif", array, Grid((1, 1, 1), (0, 0, 0), "um", "test"))
    result = run(tmp_path / "p.tif", "--out", tmp_path / "a.swc", "--threshold", 0.2)
    check_traced(result, tmp_path / "a.swc")
    assert "read as" not in result.stderr


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
def test_a_raw_stack_is_traced_and_said_to_be_raw(tmp_path, dtype):
    bits = 8 if dtype == np.uint8 else 16
    tifffile.imwrite(tmp_path / "raw.tif", micrograph(NEURITE, bits=bits).astype(dtype))
    result = run(tmp_path / "raw.tif", "--out", tmp_path / "a.swc")
    check_traced(result, tmp_path / "a.swc")
    assert "raw stack" in result.stderr and "--segment" in result.stderr


def test_dark_neurites_are_noticed(tmp_path):
    bright = micrograph(NEURITE)
    dark = (255 - bright).astype(np.uint8)
    tifffile.imwrite(tmp_path / "dark.tif", dark)
    result = run(tmp_path / "dark.tif", "--out", tmp_path / "a.swc")
    check_traced(result, tmp_path / "a.swc")
    assert "dark" in result.stderr and "--no-invert" in result.stderr
    told = run(tmp_path / "dark.tif", "--out", tmp_path / "b.swc", "--invert")
    assert told.exit_code == 0 and "--no-invert" not in told.stderr
    assert (tmp_path / "a.swc").read_text() == (tmp_path / "b.swc").read_text()
    # Bright neurites on the same bright ground are found where the user says so.
    both = np.clip(245.0 - (255.0 - dark), 0, 255).astype(np.uint8)
    tifffile.imwrite(tmp_path / "wrong.tif", both)
    wrong = run(tmp_path / "wrong.tif", "--out", tmp_path / "c.swc", "--no-invert")
    assert wrong.exit_code != 0 or length_near(tmp_path / "c.swc", NEURITE) < 0.5


def test_the_user_says_what_the_values_mean(tmp_path):
    array = np.rint(drawn(NEURITE) * 255).astype(np.uint8)
    array[array < 2] = 0
    tifffile.imwrite(tmp_path / "p.tif", array)
    lengths = {}
    for kind in ("probability", "mask", "raw"):
        result = run(tmp_path / "p.tif", "--out", tmp_path / f"{kind}.swc", "--input", kind)
        assert result.exit_code == 0, result.stderr
        assert "read as" not in result.stderr
        lengths[kind] = read_swc(tmp_path / f"{kind}.swc").radius.mean()
    assert lengths["mask"] > lengths["probability"] + 0.4  # what is above 0 is neurite


@pytest.mark.parametrize(
    ("array", "arguments", "cure"),
    [
        (np.arange(7 * 11 * 13).reshape(7, 11, 13) % 4, (), "--input mask"),
        (np.linspace(-3, 3, 1001, dtype="f4"), ("--input", "probability"), "--input raw"),
        (np.where(np.arange(1001) == 700, np.nan, 0.2).astype("f4"), (), "NaN"),
    ],
)
def test_values_without_a_meaning_are_refused(tmp_path, array, arguments, cure):
    stack = array.reshape(7, 11, 13)
    stack = stack.astype(np.uint8) if stack.dtype.kind == "i" else stack
    tifffile.imwrite(tmp_path / "a.tif", stack)
    result = run(tmp_path / "a.tif", "--out", tmp_path / "a.swc", *arguments)
    assert result.exit_code == 2, result.stderr
    assert cure in result.stderr
    assert not (tmp_path / "a.swc").exists()


def ome_zarr(path: Path, array: np.ndarray, zarr_format: int, chunks=(10, 16, 32)) -> Path:
    group = zarr.open_group(path, mode="w", zarr_format=zarr_format)
    group.create_array("0", data=array, chunks=chunks)
    scale = [{"type": "scale", "scale": [2.0, 1.0, 0.5]}]
    axes = [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "zyx"]
    described = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scale}]}
    if zarr_format == 2:
        group.attrs["multiscales"] = [{"version": "0.4", **described}]
    else:
        group.attrs["ome"] = {"version": "0.5", "multiscales": [described]}
    return path


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_ome_zarr_gives_the_tree_of_the_tiff(tmp_path, zarr_format):
    array = np.rint(drawn(NEURITE) * 255).astype(np.uint8)
    stack = ome_zarr(tmp_path / "a.ome.zarr", array, zarr_format)
    tifffile.imwrite(tmp_path / "a.tif", array)
    assert run(stack, "--out", f"{tmp_path}/zarr/").exit_code == 0
    tiff = run(tmp_path / "a.tif", "--out", tmp_path / "a.swc", "--voxel-size", 2, 1, 0.5)
    assert tiff.exit_code == 0
    one, other = read_swc(tmp_path / "zarr" / "a.swc"), read_swc(tmp_path / "a.swc")
    assert np.array_equal(one.point_zyx, other.point_zyx)
    assert np.array_equal(one.radius, other.radius)
    assert read_swc_header(tmp_path / "zarr" / "a.swc").voxel_size_zyx == (2.0, 1.0, 0.5)


@pytest.mark.parametrize("kind", ["plain", "compressed", "zarr"])
def test_same_tree_whatever_the_slab_size(tmp_path, monkeypatch, kind):
    from neurorecon.io import ondisk

    gap = line((12, 10, 8), (10, 30, 45)), line((10.8, 34, 52), (14, 50, 80))
    array = np.rint(drawn(*gap) * 255).astype(np.uint8)
    if kind == "zarr":
        stack = ome_zarr(tmp_path / "a.zarr", array, 3)
    else:
        stack = tmp_path / "a.tif"
        tifffile.imwrite(stack, array, compression="zlib" if kind == "compressed" else None)
    texts = set()
    for block, cache in ((2**24, 2**26), (1, 1), (SHAPE[1] * SHAPE[2] * 5, 1), (9000, 20000)):
        monkeypatch.setattr(ondisk, "BLOCK_BYTES", block)
        monkeypatch.setattr(ondisk, "CACHE_BYTES", cache)
        monkeypatch.setattr(ondisk, "_MOST_KEPT", cache)
        out = tmp_path / "a.swc"
        assert run(stack, "--out", out, "--overwrite").exit_code == 0
        texts.add(out.read_text())
    assert len(texts) == 1


def test_the_raw_stack_goes_under_the_preview_and_must_fit(tmp_path):
    array = np.rint(drawn(NEURITE) * 255).astype(np.uint8)
    grid = Grid((1, 1, 1), (0, 0, 0), "um", "test")
    write_probability(tmp_path / "a_seg.tif", array, grid)
    tifffile.imwrite(tmp_path / "a.tif", micrograph(NEURITE, bits=16).astype(np.uint16))
    tifffile.imwrite(tmp_path / "other.tif", np.zeros((5, 6, 7), np.uint8))
    options = (tmp_path / "a_seg.tif", "--out", tmp_path / "a.swc", "--preview", tmp_path / "a.png")
    result = run(*options, "--image", tmp_path / "a.tif", "--report", tmp_path / "a.json")
    assert result.exit_code == 0, result.stderr
    record = json.loads((tmp_path / "a.json").read_text())
    assert record["image"] == str(tmp_path / "a.tif")
    with_image = (tmp_path / "a.png").read_bytes()
    assert run(*options, "--overwrite").exit_code == 0
    assert (tmp_path / "a.png").read_bytes() != with_image
    refused = run(*options, "--image", tmp_path / "other.tif", "--overwrite")
    assert refused.exit_code == 2 and "stack that was segmented" in refused.stderr
    missing = run(*options, "--image", tmp_path / "none.tif", "--overwrite")
    assert missing.exit_code == 2 and "does not exist" in missing.stderr


def test_a_segmented_part_finds_its_place_in_the_raw_stack(tmp_path):
    part = (slice(2, 22), slice(5, 58), slice(0, 90))
    grid = Grid((1, 1, 1), (2, 5, 0), "um", "test")
    array = np.rint(drawn(NEURITE) * 255).astype(np.uint8)[part]
    write_probability(tmp_path / "a_seg.tif", array, grid)
    raw = micrograph(NEURITE).astype(np.uint8)
    write_probability(tmp_path / "a.tif", raw, Grid((1, 1, 1), (0, 0, 0), "um", "test"))
    options = ("--out", tmp_path / "a.swc", "--image", tmp_path / "a.tif")
    result = run(tmp_path / "a_seg.tif", *options)
    check_traced(result, tmp_path / "a.swc")


def test_one_command_from_the_raw_stack_to_the_tree(tmp_path, small_model):
    stack = tmp_path / "a.tif"
    tifffile.imwrite(stack, micrograph(NEURITE).astype(np.uint8))
    options = ("--segment", "--model", small_model, "--threshold", 0.5, "--voxel-size", 1, 1, 1)
    kept = tmp_path / "kept.tif"
    extra = ("--report", tmp_path / "a.json", "--save-segmentation", kept)
    result = run(stack, "--out", tmp_path / "a.swc", *options, *extra)
    assert result.exit_code in (0, 1), result.stderr  # an untrained network may find nothing
    again = run(kept, "--out", tmp_path / "b.swc", "--image", stack)
    assert again.exit_code == result.exit_code
    if result.exit_code == 0:
        assert (tmp_path / "a.swc").read_text() == (tmp_path / "b.swc").read_text()
        record = json.loads((tmp_path / "a.json").read_text())
        assert record["stack"] == str(stack)
        assert record["segmented_with"] == str(small_model)


@pytest.mark.parametrize(
    ("arguments", "cure"),
    [
        (("--save-segmentation", "s.tif"), "--segment"),
        (("--segment", "--image", "i.tif"), "leave --image out"),
        (("--segment", "--input", "mask"), "needs a raw stack"),
        (("--segment", "--root", 1, 2, 300), "outside the stack"),
        (("--segment", "--model", "nonsense"), "no model"),
    ],
)
def test_contradictions_are_refused_before_the_network_runs(tmp_path, arguments, cure):
    stack = tmp_path / "a.tif"
    tifffile.imwrite(stack, micrograph(NEURITE).astype(np.uint8))
    result = run(stack, "--out", tmp_path / "a.swc", *arguments)
    assert result.exit_code == 2
    assert cure in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tif"]
