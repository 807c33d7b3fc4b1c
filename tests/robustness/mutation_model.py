"""Model files that are hostile: pickles, headers that lie, shapes that do not fit."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import torch
from mutation import mutator

Header = dict[str, Any]


class _Payload:
    """Unpickled, it leaves a file behind."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return exec, ("open('owned', 'w').close()",)


def _edit(path: Path, change: Callable[[Header], None]) -> None:
    """Change the header, and let the tensors lie where they lay."""
    content = path.read_bytes()
    length = struct.unpack_from("<Q", content)[0]
    header = json.loads(content[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])


def _edit_config(path: Path, change: Callable[[Header], None]) -> None:
    def inside(header: Header) -> None:
        own = json.loads(header["__metadata__"]["neurorecon"])
        change(own)
        header["__metadata__"]["neurorecon"] = json.dumps(own)

    _edit(path, inside)


def _tensors(header: Header) -> list[str]:
    return sorted(name for name in header if name != "__metadata__")


@mutator("model")
def a_pickle(path: Path, rng: Random) -> None:
    torch.save({"weights": _Payload()}, path, _use_new_zipfile_serialization=rng.random() < 0.5)


@mutator("model")
def a_header_of_a_wrong_length(path: Path, rng: Random) -> None:
    content = path.read_bytes()
    lengths = [0, 1, 2, 50, len(content), 10**8 + 1, 2**31, 2**63, 2**64 - 1]
    path.write_bytes(struct.pack("<Q", rng.choice(lengths)) + content[8:])


@mutator("model")
def a_header_that_is_no_object(path: Path, rng: Random) -> None:
    texts = [b"[]", b"{", b"null", b'"a"', b"[" * 100_000, b'{"a":' * 50_000, b"{}", b"\xff\xfe{}"]
    text = rng.choice(texts)
    path.write_bytes(struct.pack("<Q", len(text)) + text)


@mutator("model")
def a_tensor_of_another_shape(path: Path, rng: Random) -> None:
    def change(header: Header) -> None:
        one = header[rng.choice([name for name in _tensors(header) if len(header[name]["shape"])])]
        shape = one["shape"]
        wrong = [[*shape, 2], [0, *shape[1:]], [2**62, 2**62], [-1, *shape[1:]], ["a"], None]
        one["shape"] = rng.choice(wrong)

    _edit(path, change)


@mutator("model")
def a_shape_that_does_not_fit_the_network(path: Path, rng: Random) -> None:
    def change(header: Header) -> None:
        names = [name for name in _tensors(header) if len(header[name]["shape"]) > 1]
        one = header[rng.choice(names)]
        one["shape"] = [int(torch.tensor(one["shape"]).prod())]

    _edit(path, change)


@mutator("model")
def a_tensor_that_lies_elsewhere(path: Path, rng: Random) -> None:
    def change(header: Header) -> None:
        one = header[rng.choice(_tensors(header))]
        start, stop = one["data_offsets"]
        wrong = [[start, stop + 4], [stop, start], [2**62, 2**63], [0, 0], [start - 4, stop - 4]]
        one["data_offsets"] = rng.choice(wrong)

    _edit(path, change)


@mutator("model")
def a_tensor_of_another_type(path: Path, rng: Random) -> None:
    def change(header: Header) -> None:
        header[rng.choice(_tensors(header))]["dtype"] = rng.choice(
            ["F64", "I8", "X", "", 4, "BOOL"]
        )

    _edit(path, change)


@mutator("model")
def tensors_lost_or_renamed(path: Path, rng: Random) -> None:
    def change(header: Header) -> None:
        name = rng.choice(_tensors(header))
        header[name + "_"] = header.pop(name)

    _edit(path, change)


@mutator("model")
def no_metadata_of_ours(path: Path, rng: Random) -> None:
    wrong: list[Any] = [{}, {"format": "pt"}, {"neurorecon": ""}, {"neurorecon": "[]"}]
    wrong += [
        {"neurorecon": "null"},
        {"neurorecon": "[" * 90_000},
        {"neurorecon": '{"format": 99}'},
    ]
    wrong += [{"neurorecon": '{"format": 1}'}, {"neurorecon": 3}, None, "text"]
    metadata = rng.choice(wrong)
    _edit(path, lambda header: header.update(__metadata__=metadata))


@mutator("model")
def a_config_of_a_huge_network(path: Path, rng: Random) -> None:
    def change(own: Header) -> None:
        key = rng.choice(["width", "depth", "heads", "channels"])
        huge = rng.choice([10**5, 10**7, 10**12])
        own["config"][key] = [huge] * 4 if key == "channels" else huge

    _edit_config(path, change)


@mutator("model")
def a_config_of_no_meaning(path: Path, rng: Random) -> None:
    def change(own: Header) -> None:
        wrong = rng.choice([0, -1, 1.5, "twelve", None, [], {}, float("nan"), True])
        key = rng.choice(["width", "depth", "heads", "channels"])
        if rng.random() < 0.3:
            own["config"] = wrong
        elif rng.random() < 0.2:
            own["config"]["unheard of"] = wrong
        else:
            own["config"][key] = wrong

    _edit_config(path, change)
