"""Every format gives the same voxels and voxel size, whole or box by box, or says what is wrong."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stack_files import SHAPE, STACK, UNKNOWN, VOXEL_UM, WRITERS, write_lsm, write_multifile_ome

from neurorecon.errors import InputError, NeuroreconError
from neurorecon.io.formats.table import FORMATS, SUFFIXES, format_of
from neurorecon.io.ondisk import VoxelsOnDisk
from neurorecon.io.stack import describe_stack, is_stack, open_stack, read_volume, stack_stem


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("formats")
    return {name: write(folder / name) for name, write in WRITERS.items()}


@pytest.mark.parametrize("name", WRITERS)
def test_voxels_and_voxel_size(written, name):
    volume = read_volume(written[name])
    assert np.array_equal(volume.array, STACK)
    assert volume.array.dtype == np.uint16
    assert volume.array.flags.writeable
    if name in UNKNOWN:
        assert volume.grid.unit == "voxel"
    else:
        np.testing.assert_allclose(volume.grid.voxel_size_zyx, VOXEL_UM)
        assert volume.grid.unit == "um"


@pytest.mark.parametrize("name", WRITERS)
def test_what_is_told_without_reading(written, name):
    told = describe_stack(written[name])
    assert (told.shape_zyx, told.dtype, told.problem) == (SHAPE, "uint16", None)


def ranges(size: int):
    return st.tuples(st.integers(0, size - 1), st.integers(1, size)).map(
        lambda ends: slice(ends[0], min(sum(ends), size))
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(sorted(WRITERS)), box=st.tuples(*map(ranges, SHAPE)))
def test_any_box_is_that_of_the_stack(written, name, box):
    with open_stack(written[name]) as stack:
        assert np.array_equal(stack.read(box), STACK[box])
        assert np.array_equal(VoxelsOnDisk(stack, cache_bytes=1)[box], STACK[box])


def test_every_suffix_of_the_table_is_a_stack_and_leaves_the_name():
    for suffix in SUFFIXES:
        assert is_stack(Path(f"a{suffix}"))
        assert stack_stem(Path(f"folder/a{suffix}")) == "a"


@pytest.mark.parametrize("name", ["packed.nrrd", "a.h5", "a.v3draw", "a.v3dpbd", "imagej.tif"])
def test_the_content_tells_the_format_whatever_the_name(written, tmp_path, name):
    other = tmp_path / "stack.dat"
    other.write_bytes(written[name].read_bytes())
    assert is_stack(other)
    assert np.array_equal(read_volume(other).array, STACK)


SINGLE = [name for name in WRITERS if name not in ("several", "slices", "a.ome.zarr", "pair.img")]


@pytest.mark.parametrize("name", SINGLE)
def test_a_file_cut_anywhere_is_whole_or_one_line(written, tmp_path, name):
    content = written[name].read_bytes()
    cut = tmp_path / name
    refused = 0
    lengths = range(0, len(content), max(len(content) // 25, 1))
    for length in lengths:
        cut.write_bytes(content[:length])
        try:
            assert np.array_equal(read_volume(cut).array, STACK)
        except InputError as error:
            refused += 1
            assert str(cut) in str(error)
            assert "\n" not in str(error)
    assert refused > 0.75 * len(lengths)  # what is lost at the end of an OME-TIFF is its voxel size


@pytest.mark.parametrize("name", SINGLE)
def test_flipped_bytes_give_a_stack_or_one_line(written, tmp_path, name):
    content = written[name].read_bytes()
    rng = np.random.default_rng(0)
    path = tmp_path / name
    for _ in range(25):
        damaged = bytearray(content)
        # Headers lie at the beginning; that is where damage can mislead.
        for place in rng.integers(0, min(len(content), 600), 3):
            damaged[place] = rng.integers(256)
        path.write_bytes(bytes(damaged))
        try:
            read_volume(path)
        except NeuroreconError as error:
            assert "\n" not in str(error)


def test_an_unknown_format_names_the_table(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"no stack at all")
    (tmp_path / "b.bin").touch()
    for name, cure in (("a.bin", "info --formats"), ("b.bin", "is empty")):
        with pytest.raises(InputError, match=cure):
            read_volume(tmp_path / name)
    assert format_of(tmp_path / "a.bin") is None
    assert not is_stack(tmp_path / "a.bin")


@pytest.mark.parametrize("plane_files", [2, 5])
def test_an_ome_tiff_of_several_files_needs_all_of_them(tmp_path, plane_files):
    files = write_multifile_ome(tmp_path / "several")
    with open_stack(files[plane_files]) as stack:
        assert np.array_equal(
            stack.read((slice(2, 5), slice(0, 4), slice(3, 9))), STACK[2:5, :4, 3:9]
        )
    files[4].unlink()
    with pytest.raises(InputError, match="into one folder"):
        read_volume(files[plane_files])


def test_an_lsm_with_channels_needs_a_choice(tmp_path):
    plain = tmp_path / "a.lsm"
    write_lsm(plain)
    with tifffile.TiffFile(plain) as file:
        assert file.is_lsm
        assert len(file.series) == 2  # the stack and its thumbnails
    with pytest.raises(InputError, match="--channel"):
        read_volume(plain, channel=1)


def test_low_values_shown_as_white_are_remarked(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", STACK, photometric="miniswhite")
    with open_stack(tmp_path / "a.tif") as stack:
        [remark] = stack.remarks
        assert "--invert" in remark
        assert np.array_equal(stack.read(), STACK)


def test_every_format_that_is_listed_is_tried_here():
    tried = {suffix for name in WRITERS for suffix in SUFFIXES if name.endswith(suffix)}
    makers = {".czi", ".nd2", ".lif"}  # see test_bioio.py
    listed = {suffix for each in FORMATS for suffix in each.files if suffix.startswith(".")}
    alike = {
        ".tiff": ".tif",
        ".ome.tiff": ".ome.tif",
        ".zarr": ".ome.zarr",
        ".hdf": ".h5",
        ".hdr": ".img",
    }
    assert {alike.get(suffix, suffix) for suffix in listed} - tried <= makers
