"""The Typer application, and the one place where errors become messages and exit codes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from neurorecon.cli import (
    convert,
    distill,
    evaluate,
    info,
    models,
    run,
    segment,
    simulate,
    trace,
    train,
    view,
)
from neurorecon.cli.config import ConfiguredCommand
from neurorecon.cli.ending import INTERRUPTED, error_line, quiet_pipe, say_interrupted
from neurorecon.cli.points import PointCommand
from neurorecon.cli.usage import is_usage_error, usage_message
from neurorecon.errors import NeuroreconError


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """Turns the errors of every command into one line and the exit code of `ending`."""
    try:
        with quiet_pipe():
            yield
    except NeuroreconError as error:
        error_line(str(error))
        raise typer.Exit(error.exit_code) from error
    except KeyboardInterrupt as error:
        say_interrupted()
        raise typer.Exit(INTERRUPTED) from error
    except MemoryError as error:
        error_line(f"not enough memory ({error}); give a smaller stack, or --roi")
        raise typer.Exit(1) from error
    except OSError as error:
        error_line(f"{error.strerror or error}{f': {error.filename}' * bool(error.filename)}")
        raise typer.Exit(1) from error
    except Exception as error:
        if not is_usage_error(error):
            raise
        if message := usage_message(error):
            error_line(message)
        raise typer.Exit(2) from error


class _Commands(TyperGroup):
    def make_context(self, *arguments: Any, **options: Any) -> Any:
        with _one_line_errors():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: Any) -> Any:
        with _one_line_errors():
            return super().invoke(ctx)


app = typer.Typer(
    name="neurorecon",
    cls=_Commands,
    help="Neuron reconstruction from 3D light microscopy: a stack goes in, an SWC tree comes out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run", cls=ConfiguredCommand)(run.run)
app.command("segment", cls=ConfiguredCommand)(segment.segment)
app.command("trace", cls=PointCommand)(trace.trace)
app.command("evaluate", cls=ConfiguredCommand)(evaluate.evaluate)
app.command("convert", cls=ConfiguredCommand)(convert.convert)
app.command("view", cls=ConfiguredCommand)(view.view)
app.command("train", cls=ConfiguredCommand)(train.train)
app.command("distill", cls=ConfiguredCommand)(distill.distill)
app.command("simulate", cls=ConfiguredCommand)(simulate.simulate)
app.command("info", cls=ConfiguredCommand)(info.info)
app.command("models", cls=ConfiguredCommand)(models.models)


def _print_version(wanted: bool) -> None:
    if wanted:
        from neurorecon import __version__

        typer.echo(f"neurorecon {__version__}")
        raise typer.Exit


@app.callback()
def _neurorecon(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Neuron reconstruction from 3D light microscopy: a stack goes in, an SWC tree comes out."""
