"""TOML files, whole or not at all."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neurorecon.errors import InputError
from neurorecon.io.atomic import atomic_output

# A byte of a file's name that is not UTF-8: as Python has it, and in a file, which must be UTF-8
# (the characters of private use that OPTU-8/16 takes for it).
_BYTE = re.compile("[\udc80-\udcff]")
_STORED_BYTE = re.compile("[\uf780-\uf7ff]")
_MOVE = 0xF780 - 0xDC80


def read_toml(path: Path) -> dict[str, Any]:
    """The content; InputError for a file that cannot be read or is no TOML."""
    try:
        text = path.read_text(encoding="utf-8-sig")  # Windows marks files
        return tomllib.loads(_STORED_BYTE.sub(lambda found: _moved(found, -_MOVE), text))
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; check the name") from error
    except IsADirectoryError as error:
        raise InputError(f"{path} is a directory; give a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            f"{path} is not TOML ({error}); write option = value lines, text in quotes"
        ) from error


def write_toml(
    path: Path, tables: Mapping[str, Any], comment: str = "", overwrite: bool = False
) -> None:
    """Write tables under a comment; InputError as `atomic_output`."""
    import tomli_w

    head = "".join(f"# {line}\n" for line in comment.splitlines()) + "\n" * bool(comment)
    text = _BYTE.sub(lambda found: _moved(found, _MOVE), head + tomli_w.dumps(tables))
    with atomic_output(path, overwrite) as temporary:
        temporary.write_bytes(text.encode("utf-8", errors="replace"))


def _moved(found: re.Match[str], by: int) -> str:
    return chr(ord(found[0]) + by)
