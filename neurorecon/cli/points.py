"""Options that take a point, three numbers, and may be given again: `--root 1 2 3 --root 4 5 6`.

Typer has no type for lists of tuples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from neurorecon.cli.config import ConfiguredCommand
from neurorecon.errors import InputError

Point = tuple[float, float, float]

_POINT_OPTIONS = ("--root", "--root-swc")


class PointCommand(ConfiguredCommand):
    """Takes the three numbers that follow a point option for one value, as text."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Arguments as click takes them."""
        return super().parse_args(ctx, list(_joined(args)))


def _joined(args: Sequence[str]) -> Iterator[str]:
    place = 0
    while place < len(args):
        yield args[place]
        place += 1
        if args[place - 1] in _POINT_OPTIONS:
            numbers: list[str] = []
            while place < len(args) and len(numbers) < 3 and _is_number(args[place]):
                numbers.append(args[place])
                place += 1
            if numbers:
                yield " ".join(numbers)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def parse_points(option: str, order: str, texts: Sequence[str] | None) -> tuple[Point, ...]:
    """The points of an option; InputError where one is not three finite numbers.

    order: names of the three numbers, for the message.
    """
    points = []
    for text in texts or ():
        parts = text.replace(",", " ").split()
        if len(parts) != 3 or not all(map(_is_number, parts)) or "nan" in text.lower():
            raise InputError(f"{option} {text}: expected three numbers, {option} {order}")
        first, second, third = map(float, parts)
        points.append((first, second, third))
    return tuple(points)
