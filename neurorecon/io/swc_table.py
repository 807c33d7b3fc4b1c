"""Rows of an SWC file as a checked table of numbers, and errors that name the line."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from neurorecon.errors import InputError

COLUMNS = ("id", "type", "x", "y", "z", "radius", "parent")
INTEGERS = ("id", "type", "parent")
_LARGEST_ID = 2**53  # float64 holds every integer up to here
_EMPTY_FIELD = re.compile(r"(?:^|,)\s*(?:,|$)")


def read_table(path: Path) -> NDArray[np.float64]:
    """(n, 7) columns as in the file; every value is finite, ids and types are whole numbers."""
    rows = (_plain(line) for line in text_lines(path))
    try:
        table = np.loadtxt(_non_empty(path, rows), usecols=range(len(COLUMNS)), ndmin=2)
    except ValueError:
        _refuse_first_bad_row(path)
    finite = np.isfinite(table).all(axis=1)
    whole = [COLUMNS.index(name) for name in INTEGERS]
    with np.errstate(invalid="ignore"):  # of infinity, which `finite` refuses
        in_range = (np.abs(table[:, whole]) <= _LARGEST_ID) & (table[:, whole] % 1 == 0)
    if not (finite & in_range.all(axis=1) & (table[:, 0] >= 0)).all():
        _refuse_first_bad_row(path)
    return table


def _non_empty(path: Path, lines: Iterator[str]) -> Iterator[str]:
    """The lines from the first node on; refuses a file without one."""
    is_empty = True
    for line in lines:
        is_empty &= not line.strip()
        if _fields(line):
            yield line
            yield from lines
            return
    found = "is empty" if is_empty else "has comments and no nodes"
    raise InputError(
        f"{path} {found}: expected rows of {' '.join(COLUMNS)}; write the tree again, or leave "
        "the file out"
    )


def text_lines(path: Path) -> Iterator[str]:
    """The lines of a text file; comments may be in any 8-bit encoding."""
    try:
        state = path.stat()
        if stat.S_ISFIFO(state.st_mode):
            yield from _piped(path, state.st_ino)
            return
        with path.open(encoding="utf-8-sig", errors="replace", newline=None) as file:
            yield from _text(path, file)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; check the name") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a directory; expected an SWC file") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error


def _text(path: Path, lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        if "\0" in line:
            raise InputError(f"{path} is not a text file; expected an SWC file")
        yield line


@lru_cache(maxsize=16)
def _piped(path: Path, _: int) -> tuple[str, ...]:
    """The lines of a pipe, `<(...)` in a shell: it can be read once, and they are wanted again."""
    with path.open(encoding="utf-8-sig", errors="replace", newline=None) as file:
        return tuple(_text(path, file))


def read_extra_columns(path: Path) -> int:
    """Columns of the first node beyond those of SWC."""
    row = next(filter(None, map(_fields, text_lines(path))), [])
    return max(len(row) - len(COLUMNS), 0)


def _plain(line: str) -> str:
    """A row with blanks between its columns.

    An empty field between commas stays, so that it is refused and does not shift the columns; so
    does a comma inside a field of a row that blanks separate: it is a decimal comma.
    """
    if "," not in line:
        return line
    row = line.partition("#")[0].strip().rstrip(",")
    fields = row.split()
    if len(fields) >= len(COLUMNS) and any("," in field.strip(",") for field in fields):
        return row
    return row if _EMPTY_FIELD.search(row) else row.replace(",", " ")


def _fields(line: str) -> list[str]:
    return _plain(line).partition("#")[0].split()


def _refuse_first_bad_row(path: Path) -> NoReturn:
    """Say which line the fast reader stumbled over, and why."""
    for number, line in enumerate(text_lines(path), start=1):
        fields = _fields(line)
        if not fields:
            continue
        where = f"{path}, line {number}"
        if len(fields) < len(COLUMNS):
            if ";" in fields[0]:
                raise InputError(
                    f"{where}: semicolons between the columns; put blanks or commas there"
                )
            raise InputError(
                f"{where}: {len(fields)} columns, expected {len(COLUMNS)} "
                f"({' '.join(COLUMNS)}); complete or remove the row"
            )
        for name, field in zip(COLUMNS, fields, strict=False):
            if problem := _problem(name, field):
                raise InputError(f"{where}: {name} is '{field[:40]}', {problem}")
    raise InputError(f"{path} cannot be read as SWC; expected rows of {' '.join(COLUMNS)}")


def _problem(name: str, field: str) -> str | None:
    """What is wrong with one column of one row, and what to do; None where nothing is."""
    try:
        value = np.loadtxt([field], ndmin=0)  # the same idea of a number as the fast reader's
    except ValueError:
        if "," in field:
            return "with a decimal comma; write decimal points"
        return "which is not a number; correct or remove the row"
    if not np.isfinite(value):
        return "which is not finite; correct or remove the row"
    if name in INTEGERS and (value % 1 or abs(value) > _LARGEST_ID):
        return f"expected a whole number up to {_LARGEST_ID}; correct or renumber the rows"
    if name == "id" and value < 0:
        return "expected 0 or more; renumber the rows"
    return None


def refuse_row(path: Path, row: int, problem: str) -> NoReturn:
    """InputError about node number `row` of the file, with its line."""
    seen = -1
    for number, line in enumerate(text_lines(path), start=1):
        seen += bool(_fields(line))
        if seen == row:
            raise InputError(f"{path}, line {number}: {problem}")
    raise InputError(f"{path}: {problem}")
