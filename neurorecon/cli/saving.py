"""The options of a run, written beside its output: NAME.options.toml, which --config takes.

Outputs that share a name share the file, with a table for each command: a.tif by `segment` and
a.swc by `trace` give [segment] and [trace] in a.options.toml, as `run` writes it.
"""

from __future__ import annotations

import shlex
import sys
from enum import Enum
from pathlib import Path
from typing import Any

from neurorecon.cli.console import note_line
from neurorecon.errors import InputError

_NOT_SAVED = {"config", "save-options", "help", "overwrite"}
_OURS = "# neurorecon "  # how a file begins that this module wrote
_ENDING = ".options.toml"
_FEW_PARTS = {".swc", ".csv", ".safetensors", ".html", ".htm", ".png"}  # a.b.swc is the tree of a.b


def options_of(context: Any) -> dict[str, Any]:
    """The options that a command runs with, defaults included, as a config file holds them."""
    found = {}
    for option in context.command.params:
        name, value = key_of(option), context.params.get(option.name)
        if option.param_type_name == "option" and name not in _NOT_SAVED and value is not None:
            found[name] = _plain(value)
    return found


def key_of(option: Any) -> str:
    """The name of an option as files have it."""
    return str(max(option.opts, key=len)).lstrip("-")


def command_line() -> str:
    """What was typed, for a comment."""
    from neurorecon import __version__

    return f"neurorecon {__version__}: {shlex.join(['neurorecon', *sys.argv[1:]])}"


def options_beside(output: Path) -> Path:
    """Where the options of a run belong: beside its output, a file or a folder that is one."""
    from neurorecon.io.stack import stack_stem

    name = output.stem if output.suffix in _FEW_PARTS else stack_stem(output)
    return output.parent / f"{name}{_ENDING}"


def options_in(folder: Path, command: str) -> Path:
    """Where they belong if the output is several files in a folder."""
    return folder / f"{command}{_ENDING}"


def save_options(path: Path, context: Any) -> None:
    """Write the options of a command that has ended.

    Tables of other commands stay. A file of that name that is the user's own is left alone.
    """
    from neurorecon.io.tomlfile import write_toml

    before = _tables_before(path)
    if before is None:
        note_line(f"{path} is a file of your own; the options of this run are not written")
        return
    tables, lines = before
    name = context.info_name
    kept = [line for line in lines if f": neurorecon {name} " not in f"{line} "]
    comment = "\n".join([*kept, command_line()])
    write_toml(path, {**tables, name: options_of(context)}, comment, overwrite=True)


def _tables_before(path: Path) -> tuple[dict[str, Any], list[str]] | None:
    """What other commands wrote there, and the lines above it; None for the user's own file."""
    from neurorecon.io.tomlfile import read_toml

    if not path.exists():
        return {}, []
    try:
        tables = read_toml(path)
    except InputError:
        return None
    lines = path.read_text(encoding="utf-8").splitlines()
    head = [line.removeprefix("# ") for line in lines if line.startswith(_OURS)]
    return (tables, head) if head and lines[0].startswith(_OURS) else None


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if isinstance(value, bool | int | float) else str(value)
