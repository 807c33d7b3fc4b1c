"""How many cases of each row are tried: few in `make test`, all in `make stress`."""

import os
from pathlib import Path

# Set by `make stress`: where the rows of the table in docs/reliability.md are collected.
RECORD = os.environ.get("NEURORECON_STRESS_RECORD")
SEED = int(os.environ.get("NEURORECON_STRESS_SEED", "0"))


def cases(few: int, all_of_them: int) -> int:
    """Cases to try now."""
    return all_of_them if RECORD else few


def some(values: list[str], few: int) -> list[str]:
    """The first few of them, or all."""
    return values[: cases(few, len(values))]


def record(row: str, what: str, tried: int, remark: str = "") -> None:
    """Note a row that passed, for the table."""
    if RECORD:
        with Path(RECORD).open("a", encoding="utf-8") as file:
            file.write(f"{row}\t{what}\t{tried}\t{remark}\n")
