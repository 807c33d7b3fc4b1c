"""Plain tables of numbers on standard output."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from neurorecon.metrics.ratio import Agreement


def print_tables(tables: Iterable[Table]) -> None:
    """Tables on standard output, never cropped: a cropped number is no result."""
    from rich.console import Console
    from rich.measure import Measurement

    console = Console(highlight=False)
    room, unlimited = console.width, console.options.update(max_width=1000)
    for table in tables:
        console.width = max(room, Measurement.get(console, unlimited, table).minimum)
        console.print(table)


def plain_table(*headings: str) -> Table:
    """A table whose first column names things and whose others hold numbers."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left", no_wrap=True)
    return table


def sign_of(unit: str) -> str:
    """A unit as tables write it."""
    return "µm" if unit == "um" else unit + "s"


def shares(agreement: Agreement) -> list[str]:
    """Precision, recall and F1."""
    return [f"{share:.3f}" for share in (agreement.precision, agreement.recall, agreement.f1)]
