"""NRRD, NIfTI and Vaa3D: types, byte orders, axes, units, headers that lie."""

import warnings
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from stack_files import (
    STACK,
    VOXEL_UM,
    pack_pbd,
    write_nifti,
    write_nrrd,
    write_v3dpbd,
    write_v3draw,
)

from neurorecon.errors import InputError
from neurorecon.io.formats.pbd import unpack
from neurorecon.io.stack import open_stack, read_volume

OTHER = STACK[::-1].copy()


def refused(path: Path, **options) -> str:
    with pytest.raises(InputError) as caught:
        read_volume(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["u1", "i1", ">u2", "<u2", ">i2", "<i4", ">f4", "<f8", ">f8"])
@pytest.mark.parametrize("encoding", ["raw", "gzip"])
def test_types_and_byte_orders_of_nrrd(tmp_path, kind, encoding):
    array = (STACK % 100).astype(kind)
    volume = read_volume(write_nrrd(tmp_path / "a.nrrd", array, encoding))
    assert np.array_equal(volume.array, array)
    assert volume.array.dtype == array.dtype.newbyteorder("=")


@pytest.mark.parametrize("kind", ["u1", "<u2", ">u2", ">i2", "<i4", ">f4", "<f8"])
def test_types_and_byte_orders_of_nifti(tmp_path, kind):
    array = (STACK % 100).astype(kind)
    volume = read_volume(write_nifti(tmp_path / "a.nii", array))
    assert np.array_equal(volume.array, array)
    assert volume.array.dtype == array.dtype.newbyteorder("=")


