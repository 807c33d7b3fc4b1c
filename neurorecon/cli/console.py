"""What the user reads besides results: messages and progress, always on standard error."""

from __future__ import annotations

import sys

import typer


def error_line(message: str) -> None:
    """One line that says what is wrong and what to do."""
    typer.echo(f"neurorecon: error: {message}", err=True)


def warning_line(message: str) -> None:
    """One line about something the user should know though the work goes on."""
    typer.echo(f"neurorecon: warning: {message}", err=True)


def note_line(message: str) -> None:
    """One line of progress or context."""
    typer.echo(message, err=True)


def is_terminal() -> bool:
    """Whether standard error is a terminal (progress bars are drawn only there)."""
    return sys.stderr.isatty()
