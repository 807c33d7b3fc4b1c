"""Folders and patterns of 2D images as stacks."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from stack_files import STACK, write_multifile_ome, write_slices

from neurorecon.errors import InputError
from neurorecon.io.formats.slices import natural_order
from neurorecon.io.stack import open_stack, read_volume, stack_stem

BYTES = (STACK >> 8).astype(np.uint8)


def refused(path: Path, **options) -> str:
    with pytest.raises(InputError) as caught:
        read_volume(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


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
