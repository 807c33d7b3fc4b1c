"""Errors that end a command with one line of text and an exit code, never a traceback.

A message says what was found, what was expected, and what to do about it.
"""


class NeuroreconError(Exception):
    """The work failed although arguments and inputs looked right (exit code 1)."""

    exit_code = 1


class InputError(NeuroreconError):
    """The arguments or the input files are wrong (exit code 2)."""

    exit_code = 2
