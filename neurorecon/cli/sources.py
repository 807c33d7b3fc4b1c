"""Stacks that a command is given on standard input, and folders for what becomes of them."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import BinaryIO

from neurorecon.errors import InputError

_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def standard_input() -> list[Path | BinaryIO]:
    """Stacks named on standard input, or the one whose bytes it is."""
    if sys.stdin is None or sys.stdin.isatty():
        raise InputError(
            "no segmentation given; name one (neurorecon trace a_seg.tif --out a.swc) or pipe "
            "one in (neurorecon segment a.tif | neurorecon trace --out a.swc)"
        )
    content = sys.stdin.buffer.read()
    if content.startswith(_TIFF_STARTS):
        return [io.BytesIO(content)]
    if not content.strip():
        raise InputError(
            "standard input is empty: the command before the pipe failed; see its message"
        )
    if b"\0" in content:  # in no path, and in any stack
        raise InputError(
            "standard input is neither a TIFF nor a list of paths; pipe `neurorecon segment` in"
        )
    lines = (line.strip() for line in content.splitlines())
    return [Path(os.fsdecode(line)) for line in lines if line]


def make_folder(folder: Path) -> None:
    """Make a directory for the outputs of several stacks; InputError where there can be none."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{folder} must be a directory for several stacks ({error.strerror}); choose another"
        ) from error
