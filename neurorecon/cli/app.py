"""The Typer application, and the one place where errors become messages and exit codes."""

from __future__ import annotations

import os
import signal
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from neurorecon.cli import distill, evaluate, info, models, segment, simulate, trace, train
from neurorecon.cli.console import error_line
from neurorecon.cli.points import PointCommand
from neurorecon.errors import NeuroreconError

EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells report it
EXIT_TERMINATED = 143  # 128 + SIGTERM


class _Commands(TyperGroup):
    """Turns the errors of every command into one line and an exit code.

    0 done, 1 the work failed, 2 wrong arguments or inputs, 130 interrupted.
    """

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except NeuroreconError as error:
            error_line(str(error))
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt as error:
            error_line("interrupted; no half-written file was left")
            raise typer.Exit(EXIT_INTERRUPTED) from error
        except MemoryError as error:
            error_line(f"not enough memory ({error}); give a smaller stack, or --roi")
            raise typer.Exit(1) from error
        except BrokenPipeError as error:
            # The reader went away (`| head -1`): not our failure. Python must not complain at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from error
        except OSError as error:
            error_line(f"{error.strerror or error}{f': {error.filename}' * bool(error.filename)}")
            raise typer.Exit(1) from error


app = typer.Typer(
    name="neurorecon",
    cls=_Commands,
    help="Neuron reconstruction from 3D light microscopy: a stack goes in, an SWC tree comes out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("segment")(segment.segment)
app.command("trace", cls=PointCommand)(trace.trace)
app.command("evaluate")(evaluate.evaluate)
app.command("train")(train.train)
app.command("distill")(distill.distill)
app.command("simulate")(simulate.simulate)
app.command("info")(info.info)
app.command("models")(models.models)


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


def _exit_when_terminated(*_: object) -> None:
    raise SystemExit(EXIT_TERMINATED)


def main() -> None:
    """Run the command line and exit; told to terminate, remove half-written outputs first."""
    signal.signal(signal.SIGTERM, _exit_when_terminated)
    app()
