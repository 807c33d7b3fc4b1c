"""`--config neurorecon.toml`: the options of every command from a file, and back into one.

A key is the name of an option; a table holds those of one command, and what stands above all tables
is for every command that has such an option. The command line wins.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from neurorecon.cli.options import OUTPUT_PANEL
from neurorecon.cli.saving import check_target, command_line, key_of, options_of, save_beside
from neurorecon.errors import InputError

CONFIG_PATH = "neurorecon.config"  # of a context's `meta`: the file that was given
CONFIG_TABLES = "neurorecon.config_tables"  # its options, by command and parameter
STEP_TABLES = "neurorecon.step_tables"  # the options of the commands that this one calls
RECORD_TABLE = "made"  # what a saved file tells about its run; no options
_NOT_IN_FILES = {"config", "save-options", "help"}

Tables = dict[str, dict[str, Any]]


class ConfiguredCommand(TyperCommand):
    """A command that can take its options from a file, and write them to one."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        # Typer would keep the line breaks of docstrings, and take [table] for a style.
        paragraphs = str(options.get("help") or "").split("\n\n")
        flowing = "\n\n".join(" ".join(each.split()) for each in paragraphs)
        options["help"] = flowing.replace("[", "\\[")
        super().__init__(*arguments, **options)
        self.params = [*self.params, *_shared_options()]

    def invoke(self, ctx: Any) -> Any:
        """Run the command, and then write its options.

        Where that was asked for; else beside the files that the command returns.
        """
        target: Path | None = ctx.meta.get(_SAVE_PATH)
        overwrite = ctx.params.get("overwrite")
        if target is not None:
            check_target(target, overwrite)
        result = super().invoke(ctx)
        if target is None:
            save_beside(result or (), ctx)
        else:
            from neurorecon.io.tomlfile import write_toml

            tables = {ctx.info_name: options_of(ctx), **ctx.meta.get(STEP_TABLES, {})}
            write_toml(target, tables, command_line(), bool(overwrite))
        return result


def read_config(path: Path, commands: Mapping[str, Any]) -> Tables:
    """The values of parameters that a config file holds, by command and name of the parameter.

    commands: click's commands by name.

    Raises InputError where it cannot be read, or holds what no command takes.
    """
    from neurorecon.io.tomlfile import read_toml

    content = read_toml(path)
    for name in commands:
        if not isinstance(content.get(name, {}), dict):
            raise InputError(f"{path}: {name} is a command; write [{name}] above its options")
    options = {name: _options(command) for name, command in commands.items()}
    tables: Tables = {name: {} for name in commands}
    shared = {key: value for key, value in content.items() if not isinstance(value, dict)}
    for key, value in shared.items():
        having = [name for name in commands if _dashed(key) in options[name]]
        if not having:
            known = {option for each in options.values() for option in each}
            _refuse(path, f"no command has an option {key!r}", _dashed(key), known)
        for name in having:
            option = options[name][_dashed(key)]
            tables[name][option.name] = _value(path, key, value, option)
    for name, table in content.items():
        if name in shared or name == RECORD_TABLE:
            continue
        if name not in commands:
            _refuse(path, f"[{name}] is no command", name, commands)
        for key, value in table.items():
            if _dashed(key) not in options[name]:
                _refuse(path, f"{name} has no option {key!r}", _dashed(key), options[name])
            option = options[name][_dashed(key)]
            tables[name][option.name] = _value(path, f"[{name}] {key}", value, option)
    return tables


def _refuse(path: Path, problem: str, name: str, known: Iterable[str]) -> None:
    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.5)
    cure = f"did you mean {near[0]}?" if near else "there are: " + ", ".join(sorted(known))
    raise InputError(f"{path}: {problem}; {cure}")


def _value(path: Path, key: str, value: Any, option: Any) -> Any:
    """The value as the command line would give it: text, and true or false for a switch."""
    where = f"{path}: {key} = {value!r}"
    if getattr(option, "is_flag", False):
        if not isinstance(value, bool):
            raise InputError(f"{where}: it is a switch; write true or false")
        return value
    if option.multiple:
        if isinstance(value, str):
            value = [value]
        if not isinstance(value, list):
            raise InputError(f"{where}: it may be given again; write a list, [...]")
        points = value if all(isinstance(each, list) for each in value) else [value]
        if any(_is_number(each) for each in value) or any(isinstance(each, list) for each in value):
            return [" ".join(_text(where, each) for each in point) for point in points]
        return [_text(where, each) for each in value]
    if option.nargs != 1:
        if not isinstance(value, list) or len(value) != option.nargs:
            raise InputError(f"{where}: write a list of {option.nargs} values, [...]")
        return tuple(_text(where, each) for each in value)
    return _text(where, value)


def _text(where: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if not _is_number(value):
        raise InputError(f"{where}: expected a number or a text in quotes")
    return str(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _options(command: Any) -> dict[str, Any]:
    """A command's options by the name that files use."""
    every = (one for one in command.params if one.param_type_name == "option")
    return {key_of(one): one for one in every if key_of(one) not in _NOT_IN_FILES}


def _dashed(key: str) -> str:
    return key.replace("_", "-")


_SAVE_PATH = "neurorecon.save_options"


def _use_config(ctx: typer.Context, path: Path | None) -> None:
    if path is None or ctx.resilient_parsing or ctx.parent is None:
        return
    if path == Path():
        raise InputError("--config names no file; give a TOML file, or leave it out")
    tables = read_config(path, ctx.parent.command.commands)  # type: ignore[attr-defined]
    ctx.default_map = tables[str(ctx.info_name)]
    ctx.meta[CONFIG_PATH], ctx.meta[CONFIG_TABLES] = path, tables


def _keep_path(ctx: typer.Context, path: Path | None) -> None:
    ctx.meta[_SAVE_PATH] = path


def _sample(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE.toml",
            help="Take options from this file: option = value, in a table [COMMAND]; the command "
            "line wins.",
            show_default="none",
            callback=_use_config,
            is_eager=True,
            expose_value=False,
        ),
    ] = None,
    save_options: Annotated[
        Path | None,
        typer.Option(
            "--save-options",
            metavar="FILE.toml",
            help="Write all options of this run here, as --config takes them.",
            show_default="FILE.options.toml beside each file written",
            rich_help_panel=OUTPUT_PANEL,
            callback=_keep_path,
            expose_value=False,
        ),
    ] = None,
) -> None:
    """Carries the options that every command has: Typer makes options from functions only."""


@cache
def _shared_options() -> tuple[Any, ...]:
    app = typer.Typer(add_completion=False)
    app.command()(_sample)
    return tuple(typer.main.get_command(app).params)
