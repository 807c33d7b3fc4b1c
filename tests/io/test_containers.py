"""Files that hold several images: which one is meant, and how it is named."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from stack_files import STACK, VOXEL_UM, write_hdf5, write_ims, write_nrrd, write_zarr

from neurorecon.errors import InputError
from neurorecon.io.address import in_dataset, split_address
from neurorecon.io.stack import default_folder, describe_stack, open_stack, read_volume, stack_stem

OTHER = STACK[::-1].copy()


@pytest.fixture
def two(tmp_path) -> Path:
    table = np.arange(12).reshape(3, 4)
    return write_hdf5(tmp_path / "a.h5", {"raw": STACK, "deep/other": OTHER, "table": table})


def refused(path: Path, **options) -> str:
    with pytest.raises(InputError) as caught:
        read_volume(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_only_3d_data_set_is_taken(tmp_path):
    path = write_hdf5(tmp_path / "a.h5", {"x/raw": STACK, "y/table": np.ones((4, 4)), "z": 3.0})
    assert np.array_equal(read_volume(path).array, STACK)


def test_of_several_one_must_be_named_and_they_are_listed(two):
    message = refused(two)
    assert "--dataset" in message and "7 x 11 x 13" in message
    assert "raw" in message and "deep/other" in message and "table" not in message
    assert np.array_equal(read_volume(two / "raw").array, STACK)
    assert np.array_equal(read_volume(in_dataset(two, "/deep/other")).array, OTHER)
    assert np.array_equal(read_volume(two / "deep").array, OTHER)  # it is the only one there
    assert "raw" in refused(two / "nothing") and "raw" in refused(two / "raw" / "x")


def test_a_table_is_no_stack(two, tmp_path):
    assert "2D" in refused(two / "table")
    empty = write_hdf5(tmp_path / "b.h5", {"table": np.ones((3, 3))})
    assert "no 3D data set" in refused(empty)


def test_a_data_set_of_a_file_that_has_none_is_refused(tmp_path):
    path = write_nrrd(tmp_path / "a.nrrd")
    assert "leave out 'raw'" in refused(path / "raw")


@pytest.mark.parametrize(
    ("address", "stem"),
    [
        ("a.h5", "a"),
        ("a.h5/raw", "a_raw"),
        ("a.h5/deep/other", "a_deep_other"),
        ("z.zarr/0", "z_0"),
    ],
)
def test_what_is_made_of_a_data_set_lies_beside_its_file(two, address, stem):
    write_zarr(two.parent / "z.zarr")
    path = two.parent / address
    assert stack_stem(path) == stem
    assert default_folder(path) == two.parent
    assert split_address(path)[0].parent == two.parent


def test_brackets_in_a_name_are_no_pattern(two):
    odd = two.rename(two.with_name("a [1].h5"))
    assert np.array_equal(read_volume(odd / "raw").array, STACK)
    assert stack_stem(odd / "raw") == "a [1]_raw"


def test_a_data_set_that_leads_out_of_the_file_is_refused(two):
    for name in ("../b", "", "/", "x/../.."):
        with pytest.raises(InputError, match="--dataset"):
            in_dataset(two, name)


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ({"element_size_um": (2.0, 0.5, 0.25)}, (2.0, 0.5, 0.25)),
        ({"resolution": (2000.0, 500.0, 250.0), "units": ["nm"] * 3}, (2.0, 0.5, 0.25)),
        ({"resolution": (2.0, 0.5, 0.25), "unit": "um"}, (2.0, 0.5, 0.25)),
        ({"resolution": (2.0, 0.5, 0.25)}, None),
        ({"resolution": (2.0, 0.5, 0.25), "units": "parsec"}, None),
        ({"element_size_um": (2.0, np.nan, 0.25)}, None),
        ({"element_size_um": "wide"}, None),
        ({"element_size_um": h5py.Empty("f8")}, None),
        ({"element_size_um": 1j}, None),
        ({"element_size_um": "2 0.5 0.25"}, (2.0, 0.5, 0.25)),
        ({"element_size_um": np.bytes_("[2, 0.5, 0.25]")}, (2.0, 0.5, 0.25)),
        ({"element_size_um": ["2", "0.5", "0.25"]}, (2.0, 0.5, 0.25)),
        ({"element_size_um": "2,0 0,5 0,25"}, None),
        ({"resolution": "abc", "unit": "um"}, None),
        ({"resolution": (2.0, 0.5, 0.25), "unit": h5py.Empty("S1")}, None),
        ({"element_size_um": "?", "resolution": "2 0.5 0.25", "unit": "um"}, (2.0, 0.5, 0.25)),
    ],
)
def test_voxel_sizes_of_hdf5(tmp_path, attributes, size):
    path = write_hdf5(tmp_path / "a.h5", {"raw": STACK}, size=None)
    with h5py.File(path, "a") as file:
        file["raw"].attrs.update(attributes)
    grid = read_volume(path).grid
    assert (grid.unit == "um") == (size is not None)
    np.testing.assert_allclose(grid.voxel_size_zyx, size or (1, 1, 1))
    assert read_volume(path, voxel_size_zyx=(3, 2, 1)).grid.voxel_size_zyx == (3, 2, 1)


def test_what_an_hdf5_file_leaves_out_is_told_in_plain_words(tmp_path):
    path = write_hdf5(tmp_path / "a.h5", {"raw": STACK}, size=(0.0, 0.5, 0.25))
    assert "the HDF5 attributes give y 0.5 um, x 0.25 um but not z" in read_volume(path).grid.source


def test_a_group_is_not_another_whose_name_begins_alike(tmp_path):
    path = write_hdf5(tmp_path / "a.h5", {"vol/raw": STACK, "vol2/raw": OTHER})
    assert np.array_equal(read_volume(in_dataset(path, "vol")).array, STACK)
    assert np.array_equal(read_volume(in_dataset(path, "vol2")).array, OTHER)


def test_axes_of_ilastik_and_of_labels_and_of_nobody(tmp_path):
    channels = np.stack([STACK, OTHER], axis=-1)  # (Z, Y, X, C)
    path = write_hdf5(tmp_path / "a.h5", {"raw": channels})
    assert np.array_equal(read_volume(path, channel=1).array, OTHER)
    assert "--channel" in refused(path)
    turned = channels.transpose(2, 0, 3, 1)  # (X, Z, C, Y)
    path = write_hdf5(tmp_path / "b.h5", {"raw": turned})
    with h5py.File(path, "a") as file:
        tags = {"axes": [{"key": axis} for axis in "xzcy"]}
        file["raw"].attrs["axistags"] = json.dumps(tags)
    assert np.array_equal(read_volume(path, channel=1).array, OTHER)
    path = write_hdf5(tmp_path / "c.h5", {"raw": STACK.T})
    with h5py.File(path, "a") as file:
        for dimension, name in zip(file["raw"].dims, "xyz", strict=True):
            dimension.label = name
    assert np.array_equal(read_volume(path).array, STACK)


def test_only_the_chunks_of_a_box_are_read_from_hdf5(tmp_path, monkeypatch):
    path = write_hdf5(tmp_path / "a.h5", {"raw": STACK}, chunks=(4, 5, 6), compression="gzip")
    asked = []
    whole = h5py.Dataset.__getitem__
    monkeypatch.setattr(
        h5py.Dataset, "__getitem__", lambda self, key: (asked.append(key), whole(self, key))[1]
    )
    with open_stack(path) as stack:
        assert stack.chunk_zyx == (4, 5, 6)
        stack.read((slice(1, 3), slice(0, 2), slice(4, 5)))
    assert asked == [(slice(1, 3), slice(0, 2), slice(4, 5))]


def test_a_filter_that_is_missing_is_named(tmp_path, monkeypatch):
    path = write_hdf5(tmp_path / "a.h5", {"raw": STACK}, compression="gzip")
    monkeypatch.setattr(h5py.h5z, "filter_avail", lambda code: False)
    monkeypatch.setitem(__import__("sys").modules, "hdf5plugin", None)
    message = refused(path)
    assert "hdf5plugin" in message and "deflate" in message


def test_imaris_extents_are_outer_faces_and_padding_is_left_out(tmp_path):
    path = write_ims(tmp_path / "a.ims", low=(10.0, 20.0, 30.0))
    volume = read_volume(path)
    assert np.array_equal(volume.array, STACK)
    np.testing.assert_allclose(volume.grid.voxel_size_zyx, VOXEL_UM)
    first = np.array([10.0, 20.0, 30.0]) + np.divide(VOXEL_UM, 2)
    np.testing.assert_allclose(volume.grid.origin_zyx, first)


def test_imaris_levels_channels_and_times(tmp_path):
    path = write_ims(tmp_path / "a.ims", [STACK, OTHER])
    assert "--channel" in refused(path)
    assert np.array_equal(read_volume(path, channel=1).array, OTHER)
    half = read_volume(path / "1", channel=0)
    assert np.array_equal(half.array, STACK[:, ::2, ::2])
    y_um, x_um = half.grid.voxel_size_zyx[1:]
    assert (y_um, x_um) == pytest.approx((0.5 * 11 / 6, 0.25 * 13 / 7))
    assert "0, 1" in refused(path / "7")
    assert "time series" in refused(write_ims(tmp_path / "b.ims", times=2))


def test_imaris_sizes_that_its_data_do_not_have(tmp_path):
    path = write_ims(tmp_path / "a.ims")
    with h5py.File(path, "a") as file:
        group = file["DataSet/ResolutionLevel 0/TimePoint 0/Channel 0"]
        group.attrs["ImageSizeZ"] = np.array([b"9", b"9"])
    assert "copy or export it again" in refused(path)


def test_a_level_of_a_zarr_store(tmp_path):
    path = write_zarr(tmp_path / "a.ome.zarr")
    assert np.array_equal(read_volume(in_dataset(path, "0")).array, STACK)
    assert describe_stack(path / "0").shape_zyx == STACK.shape
    assert "check the name" in refused(path / "9")
