import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from neurorecon.errors import InputError
from neurorecon.io import tiff_writer
from neurorecon.io.stack import read_volume
from neurorecon.io.tiff_writer import write_image, write_probability, write_slabs
from neurorecon.volume import Grid

IN_UM = Grid((2.0, 1.0, 0.45), (10.5, -3.25, 7.1), "um", "--voxel-size")
IN_VOXELS = Grid(origin_zyx=(3.0, 0.0, 5.0))
STACK = np.arange(7 * 11 * 13, dtype=np.uint16).reshape(7, 11, 13).astype(np.uint8)


def _same_place(grid: Grid, other: Grid) -> bool:
    def place(grid: Grid) -> tuple[Any, ...]:
        return grid.voxel_size_zyx, grid.origin_zyx, grid.unit

    return place(grid) == place(other)


@pytest.mark.parametrize("grid", [IN_UM, IN_VOXELS, Grid()], ids=["um", "voxel", "default"])
def test_file_and_stream_read_back_on_the_same_grid(tmp_path: Path, grid: Grid) -> None:
    write_probability(tmp_path / "a.tif", STACK, grid)
    stream = io.BytesIO()
    write_probability(stream, STACK, grid)
    assert stream.getvalue() == (tmp_path / "a.tif").read_bytes()
    volume = read_volume(tmp_path / "a.tif")
    np.testing.assert_array_equal(volume.array, STACK)
    assert volume.array.dtype == np.uint8
    assert _same_place(volume.grid, grid)


@settings(deadline=None, max_examples=50)
@given(size=st.tuples(*[st.floats(1e-6, 1e6)] * 3), origin=st.tuples(*[st.floats(-1e9, 1e9)] * 3))
def test_any_grid_is_kept(
    size: tuple[float, float, float], origin: tuple[float, float, float]
) -> None:
    stream = io.BytesIO()
    grid = Grid(size, origin, "um")
    write_probability(stream, STACK[:2], grid)
    stream.seek(0)
    assert _same_place(read_volume(stream).grid, grid)


def test_a_region_of_interest_survives_two_steps(tmp_path: Path) -> None:
    write_probability(tmp_path / "a.tif", STACK, IN_UM)
    part = read_volume(tmp_path / "a.tif", roi="2:,3:9,1:")
    write_probability(tmp_path / "b.tif", part.array, part.grid)
    again = read_volume(tmp_path / "b.tif", roi="1:3,:,4:")
    np.testing.assert_array_equal(again.array, STACK[3:5, 3:9, 5:])
    np.testing.assert_allclose(again.grid.origin_zyx, IN_UM.to_physical(np.array([3, 3, 5])))


def test_it_is_a_compressed_ome_tiff_in_any_reader(tmp_path: Path) -> None:
    mostly_empty = np.zeros((20, 200, 200), np.uint8)
    mostly_empty[:, 90:95, :] = 255
    write_probability(tmp_path / "a.tif", mostly_empty, IN_UM)
    assert (tmp_path / "a.tif").stat().st_size < mostly_empty.size / 50
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.is_ome
        assert file.series[0].axes == "ZYX"
        assert len(file.pages) == 20
        xml = file.ome_metadata or ""
    assert 'PhysicalSizeZ="2.0"' in xml
    assert 'PhysicalSizeZUnit="\u00b5m"' in xml


def test_slabs_are_written_one_after_the_other(tmp_path: Path) -> None:
    seen: list[int] = []

    def slabs() -> Iterator[NDArray[np.uint8]]:
        for start, stop in ((0, 3), (3, 4), (4, 7)):
            seen.append(start)
            yield STACK[start:stop]

    write_slabs(tmp_path / "a.tif", slabs(), (7, 11, 13), IN_UM)
    assert seen == [0, 3, 4]
    np.testing.assert_array_equal(read_volume(tmp_path / "a.tif").array, STACK)


@pytest.mark.parametrize("planes", [STACK[:6], STACK[:, :5], STACK.astype(np.uint16)])
def test_slabs_of_another_shape_leave_no_file(tmp_path: Path, planes: NDArray[Any]) -> None:
    with pytest.raises(ValueError, match=r"plane"):
        write_slabs(tmp_path / "a.tif", [planes], (7, 11, 13), IN_UM)
    assert list(tmp_path.iterdir()) == []


def test_stacks_over_4_gb_become_bigtiff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiff_writer, "_LARGEST_CLASSIC", STACK.size - 1)
    write_probability(tmp_path / "a.tif", STACK, IN_UM)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.is_bigtiff
    np.testing.assert_array_equal(read_volume(tmp_path / "a.tif").array, STACK)


def test_an_existing_output_is_kept_without_overwrite(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_text("old")
    with pytest.raises(InputError, match="--overwrite"):
        write_probability(tmp_path / "a.tif", STACK, IN_UM)
    assert (tmp_path / "a.tif").read_text() == "old"
    write_probability(tmp_path / "a.tif", STACK, IN_UM, overwrite=True)
    assert read_volume(tmp_path / "a.tif").array.shape == STACK.shape


def test_images_of_16_bits_are_kept(tmp_path: Path) -> None:
    array = STACK.astype(np.uint16) * 200
    write_image(tmp_path / "a.tif", array, IN_UM)
    volume = read_volume(tmp_path / "a.tif")
    np.testing.assert_array_equal(volume.array, array)
    assert _same_place(volume.grid, IN_UM)


def test_a_pipe_carries_the_bytes() -> None:
    """Standard output cannot be sought, as a TIFF writer needs it."""
    script = (
        "import sys, numpy as np\n"
        "from neurorecon.io.stack import write_probability\n"
        "from neurorecon.volume import Grid\n"
        "array = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)\n"
        "write_probability(sys.stdout.buffer, array, Grid((2.0, 1.0, 0.5), unit='um'))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    volume = read_volume(io.BytesIO(done.stdout))
    assert volume.array[2, 3, 4] == 59
    assert volume.grid.voxel_size_zyx == (2.0, 1.0, 0.5)
