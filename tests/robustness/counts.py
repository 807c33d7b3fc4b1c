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
        test = os.environ["PYTEST_CURRENT_TEST"].removesuffix(" (call)")
        with Path(RECORD).open("a", encoding="utf-8") as file:
            file.write(f"{test}\t{row}\t{what}\t{tried}\t{remark}\n")


def recorded() -> set[str]:
    """The tests that an earlier start of this `make stress` has passed."""
    if not RECORD or not Path(RECORD).is_file():
        return set()
    lines = Path(RECORD).read_text(encoding="utf-8").splitlines()
    return {line.split("\t")[0] for line in lines}
