"""The options of a run, beside each file that it wrote: FILE.options.toml, which --config takes."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from neurorecon.cli.console import note_line, warning_line
from neurorecon.errors import InputError, NeuroreconError

# Names of single files, and --resume, would be wrong for the next run.
PER_FILE = {"out", "image", "preview", "report", "doubts", "save-segmentation"}
_NOT_SAVED = {"config", "save-options", "help", "overwrite", "resume"}
_OURS = re.compile(rb"# neurorecon \S+: neurorecon ")  # how a file begins that was written here
_ENDING = ".options.toml"
TYPED = "NEURORECON_TYPED"  # environment of helpers: the command line of the run that they help


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
    """What was typed, for a comment: one line of characters that TOML allows there."""
    from neurorecon import __version__

    typed = os.environ.get(TYPED) or shlex.join(["neurorecon", *sys.argv[1:]])
    shown = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in typed)
    return f"neurorecon {__version__}: {shown}"


def check_target(path: Path, replace: bool | None) -> None:
    """Raise InputError where options cannot be written to a file that the user names.

    replace: whether a file that is there may be replaced; None: the command has no such option.
    """
    from neurorecon.io.atomic import refuse_existing

    if path.suffix.lower() != ".toml":
        raise InputError(f"--save-options {path}: give a name in .toml")
    if replace is None and path.exists():
        raise InputError(f"{path} exists; choose another name")
    refuse_existing(path, bool(replace))


def save_beside(outputs: Iterable[Path], context: Any) -> None:
    """Write the options of a command that has ended beside each of its outputs.

    The outputs are complete, so that what goes wrong here is told and no more. A file of that name
    that is the user's own is left alone.
    """
    from neurorecon.io.tomlfile import write_toml

    found = options_of(context)
    tables = {context.info_name: {key: found[key] for key in found if key not in PER_FILE}}
    for output in outputs:
        path = output.with_name(f"{output.name}{_ENDING}")
        if os.path.lexists(path) and not _is_ours(path):
            note_line(f"{path} is not of neurorecon; the options of this run are not written")
            continue
        try:
            write_toml(path, tables, command_line(), overwrite=True)
        except (NeuroreconError, OSError) as error:
            warning_line(f"{output} is complete, but not its options: {error}")


def _is_ours(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return _OURS.match(file.read(200)) is not None
    except OSError:
        return False


def without(table: Mapping[str, Any], others: set[str]) -> dict[str, Any]:
    """A command's options by parameter, without those that name single files, and others."""
    left_out = {name.replace("-", "_") for name in PER_FILE | others}
    return {name: value for name, value in table.items() if name not in left_out}


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if isinstance(value, bool | int | float) else str(value)
