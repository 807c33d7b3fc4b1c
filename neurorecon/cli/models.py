"""`neurorecon models`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from neurorecon.cli.console import note_line, warning_line


def models(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List the models that `--model` and `--init` can name, and where yours go."""
    from rich.console import Console
    from rich.table import Table

    from neurorecon.commands.models import describe_models
    from neurorecon.io.models import FOLDER_VARIABLE, user_folder

    found = describe_models()
    if as_json:
        typer.echo(json.dumps([asdict(model) for model in found], indent=2))
        return
    table = Table("name", "from", "MB", "made by", "date", "stacks", "network", box=None)
    for model in found:
        if model.problem:
            warning_line(f"{model.path} is left out: {model.problem}")
            continue
        table.add_row(
            model.name,
            "neurorecon" if model.shipped else "you",
            f"{model.megabytes:g}",
            model.made_by,
            model.date,
            str(model.stacks),
            model.network,
        )
    console = Console()
    console.print(table, soft_wrap=True) if not console.is_terminal else console.print(table)
    note_line(f"your own models: .safetensors files in {user_folder()} (${FOLDER_VARIABLE})")
