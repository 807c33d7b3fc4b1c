"""Wrong arguments in one line, as our own errors are; Typer draws boxes around its own."""

from __future__ import annotations

import re
from typing import Any

from neurorecon.cli.config import CONFIG_PATH

_TOO_MANY = re.compile(r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)")


def is_usage_error(error: Exception) -> bool:
    """Whether Typer raised it about the arguments (its classes for that are not public)."""
    return hasattr(error, "format_message") and getattr(error, "exit_code", None) == 2


def usage_message(error: Any) -> str:
    """What is wrong with the arguments, and what to do; empty where the help was printed."""
    kind, context = type(error).__name__, error.ctx
    if kind == "NoArgsIsHelpError":
        return ""
    words = _words(error, kind)
    if context is None:
        return words
    path = context.command_path
    name = path.partition(" ")[2]  # "trace" of "neurorecon trace"
    return f"{name}{': ' * bool(name)}{words}{_source(error, context)} (see {path} --help)"


def _source(error: Any, context: Any) -> str:
    """Where a value came from that was not on the command line."""
    parameter = getattr(error, "param", None)
    source = parameter and context.get_parameter_source(parameter.name)
    if source and source.name == "DEFAULT_MAP":
        return f", in {context.meta[CONFIG_PATH]}"
    return ""


def _words(error: Any, kind: str) -> str:
    if kind == "MissingParameter" and error.param is not None:
        return f"{_named(error.param)} is missing; give it"
    if kind == "NoSuchOption":
        near = " or ".join(sorted(error.possibilities or ()))
        return f"there is no option {error.option_name}{f'; did you mean {near}?' * bool(near)}"
    text: str = error.format_message().strip().rstrip(".")
    if found := _TOO_MANY.fullmatch(text):
        return f"too many arguments: {found[1]}; names with spaces need quotes"
    text = text.replace("Value error, ", "").replace("Invalid value for ", "")
    text = text.replace(". Did you", "; did you")
    return text[:1].lower() + text[1:]


def _named(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.make_metavar(None) if parameter.metavar is None else parameter.metavar)
    return " ".join(filter(None, (parameter.opts[0], parameter.metavar)))
