import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from neurorecon.io.stack import describe_stack, open_stack, read_volume

SHAPE_ZYX = (9, 40, 50)


def _ramp(dtype: Any = np.uint8, shape: tuple[int, ...] = SHAPE_ZYX) -> NDArray[Any]:
    return (np.arange(np.prod(shape)) * 7 % 251).reshape(shape).astype(dtype)


def _check(path: Path, expected: NDArray[Any], **options: Any) -> None:
    """The whole stack and a box of it, from a path and from a stream."""
    for source in (path, io.BytesIO(path.read_bytes())):
        volume = read_volume(source, **options)
        assert volume.array.dtype == expected.dtype.newbyteorder("=")
        assert volume.array.flags.c_contiguous
        assert volume.array.flags.writeable
        np.testing.assert_array_equal(volume.array, expected)
    box = read_volume(path, roi="2:5,10:,:33", **options)
    np.testing.assert_array_equal(box.array, expected[2:5, 10:, :33])
    assert box.grid.origin_zyx == (2.0, 10.0, 0.0)


@pytest.mark.parametrize(
    "dtype",
    ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8", ">u2", ">f4"],
)
def test_every_integer_and_float_type_is_read(tmp_path: Path, dtype: str) -> None:
    array = _ramp(np.int16)
    array = array.astype(dtype)
    byteorder: Any = ">" if dtype.startswith(">") else "<"
    tifffile.imwrite(tmp_path / "a.tif", array, byteorder=byteorder)
    _check(tmp_path / "a.tif", array)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "lzw"},
        {"compression": "lzw", "predictor": True},
        {"compression": "zlib"},
        {"compression": "zlib", "predictor": True},
        {"compression": "zstd", "predictor": True},
        {"compression": "packbits"},
        {"compression": "lzma"},
        {"tile": (16, 32)},
        {"tile": (16, 16), "compression": "zstd", "predictor": True},
        {"tile": (16, 16, 16), "compression": "zlib"},
        {"rowsperstrip": 7, "compression": "lzw"},
        {"bigtiff": True},
        {"bigtiff": True, "compression": "zlib"},
        {"byteorder": ">", "compression": "zlib"},
        {"metadata": None},
        {"ome": True, "metadata": {"axes": "ZYX"}},
        {"imagej": True, "metadata": {"axes": "ZYX"}},
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_layout_is_read(tmp_path: Path, options: dict[str, Any], dtype: Any) -> None:
    array = _ramp(dtype)
    tifffile.imwrite(tmp_path / "a.tif", array, **options)
    _check(tmp_path / "a.tif", array)


@pytest.mark.parametrize("predictor", [False, True])
def test_floats_with_predictor_are_read(tmp_path: Path, predictor: bool) -> None:
    array = _ramp(np.float32) / 3
    tifffile.imwrite(tmp_path / "a.tif", array, compression="zlib", predictor=predictor)
    _check(tmp_path / "a.tif", array)


def test_pages_written_one_by_one_are_z_slices(tmp_path: Path) -> None:
    array = _ramp(np.uint16)
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for page in array:
            writer.write(page, contiguous=False, metadata=None)
    _check(tmp_path / "a.tif", array)


def test_slices_that_python_labelled_as_channels_are_z(tmp_path: Path) -> None:
    """tifffile.imwrite(imagej=True) without axes calls the first axis of a 3D array C."""
    array = _ramp()
    tifffile.imwrite(tmp_path / "a.tif", array, imagej=True)
    assert describe_stack(tmp_path / "a.tif").axes == "CYX"
    _check(tmp_path / "a.tif", array)


@pytest.mark.parametrize(
    ("axes", "write"),
    [
        ("ZCYX", {"imagej": True}),
        ("ZCYX", {"ome": True}),
        ("CZYX", {"ome": True}),
        ("CZYX", {"ome": True, "compression": "zlib"}),
        ("ZCYX", {"imagej": True, "bigtiff": False}),
        ("TCZYX", {"ome": True, "compression": "lzw"}),
        ("CZYX", {}),
    ],
    ids=str,
)
def test_a_channel_is_chosen_wherever_its_axis_stands(
    tmp_path: Path, axes: str, write: dict[str, Any]
) -> None:
    channels = np.stack([_ramp(np.uint16) + 1000 * channel for channel in range(3)])
    stored = channels if axes[-4] == "C" else np.moveaxis(channels, 0, 1)
    if axes.startswith("T"):
        stored = stored[None]
    tifffile.imwrite(tmp_path / "a.tif", stored, metadata={"axes": axes}, **write)
    for channel in range(3):
        _check(tmp_path / "a.tif", channels[channel], channel=channel)


