"""Pages of the site that are made when it is built, so that they cannot go out of date.

options.md: every command and option, from the command line itself. models.md: the card of every
model. changelog.md, contributing.md, security.md, benchmarks/: files of the repository.
"""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path
from typing import Any

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from neurorecon.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
# Links of the repository's own pages, as they must read in the site, where docs/ is the top.
_LINKS = (
    (re.compile(r"\]\((\.\./)*docs/"), "]("),
    (re.compile(r"\]\(\.\./benchmarks/"), "](benchmarks/"),
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Called by MkDocs: add the pages that are made here, and their pictures."""
    pages = {
        "options.md": options_page(),
        "models.md": models_page(),
        "changelog.md": (ROOT / "CHANGELOG.md").read_text(),
        "contributing.md": (ROOT / "CONTRIBUTING.md").read_text(),
        "security.md": (ROOT / "SECURITY.md").read_text(),
    }
    for path in (ROOT / "benchmarks").glob("*.md"):
        pages[f"benchmarks/{path.name}"] = path.read_text()
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    for path in (ROOT / "benchmarks").glob("images/*"):
        name = f"benchmarks/images/{path.name}"
        files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Called by MkDocs for each page: links that lead out of docs/ lead to where it is now."""
    for pattern, target in _LINKS if "/" not in page.file.src_uri else ():
        markdown = pattern.sub(target, markdown)
    return markdown


def models_page() -> str:
    """The cards of all models that come with neurorecon, one below the other."""
    cards = [path.read_text() for path in sorted((ROOT / "models").glob("*.md"))]
    lowered = [re.sub(r"^#", "##", card, flags=re.MULTILINE) for card in cards]
    return "# Models\n\n" + "\n\n".join(lowered)


def options_page() -> str:
    """All commands in the order of `neurorecon --help`, and all their options."""
    group: Any = typer.main.get_command(app)
    parts = [
        "# Options",
        "",
        "Made from the command line itself: what `--help` says, on one page.",
        "",
    ]
    for name in group.list_commands(None):
        parts += _command(name, group.get_command(None, name))
    return "\n".join(parts)


def _command(name: str, command: Any) -> list[str]:
    context = typer.Context(command, info_name=f"neurorecon {name}")
    usage = " ".join(command.collect_usage_pieces(context))
    panels: dict[str, list[Any]] = {}
    for option in command.params:
        if getattr(option, "hidden", False):
            continue
        default = "Arguments" if option.param_type_name == "argument" else "Options"
        panels.setdefault(getattr(option, "rich_help_panel", None) or default, []).append(option)
    lines = [f"## {name}", "", _plain(command.help), "", f"    neurorecon {name} {usage}", ""]
    for title, options in panels.items():
        lines += [f"| {title} | | default |", "|---|---|---|"]
        lines += [_row(option) for option in options]
        lines.append("")
    return lines


def _row(option: Any) -> str:
    value = option.metavar or _choices(option)
    if option.param_type_name == "argument":
        shown = f"`{option.metavar or option.name.upper()}`"
    else:
        names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
        shown = names if option.is_flag else f"{names} `{value}`"
    return f"| {_escaped(shown)} | {_plain(option.help)} | {_default(option)} |"


def _choices(option: Any) -> str:
    """What stands for a value that has no name: the words to choose from, or the kind of value."""
    described = getattr(option, "type_descriptor", None)  # Typer's since 0.27
    kind = described.annotation if described else option.type
    words = list(kind) if isinstance(kind, type(Enum)) else getattr(kind, "choices", ())
    if words:
        return "|".join(str(getattr(word, "value", word)) for word in words)
    return str(getattr(kind, "name", getattr(kind, "__name__", "value"))).upper()


def _default(option: Any) -> str:
    shown = getattr(option, "show_default", None)
    if option.required:
        return "required"
    if isinstance(shown, str):
        return _plain(shown)
    value = option.default
    if value is None or value is False or callable(value) or "Sentinel" in type(value).__name__:
        return ""
    value = getattr(value, "value", value)
    return f"`{' '.join(map(str, value)) if isinstance(value, list | tuple) else value}`"


def _plain(text: str | None) -> str:
    """On one line, and safe inside of a table."""
    return _escaped(" ".join((text or "").split()).replace("<", "&lt;"))


def _escaped(text: str) -> str:
    """Bars that would end a cell; those in code do not."""
    parts = text.split("`")
    return "`".join(
        part if number % 2 else part.replace("|", "\\|") for number, part in enumerate(parts)
    )
