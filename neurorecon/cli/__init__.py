"""The `neurorecon` command: parse, call a command, report. Nothing else.

Modules here import torch, navis, matplotlib and the rest of the package only inside functions, so
that `--help` answers at once.
"""

from neurorecon.cli.ending import run_and_exit

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit."""
    run_and_exit(_run)


def _run() -> None:
    from neurorecon.cli.app import app  # here: an interrupted import ends in one line as well

    app()
