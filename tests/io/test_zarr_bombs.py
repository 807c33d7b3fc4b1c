"""Chunks that unpack to more than memory holds are refused before they are unpacked."""

import bz2
import gzip
import lzma
import resource
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numcodecs
import numpy as np
import pytest
import zarr

from neurorecon.errors import InputError
from neurorecon.io import zarr_bombs
from neurorecon.io.stack import read_volume

SHAPE = (6, 20, 24)
STACK = np.arange(np.prod(SHAPE), dtype=np.uint16).reshape(SHAPE)
MOST = 2**22
LARGE = bytes(2**24)
PACKERS: dict[str, tuple[Any, Any]] = {  # as Zarr 2 names them, and a bomb of each
    "gzip": (numcodecs.GZip(), lambda: gzip.compress(LARGE[: 2**20]) * 16),
    "zlib": (numcodecs.Zlib(), lambda: zlib.compress(LARGE)),
    "bz2": (numcodecs.BZ2(), lambda: bz2.compress(LARGE)),
    "lzma": (numcodecs.LZMA(), lambda: lzma.compress(LARGE)),
    "zstd": (numcodecs.Zstd(), lambda: numcodecs.Zstd().encode(LARGE)),
    "blosc": (numcodecs.Blosc(), lambda: numcodecs.Blosc().encode(LARGE)),
    "lz4": (numcodecs.LZ4(), lambda: numcodecs.LZ4().encode(LARGE)),
}


@pytest.fixture(autouse=True)
def _less_is_a_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zarr_bombs, "MOST_BYTES", MOST)


def write(folder: Path, **options: Any) -> Path:
    array = zarr.create_array(folder, shape=SHAPE, dtype="u2", **{"chunks": (3, 20, 24), **options})
    array[:] = STACK
    return folder


@pytest.mark.parametrize("codec", PACKERS)
def test_a_bomb_is_refused_and_named(tmp_path: Path, codec: str) -> None:
    compressor, bomb = PACKERS[codec]
    folder = write(tmp_path / "a.zarr", zarr_format=2, compressors=compressor)
    assert np.array_equal(read_volume(folder).array, STACK)
    (folder / "1.0.0").write_bytes(bomb())
    with pytest.raises(InputError, match=r"1\.0\.0.*unpacks to more than"):
        read_volume(folder)


@pytest.mark.parametrize("location", ["start", "end"])
def test_a_bomb_inside_of_a_shard(tmp_path: Path, location: str) -> None:
    sharding = zarr.codecs.ShardingCodec(
        chunk_shape=(3, 20, 24),
        codecs=[zarr.codecs.BytesCodec(), zarr.codecs.GzipCodec()],
        index_location=location,
    )
    folder = tmp_path / "a.zarr"
    array = zarr.create(
        store=folder, shape=SHAPE, chunk_shape=SHAPE, dtype="u2", codecs=[sharding], zarr_format=3
    )
    array[:] = STACK
    assert np.array_equal(read_volume(folder).array, STACK)
    [path] = (one for one in (folder / "c").rglob("*") if one.is_file())
    content, bomb = path.read_bytes(), gzip.compress(LARGE[: 2**20]) * 16
    index = np.array([[0, 0], [0, 0]], "<u8")
    index[:] = [(36, len(bomb))] if location == "start" else [(0, len(bomb))]
    packed = numcodecs.CRC32C(location="end").encode(index.view("u1").ravel())
    path.write_bytes(bytes(packed) + bomb if location == "start" else bomb + bytes(packed))
    assert len(content) < len(bomb)
    with pytest.raises(InputError, match="unpacks to more than"):
        read_volume(folder)


def test_a_stream_of_zstd_that_does_not_tell_its_size(tmp_path: Path) -> None:
    folder = write(tmp_path / "a.zarr", zarr_format=2, compressors=numcodecs.Zstd())
    frame = bytearray(imagecodecs.zstd_encode(LARGE))
    told = bytes(frame[:4])
    # The same blocks after a header of a window of 128 MiB and no size.
    width = (0, 2, 4, 8)[frame[4] >> 6]
    start = 5 + (0 if frame[4] >> 5 & 1 else 1) + width
    (folder / "0.0.0").write_bytes(told + bytes([0, 17 << 3]) + bytes(frame[start:]))
    with pytest.raises(InputError, match="unpacks to more than"):
        read_volume(folder)


def test_codecs_in_each_other_are_refused(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "a.zarr",
        zarr_format=2,
        filters=[numcodecs.GZip()],
        compressors=numcodecs.Zlib(),
    )
    with pytest.raises(InputError, match="one codec"):
        read_volume(folder)


def test_a_gigabyte_and_more_in_a_megabyte_takes_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    folder = write(tmp_path / "a.zarr", zarr_format=2, compressors=numcodecs.GZip())
    (folder / "0.0.0").write_bytes(gzip.compress(bytes(2**24)) * 70)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match="more than 64 MiB"):
        read_volume(folder)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 * 1024