@pytest.mark.parametrize("kind", ["u1", "u2", "f4"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("short", [False, True])
def test_types_byte_orders_and_headers_of_v3draw(tmp_path, kind, order, short):
    array = (STACK % 100).astype(kind)
    path = write_v3draw(tmp_path / "a.v3draw", array, order, short)
    volume = read_volume(path)
    assert np.array_equal(volume.array, array) and volume.array.dtype == array.dtype


@pytest.mark.parametrize("write", [write_v3draw, write_v3dpbd])
def test_channels_of_vaa3d(tmp_path, write):
    path = write(tmp_path / "a", np.stack([STACK, OTHER]))
    assert "2 channels" in refused(path)
    assert np.array_equal(read_volume(path, channel=1).array, OTHER)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_whatever_is_packed_comes_out_again(data):
    kind = data.draw(st.sampled_from(["u1", "u2"]))
    order = data.draw(st.sampled_from("<>"))
    # Small steps, equal values and jumps, so that every kind of packet occurs.
    steps = data.draw(arrays.arrays(np.int64, st.integers(1, 300), elements=st.integers(-18, 18)))
    flat = np.where(np.arange(len(steps)) % 50 < 12, 0, steps)
    values = np.cumsum(np.where(np.arange(len(steps)) % 70 == 0, 5000, flat)).astype(kind)
    packed = np.frombuffer(pack_pbd(values, order, data.draw(st.integers(0, 99))), np.uint8)
    out = unpack(packed, len(values), np.dtype(order + kind))
    assert np.array_equal(out, values)
    with pytest.raises(ValueError, match="missing"):
        unpack(packed[:-1], len(values), np.dtype(order + kind))


def test_packets_worked_out_by_hand():
    """Vaa3D's codes: 2 literals, 3 equal ones, differences of 2, 3, 4 and 5 bits."""
    eight = bytes([1, 10, 20, 130, 7, 32 + 5, 0b11_10_01_00, 0b01])
    assert unpack(np.frombuffer(eight, "u1"), 10, np.dtype("u1")).tolist() == [
        *(10, 20, 7, 7, 7, 7, 8, 10, 9, 10)
    ]
    three = bytes([31 + 3, 0b011_111_10, 0b0_0000000])  # +3, -3, +4
    four = bytes([79 + 2, 0b1000_1111])  # +8, -7
    five = bytes([182 + 1, 0b10001_000])  # -1
    sixteen = bytes([0, 100, 1]) + three + four + five + bytes([224, 5, 0])
    assert unpack(np.frombuffer(sixteen, "u1"), 9, np.dtype("<u2")).tolist() == [
        *(356, 359, 356, 360, 368, 361, 360, 5, 5)
    ]


@pytest.mark.parametrize("field", ["unit", "factor"])
def test_lengths_of_nrrd_in_other_units(tmp_path, field):
    z, y, x = (1000 * size for size in VOXEL_UM)
    described = {"space directions": np.diag([x, y, z]), "space units": ["nm"] * 3}
    if field == "factor":  # one number an axis, without a space
        described = {"spacings": [x, y, z], "units": ["nm"] * 3}
        described |= dict.fromkeys(("space dimension", "space directions", "space units"))
    grid = read_volume(write_nrrd(tmp_path / "a.nrrd", **described)).grid
    np.testing.assert_allclose(grid.voxel_size_zyx, VOXEL_UM)


def test_nrrd_without_a_unit_does_not_know_micrometres(tmp_path):
    volume = read_volume(write_nrrd(tmp_path / "a.nrrd", **{"space units": None}))
    assert volume.grid.unit == "voxel" and "NRRD" in volume.grid.source


def test_origin_of_nrrd_and_nifti_unless_axes_are_mirrored(tmp_path):
    origin = {"space origin": [1.0, 2.0, 3.0]}
    assert read_volume(write_nrrd(tmp_path / "a.nrrd", **origin)).grid.origin_zyx == (3, 2, 1)
    mirrored = {**origin, "space directions": np.diag([-0.25, 0.5, 2.0])}
    grid = read_volume(write_nrrd(tmp_path / "b.nrrd", **mirrored)).grid
    assert (grid.voxel_size_zyx, grid.origin_zyx) == ((2.0, 0.5, 0.25), (0, 0, 0))
    for sign, expected in ((1, (0.03, 0.02, 0.01)), (-1, (0, 0, 0))):
        affine = np.diag([sign * 0.25, 0.5, 2.0, 1.0])
        affine[:3, 3] = 0.01, 0.02, 0.03
        image = nibabel.Nifti1Image(STACK.T, affine)
        image.header.set_xyzt_units("micron")
        nibabel.save(image, tmp_path / "a.nii")
        np.testing.assert_allclose(
            read_volume(tmp_path / "a.nii").grid.origin_zyx, expected, atol=1e-7
        )


@pytest.mark.parametrize(("unit", "factor"), [("mm", 1000.0), ("micron", 1.0), ("unknown", None)])
def test_units_of_nifti(tmp_path, unit, factor):
    grid = read_volume(write_nifti(tmp_path / "a.nii", unit=unit)).grid
    if factor is None:
        assert grid.unit == "voxel"
    else:
        np.testing.assert_allclose(grid.voxel_size_zyx, np.array(VOXEL_UM) * factor)


def test_scaled_values_of_nifti(tmp_path):
    image = nibabel.Nifti1Image((STACK % 100).astype(np.int16).T, np.eye(4))
    image.header.set_slope_inter(0.5, 3.0)
    nibabel.save(image, tmp_path / "a.nii")
    volume = read_volume(tmp_path / "a.nii")
    assert volume.array.dtype == np.float32
    np.testing.assert_allclose(volume.array, (STACK % 100) * 0.5 + 3)


def test_channels_and_colours_of_nrrd(tmp_path):
    fastest = np.stack([STACK, OTHER], axis=-1)  # (Z, Y, X, C): C is fastest
    directions = np.vstack([np.full((1, 3), np.nan), np.diag([0.25, 0.5, 2.0])])
    header = {"kinds": ["list", "domain", "domain", "domain"], "space directions": directions}
    path = write_nrrd(tmp_path / "a.nrrd", fastest, **header)
    assert "2 channels" in refused(path)
    volume = read_volume(path, channel=1)
    assert np.array_equal(volume.array, OTHER)
    np.testing.assert_allclose(volume.grid.voxel_size_zyx, VOXEL_UM)
    colours = np.stack([STACK] * 3, axis=-1)
    header["kinds"] = ["RGB-color", "domain", "domain", "domain"]
    assert "RGB" in refused(write_nrrd(tmp_path / "b.nrrd", colours, **header))


def detached(folder: Path, data_file: str, **fields: object) -> Path:
    """A header that names a raw file, which is not written here."""
    lines = ["NRRD0004", "type: uint16", "dimension: 3", "sizes: 13 11 7", "endian: little"]
    lines += ["encoding: raw", *(f"{key}: {value}" for key, value in fields.items())]
    path = folder / "a.nhdr"
    path.write_text("\n".join([*lines, f"data file: {data_file}", ""]))
    return path


def test_a_detached_header_with_skips(tmp_path):
    path = detached(tmp_path, "a.raw", **{"line skip": 2, "byte skip": 3})
    (tmp_path / "a.raw").write_bytes(b"one\ntwo\nxyz" + STACK.astype("<u2").tobytes())
    assert np.array_equal(read_volume(path).array, STACK)
    path = detached(tmp_path, "a.raw", **{"byte skip": -1})
    assert np.array_equal(read_volume(path).array, STACK)


@pytest.mark.parametrize("name", ["../secret.raw", "/etc/hostname", "/dev/zero", "a/../../b"])
def test_a_header_may_not_lead_out_of_its_folder(tmp_path, name):
    folder = tmp_path / "inside"
    folder.mkdir()
    (tmp_path / "secret.raw").write_bytes(STACK.tobytes())
    assert "beside it" in refused(detached(folder, name))


def test_the_file_of_a_detached_header_is_missing_or_several(tmp_path):
    assert "copy that one too" in refused(detached(tmp_path, "none.raw"))
    assert "as one .nrrd" in refused(detached(tmp_path, "LIST"))
    assert "as one .nrrd" in refused(detached(tmp_path, "slice.%03d.raw 1 7 1"))


@pytest.mark.parametrize("sizes", ["9000000 9000000 900000", "13 11 700", "-13 11 7", "13 11"])
@pytest.mark.parametrize("encoding", ["raw", "gzip", "ascii"])
def test_a_header_that_declares_another_size(tmp_path, sizes, encoding):
    path = write_nrrd(tmp_path / "a.nrrd", encoding=encoding)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"sizes: 13 11 7", f"sizes: {sizes}".encode()))
    assert "copy or export it again" in refused(path)