def test_axes_in_another_order_are_turned(tmp_path: Path) -> None:
    array = _ramp(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", array.transpose(1, 2, 0), metadata={"axes": "YXZ"})
    _check(tmp_path / "a.tif", array)


@pytest.mark.parametrize("shape", [(1, 9, 40, 50), (1, 1, 9, 40, 50)])
def test_axes_of_one_voxel_do_not_count(tmp_path: Path, shape: tuple[int, ...]) -> None:
    tifffile.imwrite(tmp_path / "a.tif", _ramp().reshape(shape))
    _check(tmp_path / "a.tif", _ramp())


def test_a_stack_one_voxel_high_is_a_stack(tmp_path: Path) -> None:
    array = _ramp(shape=(9, 1, 50))
    tifffile.imwrite(tmp_path / "a.ome.tif", array, metadata={"axes": "ZYX"})
    np.testing.assert_array_equal(read_volume(tmp_path / "a.ome.tif").array, array)


def test_one_bit_masks_become_0_and_255(tmp_path: Path) -> None:
    array = _ramp() > 100
    tifffile.imwrite(tmp_path / "a.tif", array)
    _check(tmp_path / "a.tif", (array * 255).astype(np.uint8))
    with open_stack(tmp_path / "a.tif") as stack:
        assert stack.dtype == np.uint8


def test_voxels_are_read_box_by_box(tmp_path: Path) -> None:
    array = _ramp(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", array, compression="zlib")
    with open_stack(tmp_path / "a.tif") as stack:
        assert stack.shape_zyx == SHAPE_ZYX
        box = (slice(3, 4), slice(0, 40), slice(7, 9))
        np.testing.assert_array_equal(stack.read(box), array[box])


def test_an_empty_mask_is_accepted_where_the_caller_says_so(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros(SHAPE_ZYX, np.uint8))
    assert not read_volume(tmp_path / "a.tif", allow_uniform=True).array.any()


def test_multi_file_ome_tiffs_are_read_as_a_whole(tmp_path: Path) -> None:
    array = _ramp(np.uint16, (4, 6, 5))
    names = ["one.ome.tif", "two.ome.tif"]
    data = "".join(
        f'<TiffData FirstZ="{z}" IFD="{z % 2}" PlaneCount="1">'
        f'<UUID FileName="{names[z // 2]}">urn:uuid:{z // 2}</UUID></TiffData>'
        for z in range(4)
    )
    for n, name in enumerate(names):
        xml = (
            '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="urn:uuid:{n}"><Image ID="Image:0"><Pixels ID="Pixels:0" SizeX="5" SizeY="6" '
            'SizeZ="4" SizeC="1" SizeT="1" Type="uint16" DimensionOrder="XYZCT">'
            f'<Channel ID="Channel:0:0"/>{data}</Pixels></Image></OME>'
        )
        pages = array[2 * n : 2 * n + 2]
        tifffile.imwrite(tmp_path / name, pages, description=xml, metadata=None)
    np.testing.assert_array_equal(read_volume(tmp_path / names[0]).array, array)


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_any_box_equals_the_slice(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shape = data.draw(st.tuples(st.integers(2, 5), st.integers(1, 9), st.integers(2, 9)))
    array = _ramp(np.uint16, shape)
    path = tmp_path_factory.mktemp("box") / "a.tif"
    options: dict[str, Any] = data.draw(
        st.sampled_from([{}, {"compression": "zlib"}, {"tile": (16, 16)}])
    )
    tifffile.imwrite(path, array, metadata={"axes": "ZYX"}, photometric="minisblack", **options)
    ends = [
        sorted(data.draw(st.lists(st.integers(0, size), min_size=2, max_size=2, unique=True)))
        for size in shape
    ]
    roi = ",".join(f"{low}:{high}" for low, high in ends)
    (z0, z1), (y0, y1), (x0, x1) = ends
    got = read_volume(path, roi=roi, allow_uniform=True).array
    np.testing.assert_array_equal(got, array[z0:z1, y0:y1, x0:x1])


def test_slices_written_as_images_of_their_own_are_one_stack(tmp_path: Path) -> None:
    stack = _ramp(np.uint16)
    for number, compression in enumerate((None, "lzw")):
        path = tmp_path / f"{number}.tif"
        with tifffile.TiffWriter(path) as writer:
            for plane in stack:
                writer.write(plane, photometric="minisblack", compression=compression)
        _check(path, stack)
