"""Zarr stores whose metadata lie, whose chunks are damaged, and whose paths lead elsewhere."""

from __future__ import annotations

import gzip
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from mutation import mutator

_METADATA = (".zarray", ".zgroup", ".zattrs", "zarr.json")


def _files(store: Path, metadata: bool) -> list[Path]:
    files = (path for path in sorted(store.rglob("*")) if path.is_file())
    return [path for path in files if (path.name in _METADATA) == metadata]


def _arrays(store: Path) -> list[Path]:
    return [
        path
        for path in _files(store, metadata=True)
        if "shape" in json.loads(path.read_bytes() or b"{}")
    ]


def _edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def _edit_array(store: Path, **new: Any) -> None:
    for path in _arrays(store):
        _edit(path, lambda content: content.update(new))


def _images(store: Path) -> list[dict[str, Any]]:
    return [path for path in _files(store, True) if "multiscales" in path.read_text()]


def _edit_image(store: Path, change: Callable[[dict[str, Any]], None]) -> bool:
    """Change what the OME metadata say about the image; False where there are none."""

    def inside(content: dict[str, Any]) -> None:
        attributes = content.get("attributes", content)
        change(attributes.get("ome", attributes)["multiscales"][0])

    for path in _images(store):
        _edit(path, inside)
    return bool(_images(store))


@mutator("zarr")
def metadata_cut_short(store: Path, rng: Random) -> None:
    path = rng.choice(_arrays(store))
    content = path.read_bytes()
    path.write_bytes(content[: rng.randrange(len(content) - 1)])


@mutator("zarr")
def a_chunk_cut_short(store: Path, rng: Random) -> None:
    for path in _files(store, metadata=False):
        content = path.read_bytes()
        path.write_bytes(content[: rng.randrange(len(content) // 2)])


@mutator("zarr")
def a_chunk_of_noise(store: Path, rng: Random) -> None:
    for path in _files(store, metadata=False):
        path.write_bytes(rng.randbytes(rng.choice([0, 1, 100, 5000])))


@mutator("zarr", malformed=False)
def bits_flipped_somewhere(store: Path, rng: Random) -> None:
    path = rng.choice(_files(store, rng.random() < 0.5))
    content = bytearray(path.read_bytes())
    for _ in range(rng.randint(1, 6)):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


@mutator("zarr")
def an_axis_of_no_size(store: Path, rng: Random) -> None:
    shape = [6, 20, 24]
    shape[rng.randrange(3)] = 0
    _edit_array(store, shape=shape)


@mutator("zarr")
def a_huge_shape(store: Path, rng: Random) -> None:
    _edit_array(store, shape=rng.choice([[10**6] * 3, [2**43, 20, 24], [6, 2**62, 24]]))


@mutator("zarr")
def a_shape_that_is_none(store: Path, rng: Random) -> None:
    shapes = [[-6, 20, 24], ["six", 20, 24], [6.5, 20, 24], None, 6, [[6], 20, 24], [6, 20]]
    _edit_array(store, shape=rng.choice(shapes))


@mutator("zarr")
def values_of_an_unusual_type(store: Path, rng: Random) -> None:
    names = ["|O", "|S100", "<M8[s]", "float1024", 7, None, [["a", "<f4"]], "<c8", "|V1000000000"]
    name = rng.choice(names)
    for path in _arrays(store):
        field = "data_type" if path.name == "zarr.json" else "dtype"
        _edit(path, lambda content, field=field: content.update({field: name}))


@mutator("zarr")
def an_unknown_codec(store: Path, rng: Random) -> None:
    for path in _arrays(store):
        if path.name == "zarr.json":
            codecs = [{"name": "bytes"}, {"name": "no-such-codec", "configuration": {}}]
            _edit(path, lambda content, codecs=codecs: content.update(codecs=codecs))
        else:
            _edit(path, lambda content: content.update(compressor={"id": "no-such-codec"}))


@mutator("zarr")
def a_chunk_that_is_a_bomb(store: Path, rng: Random) -> None:
    """A chunk of a megabyte or two that unpacks to hundreds or thousands."""
    bomb = gzip.compress(bytes(2**20), 9) * rng.choice([600, 2000])
    rng.choice(_files(store, metadata=False)).write_bytes(bomb)
    for path in _arrays(store):
        if path.name == "zarr.json":
            level = {"level": 9}
            codecs = [{"name": "bytes"}, {"name": "gzip", "configuration": level}]
            _edit(path, lambda content, codecs=codecs: content.update(codecs=codecs))
        else:
            _edit(path, lambda content: content.update(compressor={"id": "gzip", "level": 9}))


@mutator("zarr")
def a_level_elsewhere(store: Path, rng: Random) -> None:
    paths = [
        "../../outside",
        "/etc",
        "..",
        "0/../../..",
        "",
        "no such level",
        "0\n1",
        None,
        5,
        ["0"],
    ]
    path = rng.choice(paths)
    if not _edit_image(store, lambda image: image["datasets"][0].update(path=path)):
        an_axis_of_no_size(store, rng)


@mutator("zarr", malformed=False)
def metadata_of_other_kinds(store: Path, rng: Random) -> None:
    wrong = rng.choice([None, [], {}, "text", 3, [None], [{}], {"type": "scale"}])
    key = rng.choice(["axes", "datasets", "coordinateTransformations", "version"])
    if not _edit_image(store, lambda image: image.update({key: wrong})):
        bits_flipped_somewhere(store, rng)


@mutator("zarr", malformed=False)
def a_chunk_that_leads_away(store: Path, rng: Random) -> None:
    path = rng.choice(_files(store, metadata=False))
    path.unlink()
    target = rng.choice(["/etc/passwd", "/dev/zero", "no such file", path.name])
    if target != "/dev/zero":  # which never ends; nobody's archive carries a device
        path.symlink_to(target)


class _Payload:
    """What a hostile chunk holds: unpickled, it leaves a file behind."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return exec, ("open('owned', 'w').close()",)


@mutator("zarr")
def chunks_that_are_pickles(store: Path, rng: Random) -> None:
    """Zarr 2 knows a codec that unpickles, which runs what the file says."""
    for path in _files(store, metadata=False):
        path.write_bytes(pickle.dumps(_Payload()))
    filters = [{"id": "pickle", "protocol": 5}]
    for path in _arrays(store):
        if path.name == ".zarray":
            _edit(path, lambda content: content.update(filters=filters, compressor=None))
        else:
            codecs = [{"name": "numcodecs.pickle", "configuration": {"protocol": 5}}]
            _edit(path, lambda content, codecs=codecs: content.update(codecs=codecs))