def test_a_header_without_an_end(tmp_path):
    (tmp_path / "a.nrrd").write_bytes(b"NRRD0004\n" + b"#" * 3_000_000)
    assert "header" in refused(tmp_path / "a.nrrd")


def test_sizes_of_vaa3d_that_the_file_cannot_hold(tmp_path):
    for write, name in ((write_v3draw, "a.v3draw"), (write_v3dpbd, "a.v3dpbd")):
        path = write(tmp_path / name)
        content = bytearray(path.read_bytes())
        content[27:31] = (1_000_000_000).to_bytes(4, "little")
        path.write_bytes(content)
        assert "copy or export it again" in refused(path)
        content[27:31] = (-5).to_bytes(4, "little", signed=True)
        path.write_bytes(content)
        assert "copy or export it again" in refused(path)


def test_what_lies_plain_on_disk_is_not_read_as_a_whole(tmp_path):
    """A file of 4 GB that takes no room: only the box is touched."""
    header = b"NRRD0004\ntype: uint8\ndimension: 3\nsizes: 2000 2000 1000\nencoding: raw\n\n"
    with (tmp_path / "a.nrrd").open("wb") as file:
        file.write(header)
        file.truncate(len(header) + 4_000_000_000)
    with warnings.catch_warnings(), open_stack(tmp_path / "a.nrrd") as stack:
        assert stack.shape_zyx == (1000, 2000, 2000)
        assert not stack.read((slice(998, 1000), slice(5, 9), slice(0, 3))).any()
