"""HDF5 data sets whose values lie in other files: read where they are there, else refused."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from stack_files import STACK, write_hdf5

from neurorecon.errors import InputError
from neurorecon.io.stack import read_volume

PLANE = STACK.shape[1:]


def refused(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_volume(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def write_virtual(path: Path, sources: list[str], inside: str = "raw") -> Path:
    """A plane from each source, by the names that the file shall have for them."""
    layout = h5py.VirtualLayout((len(sources), *PLANE), STACK.dtype)
    for z, name in enumerate(sources):
        layout[z] = h5py.VirtualSource(name, inside, PLANE)
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("raw", layout)
    return path


@pytest.fixture
def planes(tmp_path) -> list[str]:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    names = [f"deep/{z}.h5" for z in range(len(STACK))]
    for name, plane in zip(names, STACK, strict=True):
        write_hdf5(tmp_path / "in" / name, {"raw": plane}, compression="gzip")
    return names


@pytest.fixture
def virtual(tmp_path, planes) -> Path:
    return write_virtual(tmp_path / "in" / "a.h5", planes)


def test_a_virtual_data_set_is_read(virtual):
    assert np.array_equal(read_volume(virtual).array, STACK)


def test_of_itself_and_of_another_virtual_one(virtual):
    with h5py.File(virtual, "a") as file:
        layout = h5py.VirtualLayout(STACK.shape, STACK.dtype)
        layout[:] = h5py.VirtualSource(file["raw"])
        file.create_virtual_dataset("again", layout)
    assert np.array_equal(read_volume(virtual / "again").array, STACK)
    (virtual.parent / "deep" / "3.h5").unlink()
    assert "3.h5" in refused(virtual / "again")


def test_a_virtual_data_set_of_itself_has_no_end(tmp_path):
    path = write_virtual(tmp_path / "a.h5", ["."] * 3)
    assert "plain data set" in refused(path)


def test_a_source_that_is_missing_or_damaged_is_named(virtual):
    source = virtual.parent / "deep" / "3.h5"
    whole = source.read_bytes()
    source.unlink()
    message = refused(virtual)
    assert str(source) in message and "copy that one too" in message
    source.write_bytes(whole[: len(whole) // 2])
    message = refused(virtual)
    assert str(source) in message and "copy or export it again" in message
    write_hdf5(source, {"other": STACK[0]})
    message = refused(virtual)
    assert str(source) in message and "no data set there" in message


def test_sources_outside_of_the_folder_are_refused(tmp_path, planes):
    outside = write_hdf5(tmp_path / "secret.h5", {"raw": STACK[0]})
    folder = tmp_path / "in"
    (folder / "link.h5").symlink_to(outside)
    for name in (str(outside), "../secret.h5", "deep/../../secret.h5", "link.h5"):
        assert "outside of its own folder" in refused(
            write_virtual(folder / "a.h5", [*planes[:-1], name])
        )


def test_a_source_that_leads_on_to_outside_is_refused(tmp_path, planes):
    outside = write_hdf5(tmp_path / "secret.h5", {"raw": STACK[0], "all": STACK})
    folder = tmp_path / "in"
    with h5py.File(folder / "on.h5", "w") as file:
        file["raw"] = h5py.ExternalLink(str(outside), "raw")
        file["all"] = h5py.ExternalLink(str(outside), "all")
    path = write_virtual(folder / "a.h5", [*planes[:-1], "on.h5"])
    assert "outside of its own folder" in refused(path)
    assert "outside of its own folder" in refused(folder / "on.h5" / "all")


def test_a_percent_in_a_name_is_no_pattern(tmp_path, planes):
    write_hdf5(tmp_path / "in" / "50%.h5", {"raw": STACK[-1]})
    path = write_virtual(tmp_path / "in" / "a.h5", [*planes[:-1], "50%%.h5"])
    assert np.array_equal(read_volume(path).array, STACK)


def test_numbered_sources_are_refused(tmp_path, planes):
    one = h5py.h5s.create_simple(PLANE)
    many = h5py.h5s.create_simple(STACK.shape, (h5py.h5s.UNLIMITED, *PLANE))
    many.select_hyperslab((0, 0, 0), (h5py.h5s.UNLIMITED, 1, 1), (1, *PLANE), (1, *PLANE))
    made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    made.set_virtual(many, b"deep/%b.h5", b"raw", one)
    path = tmp_path / "in" / "a.h5"
    with h5py.File(path, "w") as file:
        h5py.h5d.create(file.id, b"raw", h5py.h5t.NATIVE_UINT16, many, made)
    assert "plain data set" in refused(path)


def test_a_small_source_cannot_stand_for_a_huge_stack(tmp_path):
    write_hdf5(tmp_path / "small.h5", {"raw": np.zeros((2, 2), np.uint16)})
    layout = h5py.VirtualLayout((10**5, 10**5, 10**5), np.uint16)
    layout[0, :2, :2] = h5py.VirtualSource(tmp_path / "small.h5", "raw", (2, 2))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_virtual_dataset("raw", layout)
    assert "copy or export it again" in refused(tmp_path / "a.h5")


def write_external(path: Path, parts: list[tuple[str, int, int]]) -> Path:
    with h5py.File(path, "w") as file:
        file.create_dataset("raw", STACK.shape, STACK.dtype, external=parts)
    return path


def test_external_values_lie_beside_the_file(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    raw = tmp_path / "in" / "a.raw"
    raw.write_bytes(b"abc" + STACK.tobytes())
    path = write_external(tmp_path / "in" / "a.h5", [("a.raw", 3, STACK.nbytes)])
    assert np.array_equal(read_volume(path).array, STACK)
    raw.write_bytes(b"abc" + STACK.tobytes()[:-1])
    assert "a.raw is damaged or cut off" in refused(path)
    raw.unlink()
    assert "copy that one too" in refused(path)


def test_external_values_elsewhere_or_in_parts_are_refused(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "a.raw").write_bytes(STACK.tobytes())
    path = tmp_path / "in" / "a.h5"
    for name in ("../a.raw", str(tmp_path / "a.raw")):
        message = refused(write_external(path, [(name, 0, STACK.nbytes)]))
        assert "outside of its own folder" in message
    half = STACK.nbytes // 2
    parts = [("a.raw", 0, half), ("b.raw", 0, STACK.nbytes - half)]
    assert "plain data set" in refused(write_external(path, parts))
