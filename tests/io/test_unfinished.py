from pathlib import Path

import numpy as np
import pytest

from neurorecon.errors import InputError
from neurorecon.io.blockfiles import BlockFiles
from neurorecon.io.unfinished import Shelf, Unfinished, fresh_folder, unfinished_folder

IDENTITY = {"input": "a.tif", "model": "abc", "overlap": 0.25}


def _begun(tmp_path: Path) -> Path:
    folder = unfinished_folder(tmp_path / "a_seg.tif")
    run = Unfinished.begin(fresh_folder(folder), IDENTITY, {"batch size": 4})
    assert not Unfinished.has_begun(folder)
    for number in (0, 1, 12):
        run.finish(number)
    return folder


def test_a_run_goes_on_with_its_finished_blocks_and_settings(tmp_path: Path) -> None:
    folder = _begun(tmp_path)
    assert folder.parent == tmp_path
    run = Unfinished.go_on(folder, IDENTITY)
    run.change({"batch size": 2})
    again = Unfinished.go_on(folder, IDENTITY)
    assert (again.finished, again.settings) == ({0, 1, 12}, {"batch size": 2})
    assert Unfinished.has_begun(folder) and not Unfinished.has_begun(fresh_folder(folder))


def test_a_block_that_was_half_noted_is_not_finished(tmp_path: Path) -> None:
    folder = _begun(tmp_path)
    with (folder / "finished").open("a") as file:
        file.write("13")  # of 135
    run = Unfinished.go_on(folder, IDENTITY)
    run.finish(2)
    assert Unfinished.go_on(folder, IDENTITY).finished == {0, 1, 12, 2}


def test_another_run_is_refused_by_name(tmp_path: Path) -> None:
    folder = _begun(tmp_path)
    with pytest.raises(InputError, match=r"model was abc and is xyz.*--overwrite"):
        Unfinished.go_on(folder, {**IDENTITY, "model": "xyz"})
    with pytest.raises(InputError, match="without --resume"):
        Unfinished.go_on(tmp_path / "none", IDENTITY)


def test_the_shelf_keeps_arrays_until_they_are_dropped(tmp_path: Path) -> None:
    array = np.arange(6, dtype=np.uint16).reshape(1, 2, 3)
    Shelf(tmp_path).put(7, {(0, 1, 1): array})
    shelf = Shelf(tmp_path)  # as another process has it
    np.testing.assert_array_equal(shelf.get(7, (0, 1, 1)), array)
    assert shelf.get(7, (1, 0, 0)) is None and shelf.get(8, (0, 1, 1)) is None
    shelf.put(7, {})
    assert shelf.get(7, (0, 1, 1)) is None
    shelf.drop(7)


def test_blocks_become_planes(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 255, (5, 7, 9)).astype(np.uint8)
    array[3:, :4] = 0
    files = BlockFiles(tmp_path / "voxels", ([0, 3, 5], [0, 4, 7], [0, 9]))
    files.create()
    for z in (slice(3, 5), slice(0, 3)):
        for y in (slice(0, 4), slice(4, 7)):
            files.write((z, y, slice(0, 9)), array[z, y])
    np.testing.assert_array_equal(np.concatenate(list(files.planes())), array)
    assert len(list((tmp_path / "voxels").iterdir())) == 3  # the empty one has no file
