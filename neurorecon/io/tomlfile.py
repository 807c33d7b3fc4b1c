"""TOML files, whole or not at all."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neurorecon.errors import InputError
from neurorecon.io.atomic import atomic_output


def read_toml(path: Path) -> dict[str, Any]:
    """The content; InputError for a file that cannot be read or is no TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))  # Windows marks files
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
    text = (head + tomli_w.dumps(tables)).encode("utf-8", errors="replace")
    with atomic_output(path, overwrite) as temporary:
        temporary.write_bytes(text)
