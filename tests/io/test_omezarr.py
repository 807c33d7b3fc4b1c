"""Zarr stores as other programs write them: versions, axes, units, levels, damage."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from neurorecon.errors import InputError
from neurorecon.io.stack import describe_stack, open_stack, read_volume, stack_stem

SHAPE = (7, 11, 13)
STACK = np.arange(np.prod(SHAPE), dtype=np.uint16).reshape(SHAPE)
SPACE = [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "zyx"]
CHANNEL = {"name": "c", "type": "channel"}


def write_image(
    folder: Path,
    array: np.ndarray = STACK,
    zarr_format: Any = 2,
    axes: Any = SPACE,
    steps: Any = ({"type": "scale", "scale": [2.0, 0.5, 0.25]},),
    chunks: Any = (4, 5, 6),
    shared: Any = (),
) -> Path:
    """OME-Zarr 0.4 on Zarr 2, 0.5 on Zarr 3, with a second level of half the size."""
    group = zarr.open_group(folder, mode="w", zarr_format=zarr_format)
    for name, level in (("full", array), ("half", array[..., ::2, ::2])):
        size = (1,) * (array.ndim - 3) + chunks
        made = group.create_array(name, shape=level.shape, chunks=size, dtype=level.dtype)
        made[:] = level
    half = [{"type": "scale", "scale": [2 * value for value in steps[0]["scale"]]}]
    described = {
        "version": "0.4",
        "axes": axes,
        "datasets": [
            {"path": "full", "coordinateTransformations": list(steps)},
            {"path": "half", "coordinateTransformations": half},
        ],
        "coordinateTransformations": list(shared),
    }
    if zarr_format == 2:
        group.attrs["multiscales"] = [described]
    else:
        group.attrs["ome"] = {"version": "0.5", "multiscales": [described]}
    return folder


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_finest_level_with_its_voxel_size(tmp_path, zarr_format):
    volume = read_volume(write_image(tmp_path / "a.ome.zarr", zarr_format=zarr_format))
    assert np.array_equal(volume.array, STACK)
    assert volume.array.dtype == np.uint16
    assert (volume.grid.voxel_size_zyx, volume.grid.unit) == ((2.0, 0.5, 0.25), "um")
    assert volume.grid.source == "OME-Zarr metadata"


def test_translations_and_shared_scales_place_the_first_voxel(tmp_path):
    steps = (
        {"type": "scale", "scale": [2.0, 0.5, 0.25]},
        {"type": "translation", "translation": [10.0, 20.0, 30.0]},
    )
    shared = ({"type": "scale", "scale": [3.0, 1.0, 1.0]},)
    grid = read_volume(write_image(tmp_path / "a.zarr", steps=steps, shared=shared)).grid
    assert grid.voxel_size_zyx == (6.0, 0.5, 0.25)
    assert grid.origin_zyx == (30.0, 20.0, 30.0)


def test_a_level_by_its_own_path_has_its_own_voxel_size(tmp_path):
    volume = read_volume(write_image(tmp_path / "a.zarr") / "half")
    assert np.array_equal(volume.array, STACK[..., ::2, ::2])
    assert volume.grid.voxel_size_zyx == (4.0, 1.0, 0.5)


def test_units_are_converted_and_their_absence_means_voxels(tmp_path):
    nanometres = [{**axis, "unit": "nanometer"} for axis in SPACE]
    grid = read_volume(write_image(tmp_path / "nm.zarr", axes=nanometres)).grid
    assert grid.voxel_size_zyx == pytest.approx((2e-3, 0.5e-3, 0.25e-3))
    bare = [{"name": axis, "type": "space"} for axis in "zyx"]
    assert read_volume(write_image(tmp_path / "bare.zarr", axes=bare)).grid.unit == "voxel"


def test_channels_are_chosen_and_missing_choices_refused(tmp_path):
    steps = ({"type": "scale", "scale": [1.0, 2.0, 0.5, 0.25]},)
    both = np.stack([STACK, STACK + 1])
    folder = write_image(tmp_path / "a.zarr", both, axes=[CHANNEL, *SPACE], steps=steps)
    assert np.array_equal(read_volume(folder, channel=1).array, STACK + 1)
    with pytest.raises(InputError, match="--channel"):
        read_volume(folder)


def test_axes_in_another_order_come_out_as_z_y_x(tmp_path):
    steps = ({"type": "scale", "scale": [0.25, 0.5, 2.0]},)
    folder = write_image(tmp_path / "a.zarr", STACK.T.copy(), axes=SPACE[::-1], steps=steps)
    volume = read_volume(folder, roi="1:5,2:9,3:11")
    assert np.array_equal(volume.array, STACK[1:5, 2:9, 3:11])
    assert volume.grid.voxel_size_zyx == (2.0, 0.5, 0.25)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_plain_array_is_a_stack_of_unknown_voxel_size(tmp_path, zarr_format):
    zarr.save_array(tmp_path / "plain.zarr", STACK, zarr_format=zarr_format)
    volume = read_volume(tmp_path / "plain.zarr")
    assert np.array_equal(volume.array, STACK)
    assert volume.grid.unit == "voxel"


def test_the_one_image_of_bioformats2raw_is_found_and_one_of_several_asked_for(tmp_path):
    outer = zarr.open_group(tmp_path / "raw.zarr", mode="w", zarr_format=2)
    outer.attrs["bioformats2raw.layout"] = 3
    write_image(tmp_path / "raw.zarr" / "0")
    assert np.array_equal(read_volume(tmp_path / "raw.zarr").array, STACK)
    write_image(tmp_path / "raw.zarr" / "1")
    with pytest.raises(InputError, match=r"raw\.zarr/0"):
        read_volume(tmp_path / "raw.zarr")


def test_description_reads_no_voxels(tmp_path):
    folder = write_image(tmp_path / "a.zarr")
    for chunk in (folder / "full").glob("[0-9]*"):
        chunk.write_bytes(b"damaged")
    described = describe_stack(folder)
    assert (described.axes, described.shape, described.dtype) == ("ZYX", SHAPE, "uint16")
    assert described.compression in {"zstd", "blosc"}


def test_damage_is_one_line_that_names_the_store(tmp_path):
    folder = write_image(tmp_path / "a.zarr")
    for chunk in (folder / "full").glob("[0-9]*"):
        chunk.write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"a\.zarr is damaged") as refused:
        read_volume(folder)
    assert "\n" not in str(refused.value)


def test_folders_without_an_image_and_complex_values_are_refused(tmp_path):
    zarr.open_group(tmp_path / "empty.zarr", mode="w")
    with pytest.raises(InputError, match="give another folder"):
        read_volume(tmp_path / "empty.zarr")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="OME-Zarr"):
        read_volume(tmp_path / "folder")
    zarr.save_array(tmp_path / "complex.zarr", STACK.astype(np.complex64))
    with pytest.raises(InputError, match="complex64"):
        read_volume(tmp_path / "complex.zarr")


def test_arrays_that_could_be_meant_are_listed(tmp_path):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    group.create_array("raw/vol", data=STACK)
    group.create_array("raw/table", data=STACK[0])
    for number in range(9):
        group.create_array(f"seg/{number}", data=STACK)
    with pytest.raises(InputError) as caught:
        read_volume(tmp_path / "a.zarr")
    message = str(caught.value)
    shape = " x ".join(map(str, STACK.shape))
    assert f"raw/vol ({shape})" in message and "--dataset raw/vol" in message
    assert "seg/6" in message and "seg/7" not in message and "table" not in message
    assert np.array_equal(read_volume(tmp_path / "a.zarr" / "raw" / "vol").array, STACK)


def test_chunks_are_told_and_names_lose_their_suffix(tmp_path):
    with open_stack(write_image(tmp_path / "a.ome.zarr")) as stack:
        assert stack.chunk_zyx == (4, 5, 6)
    assert [stack_stem(Path(name)) for name in ("a.ome.zarr", "b.zarr")] == ["a", "b"]
