"""Checkpoints: weights in safetensors with config and provenance inside; nothing is ever unpickled.

The file's metadata holds one JSON object under `neurorecon`, with a `format` number.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from neurorecon import __version__
from neurorecon.errors import InputError
from neurorecon.io.atomic import atomic_output

METADATA_KEY = "neurorecon"
FORMAT = 1


def save_checkpoint(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any], overwrite: bool = False
) -> None:
    """Write weights with their metadata (plain JSON values)."""
    text = json.dumps({"format": FORMAT, **metadata})
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_output(path, overwrite) as temporary:
        mode = temporary.stat().st_mode
        save_file(contiguous, temporary, metadata={METADATA_KEY: text})
        temporary.chmod(
            mode
        )  # save_file makes its file private, a shared model would be unreadable


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Weights and metadata; InputError for a file that is no checkpoint of ours."""
    with _opened(path) as file:
        text = (file.metadata() or {}).get(METADATA_KEY)
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return tensors, _metadata_of(path, text)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    if not path.is_file():
        raise InputError(f"{path}: no such model file")
    try:
        _refuse_name(path)
        path.open("rb").close()  # safetensors takes a file that may not be read for a missing one
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(
            f"{path}: not a readable .safetensors checkpoint ({error}); "
            "give a file that `neurorecon train` or `distill` wrote"
        ) from error


def _refuse_name(path: Path) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"{path}: safetensors opens no name that is not UTF-8; rename it"
        ) from error


def _metadata_of(path: Path, text: str | None) -> dict[str, Any]:
    if text is None:
        raise InputError(
            f"{path}: holds weights but no neurorecon config; "
            "give a file that `neurorecon train` or `distill` wrote "
            "(a 2D teacher's weights go to `distill --teacher-weights`)"
        )
    return _parse_metadata(path, text)


def read_metadata(path: Path) -> dict[str, Any]:
    """The metadata of a checkpoint, without its weights. Errors as `load_checkpoint`."""
    with _opened(path) as file:
        text = (file.metadata() or {}).get(METADATA_KEY)
    return _metadata_of(path, text)


def provenance(command: str, details: Mapping[str, Any]) -> dict[str, Any]:
    """What made a checkpoint: the command, the day, the versions, and the run's own details."""
    return {
        "command": command,
        "date": datetime.now(UTC).date().isoformat(),
        "neurorecon": __version__,
        "torch": torch.__version__,
        **details,
    }


def _parse_metadata(path: Path, text: str) -> dict[str, Any]:
    try:
        metadata: dict[str, Any] = json.loads(text)
        version = metadata["format"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: its neurorecon metadata is damaged; train it again") from error
    if version != FORMAT:
        raise InputError(
            f"{path}: checkpoint format {version}, this version reads {FORMAT}; "
            "update neurorecon or train again"
        )
    return metadata


def save_training_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write what a stopped run needs to go on, replacing the last one."""
    with atomic_output(path, overwrite=True) as temporary:
        torch.save(dict(state), temporary)


def load_training_state(path: Path) -> dict[str, Any]:
    """Read a training state; InputError if there is none or it is damaged."""
    if not path.is_file():
        raise InputError(f"{path}: no training state to resume; start without --resume")
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
        return state
    except Exception as error:  # torch, zipfile and pickle each raise their own
        raise InputError(f"{path}: damaged training state; start again without --resume") from error
