"""What the user reads besides results: messages and progress, always on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import BarColumn


_warned: ContextVar[set[str] | None] = ContextVar("warned", default=None)


def warning_line(message: str) -> None:
    """One line about something the user should know though the work goes on."""
    before, subject = _warned.get(), message.partition(" (")[0]
    if before is not None and subject in before:
        return
    if before is not None:
        before.add(subject)
    typer.echo(f"neurorecon: warning: {message}", err=True)


@contextmanager
def warnings_once() -> Iterator[None]:
    """Each warning is given once, whatever it has in brackets: of a stack in several steps."""
    token = _warned.set(set())
    try:
        yield
    finally:
        _warned.reset(token)


def note_line(message: str) -> None:
    """One line of progress or context."""
    typer.echo(message, err=True)


def is_terminal() -> bool:
    """Whether standard error is a terminal (progress bars are drawn only there)."""
    return sys.stderr.isatty()


@contextmanager
def voxel_progress(total: int, label: str = "segmenting") -> Iterator[Callable[[int], None]]:
    """A bar with voxels a second and time left; the value yielded is told each advance."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    columns = (
        SpinnerColumn(),
        TextColumn(label),
        _bar(),
        TextColumn("{task.percentage:>3.0f} %  {task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=_stderr(), disable=not is_terminal()) as progress:
        task = progress.add_task(label, total=total, rate="")

        def advance(voxels: int) -> None:
            progress.advance(task, voxels)
            speed = progress.tasks[0].finished_speed or progress.tasks[0].speed
            if speed:
                progress.update(task, rate=f"{speed / 1e6:.2f} million voxels/s")

        yield advance


@contextmanager
def case_progress(total: int) -> Iterator[Callable[[str], None]]:
    """A bar over cases; the value yielded is told the name of each before it begins."""
    from rich.progress import Progress, TextColumn, TimeRemainingColumn

    columns = (_bar(), TextColumn("{task.completed}/{task.total}  {task.fields[name]}"))
    with Progress(
        *columns, TimeRemainingColumn(), console=_stderr(), disable=not is_terminal()
    ) as progress:
        task = progress.add_task("", total=total, name="")
        started = False

        def begin(name: str) -> None:
            nonlocal started
            progress.update(task, name=name, advance=int(started))
            started = True

        yield begin
        progress.update(task, completed=total, name="")


@contextmanager
def step_progress(
    total: int, done: int, label: str
) -> Iterator[Callable[[int, dict[str, float]], None]]:
    """A bar over training steps with the latest figures; told each step's number and figures.

    Without a terminal a line is printed for every hundredth step instead.
    """
    from rich.progress import Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn(label),
        _bar(),
        TextColumn("step {task.completed}/{task.total}  {task.fields[figures]}"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=_stderr(), disable=not is_terminal()) as progress:
        task = progress.add_task(label, total=total, completed=done, figures="")
        smooth: dict[str, float] = {}

        def report(step: int, figures: dict[str, float]) -> None:
            for name, value in figures.items():
                smooth[name] = 0.98 * smooth.get(name, value) + 0.02 * value
            text = "  ".join(f"{name} {value:.3f}" for name, value in smooth.items())
            progress.update(task, completed=step, figures=text)
            if not is_terminal() and (step % 100 == 0 or step == total):
                note_line(f"{label}: step {step}/{total}  {text}")

        yield report


def _bar() -> BarColumn:
    from rich.progress import BarColumn

    return BarColumn()


def _stderr() -> Console:
    from rich.console import Console

    return Console(stderr=True)
