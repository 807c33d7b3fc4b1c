"""Folders and patterns of 2D images as stacks."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from stack_files import STACK, write_multifile_ome, write_slices

from neurorecon.errors import InputError
from neurorecon.io.formats.slice_names import natural_order
from neurorecon.io.stack import (
    describe_stack,
    open_stack,
    read_volume,
    stack_stem,
    stack_warnings,
)

BYTES = (STACK >> 8).astype(np.uint8)


def refused(path: Path, **options) -> str:
    with pytest.raises(InputError) as caught:
        read_volume(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def named(folder: Path, names: list[str]) -> Path:
    """Slices of these names, the planes of STACK in their order."""
    folder.mkdir()
    for name, plane in zip(names, STACK, strict=False):
        tifffile.imwrite(folder / name, plane, photometric="minisblack")
    return folder


def order_of(source: Path) -> list[int]:
    """Which planes of STACK were read, one after another."""
    planes = [plane.tobytes() for plane in STACK]
    return [planes.index(plane.tobytes()) for plane in read_volume(source).array]


def test_names_sort_by_their_numbers():
    names = ["z10.tif", "z9.tif", "Z1.tif", "z010_b.tif", "a2b10", "a2b9"]
    assert sorted(names, key=natural_order) == [
        *("a2b9", "a2b10", "Z1.tif", "z9.tif", "z10.tif", "z010_b.tif")
    ]


@pytest.mark.parametrize(
    ("suffix", "array"), [(".tif", STACK), (".png", STACK), (".png", BYTES), (".bmp", BYTES)]
)
def test_a_folder_in_natural_order(tmp_path, suffix, array):
    volume = read_volume(write_slices(tmp_path / "s", array, suffix))
    assert np.array_equal(volume.array, array)
    assert volume.array.dtype == array.dtype


def test_jpeg_is_gray_and_close(tmp_path):
    smooth = np.broadcast_to(np.arange(0, 200, 2, dtype=np.uint8), (3, 50, 100))
    volume = read_volume(write_slices(tmp_path / "s", smooth, ".jpg"))
    assert np.abs(volume.array.astype(int) - smooth).max() < 8


def test_a_pattern_takes_one_channel_and_a_folder_refuses_to_guess(tmp_path):
    folder = tmp_path / "s"
    folder.mkdir()
    for z, plane in enumerate(STACK):
        for channel in (0, 1):
            tifffile.imwrite(folder / f"s_z{z}_ch{channel}.tif", plane + channel)
    assert "pattern" in refused(folder)
    assert np.array_equal(read_volume(folder / "*_ch1.tif").array, STACK + 1)
    assert stack_stem(folder / "*_ch1.tif") == "s"
    assert "matches no file" in refused(folder / "*_ch7.tif")


def test_a_date_in_the_names_does_not_matter(tmp_path):
    folder = tmp_path / "s"
    folder.mkdir()
    for z, plane in enumerate(STACK):
        tifffile.imwrite(folder / f"20240131_{z // 3}_{z}.tif", plane)
    assert np.array_equal(read_volume(folder).array, STACK)


def test_only_the_slices_of_a_box_are_read(tmp_path, monkeypatch):
    folder = write_slices(tmp_path / "s")
    with open_stack(folder) as stack:
        asked, imread = [], tifffile.imread
        monkeypatch.setattr(
            tifffile, "imread", lambda path: (asked.append(path.name), imread(path))[1]
        )
        part = stack.read((slice(1, 3), slice(2, 5), slice(None, 4)))
    assert np.array_equal(part, STACK[1:3, 2:5, :4])
    assert asked == ["s9.tif", "s10.tif"]


def test_pixel_size_of_the_first_slice_is_told_but_is_no_voxel_size(tmp_path):
    folder = tmp_path / "s"
    folder.mkdir()
    for z, plane in enumerate(STACK):
        tifffile.imwrite(folder / f"{z}.tif", plane, resolution=(40000, 20000), resolutionunit=3)
    grid = read_volume(folder).grid
    assert grid.unit == "voxel" and "0.25 um but not z" in grid.source
    assert read_volume(folder, voxel_size_zyx=(2, 0.5, 0.25)).grid.unit == "um"


def test_slices_of_several_sizes_kinds_or_pages(tmp_path):
    folder = write_slices(tmp_path / "sizes")
    tifffile.imwrite(folder / "s11.tif", STACK[0, :5])
    assert "s11.tif is 5 x 13 uint16, but s8.tif is 11 x 13" in refused(folder)
    folder = write_slices(tmp_path / "kinds")
    Image.fromarray(BYTES[0]).save(folder / "s9.png")
    assert ".png and .tif" in refused(folder)
    folder = write_slices(tmp_path / "pages")
    tifffile.imwrite(folder / "s12.tif", STACK, photometric="minisblack")
    assert "no single slice" in refused(folder)
    folder = tmp_path / "ome"
    write_multifile_ome(folder)
    assert "give that file alone" in refused(folder)


def test_colours_are_refused_as_in_a_tiff(tmp_path):
    folder = write_slices(tmp_path / "s", np.stack([BYTES] * 3, axis=-1), ".png")
    assert "RGB" in refused(folder)


def test_a_damaged_slice_is_named(tmp_path):
    folder = write_slices(tmp_path / "s", BYTES, ".png")
    whole = (folder / "s11.png").read_bytes()
    (folder / "s11.png").write_bytes(whole[: len(whole) // 2])
    assert "s11.png is damaged" in refused(folder)
    (folder / "s11.png").write_bytes(b"")
    assert "s11.png is damaged" in refused(folder)


def test_a_folder_without_images(tmp_path):
    (tmp_path / "note.txt").write_text("none")
    assert "without image slices" in refused(tmp_path)


def test_a_dash_separates_unless_names_without_it_stand_beside(tmp_path):
    assert order_of(named(tmp_path / "dash", ["i-1.tif", "i-2.tif", "i-10.tif"])) == [0, 1, 2]
    for at, zero in enumerate(("z-1um.tif", "z-0um.tif", "z+1um.tif")):
        message = refused(named(tmp_path / str(at), ["z-2um.tif", zero, "z1um.tif", "z2um.tif"]))
        assert "rename" in message and "sign" in message


def test_an_image_of_another_name_is_no_slice(tmp_path):
    names = ["s_1.tif", "s_2.tif", "s_3.tif", "MAX_projection.tif"]
    folder = named(tmp_path / "s [1]", names)
    message = refused(folder)
    assert "MAX_projection.tif" in message
    pattern = message.split("'")[1]
    assert pattern.endswith("/s_*.tif") and order_of(Path(pattern)) == [0, 1, 2]
    message = refused(named(tmp_path / "mean", [*names[:3], "s_mean.tif"]))
    pattern = message.split("'")[1]
    assert "s_mean.tif" in message and order_of(Path(pattern)) == [0, 1, 2]


def test_channels_of_other_words_are_refused_with_a_pattern(tmp_path):
    names = [f"z{z}_{channel}.tif" for z in range(3) for channel in ("dapi", "gfp")]
    message = refused(named(tmp_path / "s", names))
    assert "(and 2 more)" in message and "/z*_dapi.tif'" in message


def test_names_without_numbers_have_no_order(tmp_path):
    assert "number the slices" in refused(named(tmp_path / "s", ["first.tif", "second.tif"]))


def gap_warnings(source: Path) -> list[str]:
    with open_stack(source, voxel_size_zyx=(1, 1, 1)) as stack:
        found = stack_warnings(stack)
        # To know whether neurites are dark is not to know of missing planes.
        assert stack_warnings(stack, brightness_known=True) == found
    assert describe_stack(source).remarks == tuple(found)
    return found


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        ([1, 2, 3, 4, 5, 7, 8], "leave out 6,"),
        ([0, 5, 10, 15, 30], "leave out 20, 25,"),
        ([1, 2, 30], "leave out 3, 4, 5, 6, 7, ... (27 in all),"),
        ([0, 5, 10, 12], "not evenly spaced"),
        ([0, 5, 10, 15], None),
        ([7, 8, 9, 10], None),
    ],
)
def test_missing_numbers_are_warned_of(tmp_path, numbers, told):
    folder = named(tmp_path / "s", [f"20240131_s_{number}.tif" for number in numbers])
    assert order_of(folder) == list(range(len(numbers)))
    found = gap_warnings(folder)
    assert len(found) == (told is not None)
    assert told is None or told in found[0]


def test_of_several_numbers_one_that_leaves_nothing_out_is_enough(tmp_path):
    names = ["z0_120001.tif", "z1_120004.tif", "z2_120009.tif", "z3_120010.tif"]
    assert not gap_warnings(named(tmp_path / "s", names))


def test_the_same_number_twice(tmp_path):
    message = refused(named(tmp_path / "s", ["s_4.tif", "s_5.tif", "s_05.tif", "s_6.tif"]))
    assert "s_5.tif" in message and "s_05.tif" in message and "pattern" in message
    assert "s.tiff" in refused(named(tmp_path / "kinds", ["s.tif", "s.tiff"]))


@pytest.mark.parametrize(
    "names",
    [
        ["z0.00", "z0.50", "z1.00", "z1.50", "z2.00"],
        ["z9.9um", "z10.0um", "z10.1um"],
        ["z0", "z0.5", "z1", "z1.5"],
        ["pos_0.25", "pos_0.5", "pos_0.75", "pos_1.0"],
        ["v1.8", "v1.9", "v1.10", "v1.11"],  # a counter after a point
    ],
)
def test_decimals_are_read_as_such(tmp_path, names):
    folder = named(tmp_path / "s", [f"{name}.tif" for name in names])
    assert order_of(folder) == list(range(len(names)))
    assert not gap_warnings(folder)


def test_a_missing_decimal_is_warned_of(tmp_path):
    folder = named(tmp_path / "s", [f"z{z}.tif" for z in ("0.00", "0.50", "1.50", "2.00")])
    assert order_of(folder) == [0, 1, 2, 3]
    assert ["leave out 1," in warning for warning in gap_warnings(folder)] == [True]


def test_a_point_between_z_and_channel_is_no_decimal_point(tmp_path):
    names = [f"z{z}.{channel}.tif" for z in range(3) for channel in (1, 2)]
    message = refused(named(tmp_path / "s", names))
    assert "pattern" in message and "decimals" in message


def test_numbers_that_disagree_tell_no_order(tmp_path):
    names = ["a1_5.tif", "a1_6.tif", "a2_3.tif", "a2_4.tif"]
    assert "several axes" in refused(named(tmp_path / "s", names))


def test_only_plain_digits_count(tmp_path):
    assert order_of(named(tmp_path / "s", ["1²2.tif", "1²3.tif"])) == [0, 1]


def test_folders_that_count_instead_of_files(tmp_path, monkeypatch):
    for number, plane in zip((1, 2, 10), STACK, strict=False):
        (tmp_path / str(number)).mkdir()
        tifffile.imwrite(tmp_path / str(number) / "i.tif", plane)
    assert order_of(tmp_path / "*" / "i.tif") == [0, 1, 2]
    monkeypatch.chdir(tmp_path)
    assert order_of(Path("*/i.tif")) == [0, 1, 2]
    monkeypatch.chdir(write_slices(tmp_path / "s"))
    assert order_of(Path("s*.tif")) == list(range(len(STACK)))


def test_that_imagej_leaves_out_steps_of_one_says_nothing_of_slices(tmp_path):
    folder = tmp_path / "s"
    folder.mkdir()
    for z, plane in enumerate(STACK):
        tifffile.imwrite(
            folder / f"{z}.tif", plane, imagej=True, resolution=(4, 2), metadata={"unit": "um"}
        )
    source = read_volume(folder).grid.source
    assert "x 0.25 um but not z" in source and "first slice" in source
    assert "leaves out" not in source
