from pathlib import Path

import numpy as np
import pytest

from neurorecon.io.omezarr_writer import OmeVersion, ZarrBlocks
from neurorecon.io.stack import open_stack, read_volume
from neurorecon.volume import Grid

GRID = Grid((2.0, 0.5, 0.5), (10.0, 1.0, 2.0), "um", "test")
STACK = np.random.default_rng(0).integers(0, 255, (20, 300, 301)).astype(np.uint8)


def _written(folder: Path, version: OmeVersion, grid: Grid = GRID) -> Path:
    blocks = ZarrBlocks(folder)
    blocks.create(STACK.shape, (16, 128, 128), grid, version)
    for y in range(0, 300, 128):
        box = (slice(0, 20), slice(y, min(y + 128, 300)), slice(0, 301))
        ZarrBlocks(folder).write(box, STACK[box])  # as another process would
    blocks.finish()
    return folder


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_is_read_back_on_its_grid_as_a_segmentation(tmp_path: Path, version: OmeVersion) -> None:
    folder = _written(tmp_path / "a.zarr", version)
    volume = read_volume(folder)
    np.testing.assert_array_equal(volume.array, STACK)
    assert volume.grid.voxel_size_zyx == GRID.voxel_size_zyx
    assert volume.grid.origin_zyx == GRID.origin_zyx
    with open_stack(folder) as stack:
        assert stack.is_probability
        assert stack.chunk_zyx == (16, 128, 128)


def test_coarser_levels_keep_the_highest_and_their_place(tmp_path: Path) -> None:
    coarse = read_volume(_written(tmp_path / "a.zarr", "0.4") / "1")
    # z is coarse already, so that only y and x are halved
    expected = np.pad(STACK, ((0, 0), (0, 0), (0, 1))).reshape(20, 150, 2, 151, 2).max((2, 4))
    np.testing.assert_array_equal(coarse.array, expected)
    assert coarse.grid.voxel_size_zyx == (2.0, 1.0, 1.0)
    assert coarse.grid.origin_zyx == (10.0, 1.25, 2.25)


def test_an_unknown_voxel_size_stays_unknown(tmp_path: Path) -> None:
    assert read_volume(_written(tmp_path / "a.zarr", "0.5", Grid())).grid.unit == "voxel"
