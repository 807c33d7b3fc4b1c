"""Every file that is no z stack of finite real numbers ends in one line that says what to do."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from neurorecon.errors import InputError, NeuroreconError
from neurorecon.io.stack import describe_stack, read_volume


def _noise(shape: tuple[int, ...] = (9, 40, 50), dtype: Any = np.uint8) -> NDArray[Any]:
    return np.random.default_rng(0).integers(0, 200, shape).astype(dtype)


def _refused(source: Any, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        read_volume(source, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert ("standard input" if not isinstance(source, Path) else str(source)) in message
    return message


def test_no_such_file_and_directory(tmp_path: Path) -> None:
    assert "check the name" in _refused(tmp_path / "none.tif")
    assert "give one TIFF" in _refused(tmp_path)


@pytest.mark.parametrize(
    "content", [b"\x89PNG\r\n\x1a\n123", b"hello, I am text", b"MN\0*\0\0\0\x08"]
)
def test_not_a_tiff(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tif").write_bytes(content)
    assert "Save As > Tiff" in _refused(tmp_path / "a.tif")
    assert "Save As > Tiff" in _refused(io.BytesIO(content))


def test_empty_file_and_empty_stream(tmp_path: Path) -> None:
    (tmp_path / "a.tif").touch()
    assert "is empty" in _refused(tmp_path / "a.tif")
    assert "is empty" in _refused(io.BytesIO())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "zlib"},
        {"tile": (16, 16), "compression": "lzw"},
        {"ome": True},
        {"ome": True, "compression": "zlib"},
        {"imagej": True, "metadata": {"axes": "ZYX"}},
        {"bigtiff": True},
        {"metadata": None},
    ],
    ids=str,
)
def test_a_file_cut_anywhere_is_refused_or_whole(options: dict[str, Any]) -> None:
    array = _noise()
    stream = io.BytesIO()
    tifffile.imwrite(stream, array, **options)
    content = stream.getvalue()
    lengths = range(0, len(content), len(content) // 60)
    refused = 0
    for length in lengths:
        try:
            volume = read_volume(io.BytesIO(content[:length]))
        except InputError as error:
            refused += 1
            assert "copy or export it again" in str(error) or "Save As" in str(error)
        else:
            np.testing.assert_array_equal(volume.array, array)
    assert refused > 0.9 * len(lengths)


def test_damaged_bytes_give_a_stack_or_one_line() -> None:
    stream = io.BytesIO()
    tifffile.imwrite(stream, _noise((4, 20, 30)), compression="zlib", ome=True)
    content = stream.getvalue()
    rng = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(content)
        for place in rng.integers(0, len(content), 4):
            damaged[place] = rng.integers(256)
        try:
            read_volume(io.BytesIO(bytes(damaged)))
        except NeuroreconError as error:
            assert "\n" not in str(error)


def test_a_declared_shape_far_beyond_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, _noise(), metadata=None)
    with tifffile.TiffFile(path, mode="r+") as file:
        for page in file.pages:
            page.tags["ImageLength"].overwrite(4_000_000_000)
    assert "copy or export it again" in _refused(path)


@pytest.mark.parametrize("shape", [(40, 50), (1, 40, 50), (1, 1, 40, 50)])
def test_2d_only(tmp_path: Path, shape: tuple[int, ...]) -> None:
    tifffile.imwrite(tmp_path / "a.tif", _noise(shape))
    assert "2D only" in _refused(tmp_path / "a.tif")
    assert "z stack" in _refused(tmp_path / "a.tif")


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_rgb(tmp_path: Path, planar: Any) -> None:
    shape = (9, 40, 50, 3) if planar == "contig" else (9, 3, 40, 50)
    tifffile.imwrite(tmp_path / "a.tif", _noise(shape), photometric="rgb", planarconfig=planar)
    assert "Split Channels" in _refused(tmp_path / "a.tif")


@pytest.mark.parametrize(("axes", "write"), [("ZCYX", {"imagej": True}), ("CZYX", {"ome": True})])
def test_several_channels_need_a_choice(tmp_path: Path, axes: str, write: Any) -> None:
    shape = (9, 3, 40, 50) if axes == "ZCYX" else (3, 9, 40, 50)
    tifffile.imwrite(tmp_path / "a.tif", _noise(shape), metadata={"axes": axes}, **write)
    assert "--channel 0 to 2" in _refused(tmp_path / "a.tif")
    assert "the last is 2" in _refused(tmp_path / "a.tif", channel=3)


def test_a_channel_of_a_stack_without_channels(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", _noise())
    assert "there is one" in _refused(tmp_path / "a.tif", channel=1)
    assert read_volume(tmp_path / "a.tif", channel=0).array.shape == (9, 40, 50)


def test_channels_of_a_2d_image(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, _noise((3, 40, 50)), imagej=True, metadata={"axes": "CYX"})
    assert "2D only" in _refused(path)
    assert "2D only" in _refused(path, channel=1)


@pytest.mark.parametrize("axes", ["TYX", "TZYX", "TZCYX"])
@pytest.mark.parametrize("write", [{"imagej": True}, {"ome": True}], ids=str)
def test_a_time_series(tmp_path: Path, axes: str, write: Any) -> None:
    sizes = {"T": 5, "Z": 4, "C": 2, "Y": 40, "X": 50}
    shape = tuple(sizes[axis] for axis in axes)
    tifffile.imwrite(tmp_path / "a.tif", _noise(shape), metadata={"axes": axes}, **write)
    message = _refused(tmp_path / "a.tif", channel=0)
    assert "time series of 5 frames" in message
    assert "slices 5, frames 1" in message


def test_axes_without_a_name(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", _noise((2, 9, 40, 50)))
    assert "OME-TIFF" in _refused(tmp_path / "a.tif")


def test_images_of_different_sizes(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(_noise((40, 50)))
        writer.write(_noise((20, 25)))
    assert "one size" in _refused(tmp_path / "a.tif")
    with tifffile.TiffWriter(tmp_path / "b.tif") as writer:
        writer.write(_noise((9, 40, 50)))
        writer.write(_noise((9, 20, 25)))
    assert "z stack alone" in _refused(tmp_path / "b.tif")


def test_a_zero_sized_axis(tmp_path: Path) -> None:
    with pytest.warns(UserWarning):
        tifffile.imwrite(tmp_path / "a.tif", np.zeros((9, 0, 50), np.uint8))
    assert "empty" in _refused(tmp_path / "a.tif")


@pytest.mark.parametrize("value", [0, 7])
def test_all_one_value(tmp_path: Path, value: int) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.full((9, 40, 50), value, np.uint8))
    assert f"every voxel is {value}" in _refused(tmp_path / "a.tif")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity(tmp_path: Path, value: float) -> None:
    array = _noise(dtype=np.float32)
    array[3, 4, 5:7] = value
    tifffile.imwrite(tmp_path / "a.tif", array)
    message = _refused(tmp_path / "a.tif")
    assert "2 voxels" in message
    assert "nan_to_num" in message
    assert read_volume(tmp_path / "a.tif", roi="4:,:,:").array.shape == (5, 40, 50)


def test_complex_numbers(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", _noise(dtype=np.complex64))
    assert "numpy.abs" in _refused(tmp_path / "a.tif")


@pytest.mark.parametrize("size", [(0.0, 1.0, 1.0), (-1.0, 1.0, 1.0), (1.0, float("nan"), 1.0)])
def test_a_voxel_size_that_is_not_above_zero(
    tmp_path: Path, size: tuple[float, float, float]
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", _noise())
    with pytest.raises(InputError, match="--voxel-size"):
        read_volume(tmp_path / "a.tif", voxel_size_zyx=size)


def test_planes_in_other_files_that_are_missing(tmp_path: Path) -> None:
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:1">'
        '<Image ID="Image:0"><Pixels ID="Pixels:0" SizeX="5" SizeY="6" SizeZ="2" SizeC="1" '
        'SizeT="1" Type="uint8" DimensionOrder="XYZCT"><Channel ID="Channel:0:0"/>'
        '<TiffData FirstZ="0" IFD="0" PlaneCount="1"/>'
        '<TiffData FirstZ="1" IFD="0" PlaneCount="1"><UUID FileName="gone.ome.tif">urn:uuid:2'
        "</UUID></TiffData></Pixels></Image></OME>"
    )
    tifffile.imwrite(tmp_path / "a.ome.tif", _noise((6, 5)), description=xml, metadata=None)
    assert "one folder" in _refused(tmp_path / "a.ome.tif")


def test_what_is_refused_is_still_described(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, _noise((9, 3, 40, 50)), imagej=True, metadata={"axes": "ZCYX"})
    description = describe_stack(path)
    assert (description.axes, description.shape) == ("ZCYX", (9, 3, 40, 50))
    assert description.channels == 3
    assert description.shape_zyx is None
    assert "--channel" in str(description.problem)
    assert describe_stack(path, channel=2).shape_zyx == (9, 40, 50)
