"""The `neurorecon` command: parse, call a command, report. Nothing else.

Modules here import torch, navis, matplotlib and the rest of the package only inside functions, so
that `--help` answers at once.
"""

from neurorecon.cli.app import main

__all__ = ["main"]
