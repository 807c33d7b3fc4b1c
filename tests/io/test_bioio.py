"""CZI, ND2 and LIF: without the plugins their absence is told; with them real files are read."""

import importlib
import struct
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from stack_files import SHAPE, STACK, VOXEL_UM

from neurorecon.errors import InputError
from neurorecon.io.stack import describe_stack, open_stack, read_volume

STARTS = {"czi": b"ZISRAWFILE", "nd2": b"\xda\xce\xbe\x0a", "lif": b"\x70\x00\x00\x00"}


def refused(path: Path, **options) -> str:
    with pytest.raises(InputError) as caught:
        read_volume(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kind", STARTS)
def test_without_the_plugin_the_extra_is_named(tmp_path, monkeypatch, kind):
    monkeypatch.setitem(sys.modules, f"bioio_{kind}", None)
    path = tmp_path / f"a.{kind}"
    path.write_bytes(STARTS[kind])
    assert "pip install 'neurorecon[bioio]'" in refused(path)
    assert kind.upper() in refused(path)


class Lazy:
    """What dask gives: sliced at no cost, read by compute."""

    def __init__(self, array: Any) -> None:
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.chunksize = (1,) * (array.ndim - 2) + array.shape[-2:]

    def __getitem__(self, where: Any) -> Any:
        return SimpleNamespace(compute=lambda scheduler: self.array[where])


def plugin(scenes: dict[str, Any], sizes: Any = VOXEL_UM) -> SimpleNamespace:
    """A BioIO plugin whose files hold these scenes, (T, C, Z, Y, X)."""

    class Reader:
        def __init__(self, path: Path, **options: Any) -> None:
            self.scenes, self.array = tuple(scenes), next(iter(scenes.values()))

        def set_scene(self, number: int) -> None:
            self.array = scenes[self.scenes[number]]

        @property
        def dims(self) -> Any:
            return SimpleNamespace(order="TCZYX", shape=self.array.shape)

        @property
        def dask_data(self) -> Any:
            return Lazy(self.array)

        @property
        def physical_pixel_sizes(self) -> Any:
            return SimpleNamespace(**dict(zip("ZYX", sizes, strict=True)))

    return SimpleNamespace(Reader=Reader)


@pytest.fixture
def lif(tmp_path, monkeypatch) -> Path:
    scenes = {
        "Overview": STACK[None, None, :1],
        "Series 1": np.stack([STACK, STACK + 1])[None],
        "Series 2": STACK[None, None, ::-1],
    }
    monkeypatch.setitem(sys.modules, "bioio_lif", plugin(scenes))
    (tmp_path / "a.lif").write_bytes(STARTS["lif"])
    return tmp_path / "a.lif"


def test_scenes_are_named_as_data_sets_are(lif):
    assert "Series 1, Series 2" in refused(lif) and "--dataset" in refused(lif)
    assert np.array_equal(read_volume(lif / "Series 2").array, STACK[::-1])
    assert "2 channels" in refused(lif / "Series 1")
    volume = read_volume(lif / "Series 1", channel=1)
    assert np.array_equal(volume.array, STACK + 1)
    assert volume.grid.voxel_size_zyx == VOXEL_UM
    assert "2D" in refused(lif / "Overview")
    assert "Overview" in refused(lif / "Series 3")


def test_the_only_z_stack_is_taken_and_an_unknown_size_stays_unknown(tmp_path, monkeypatch):
    scenes = {"Preview": STACK[None, None, :1], "Stack": STACK[None, None]}
    monkeypatch.setitem(sys.modules, "bioio_nd2", plugin(scenes, (None, 0.5, 0.25)))
    (tmp_path / "a.nd2").write_bytes(STARTS["nd2"])
    volume = read_volume(tmp_path / "a.nd2")
    assert np.array_equal(volume.array, STACK)
    assert volume.grid.unit == "voxel" and "not z" in volume.grid.source


def test_whatever_a_plugin_raises_is_one_line(tmp_path, monkeypatch):
    def fails(*_: Any, **__: Any) -> Any:
        raise RuntimeError("subblock\n17")

    monkeypatch.setitem(sys.modules, "bioio_czi", SimpleNamespace(Reader=fails))
    (tmp_path / "a.czi").write_bytes(STARTS["czi"])
    assert "subblock" in refused(tmp_path / "a.czi")


def write_lif(path: Path, series: dict[str, Any]) -> Path:
    """(Z, Y, X) arrays of two bytes, as Leica's version 2 lays them out."""

    def text(words: str) -> bytes:
        return struct.pack("<BI", 0x2A, len(words)) + words.encode("utf-16-le")

    elements, blocks = "", b""
    for number, (name, array) in enumerate(series.items(), start=1):
        steps = (array.strides[0], array.strides[1], array.strides[2])
        sides = "".join(
            f'<DimensionDescription DimID="{dim}" NumberOfElements="{array.shape[axis]}" '
            f'Origin="0" Length="{(array.shape[axis] - 1) * VOXEL_UM[axis] * 1e-6}" Unit="m" '
            f'BitInc="0" BytesInc="{steps[axis]}"/>'
            for dim, axis in ((1, 2), (2, 1), (3, 0))
        )
        block = f"MemBlock_{number}"
        elements += (
            f'<Element Name="{name}"><Data><Image><ImageDescription><Channels>'
            '<ChannelDescription DataType="0" ChannelTag="0" Resolution="16" NameOfMeasuredQuantity'
            '="" Min="0" Max="65535" Unit="" LUTName="Gray" IsLUTInverted="0" BytesInc="0" '
            f'BitInc="0"/></Channels><Dimensions>{sides}</Dimensions></ImageDescription></Image>'
            f'</Data><Memory Size="{array.nbytes}" MemoryBlockID="{block}"/></Element>'
        )
        head = struct.pack("<BQ", 0x2A, array.nbytes) + text(block)
        blocks += struct.pack("<II", 0x70, len(head)) + head + array.astype("<u2").tobytes()
    xml = text(
        f'<LMSDataContainerHeader Version="2"><Element Name="{path.name}"><Data/><Memory Size="0" '
        f'MemoryBlockID="MemBlock_0"/><Children>{elements}</Children></Element>'
        "</LMSDataContainerHeader>"
    )
    path.write_bytes(struct.pack("<II", 0x70, len(xml)) + xml + blocks)
    return path


def test_a_real_lif(tmp_path):
    pytest.importorskip("bioio_lif", reason="needs the extra neurorecon[bioio]")
    path = write_lif(tmp_path / "a.lif", {"first": STACK, "second": STACK[:, :5].copy()})
    assert "first" in refused(path)
    volume = read_volume(path / "first")
    assert np.array_equal(volume.array, STACK)
    np.testing.assert_allclose(volume.grid.voxel_size_zyx, VOXEL_UM, rtol=1e-6)


def test_a_real_czi(tmp_path):
    pytest.importorskip("bioio_czi", reason="needs the extra neurorecon[bioio]")
    czi: Any = importlib.import_module("pylibCZIrw.czi")
    path = tmp_path / "a.czi"
    with czi.create_czi(str(path)) as file:
        for z, plane in enumerate(STACK):
            for channel in range(2):
                where = {"Z": z, "C": channel, "T": 0}
                file.write(data=plane[..., None] + np.uint16(channel), plane=where)
        sizes = {f"scale_{axis}": size * 1e-6 for axis, size in zip("zyx", VOXEL_UM, strict=True)}
        file.write_metadata(document_name="a", **sizes)
    assert describe_stack(path).channels == 2
    with open_stack(path, channel=1) as stack:
        assert (stack.shape_zyx, stack.chunk_zyx) == (SHAPE, (1, *SHAPE[1:]))
        box = (slice(2, 4), slice(0, 5), slice(3, 9))
        assert np.array_equal(stack.read(box), STACK[box] + 1)
        np.testing.assert_allclose(stack.grid.voxel_size_zyx, VOXEL_UM)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "copy or export it again" in refused(path, channel=1)
