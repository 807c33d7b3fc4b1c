"""Tables of doubtful places: written for a person, who writes a verdict beside each.

The columns `index`, `axis-0`, `axis-1`, `axis-2` (voxel indices z, y, x) are what napari's own
reader takes for a layer of points; it keeps the further columns as their features, and writes them
back. Spreadsheets open the table too.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from neurorecon.errors import InputError
from neurorecon.io.atomic import atomic_output

COLUMNS = (
    *("index", "axis-0", "axis-1", "axis-2"),
    *("id", "kind", "score", "done", "verdict"),
    *("z", "y", "x", "unit", "note"),
)

_VERDICTS: dict[str, Literal["accept", "reject"] | None] = {
    **dict.fromkeys(("", "nan", "none"), None),
    **dict.fromkeys(("accept", "accepted", "yes", "y", "true", "1", "1.0"), "accept"),
    **dict.fromkeys(("reject", "rejected", "no", "n", "false", "0", "0.0"), "reject"),
}


def write_doubts(path: Path, rows: Iterable[Mapping[str, object]], overwrite: bool = False) -> None:
    """Write one line for each doubt, numbered in the order given.

    rows: values of all `COLUMNS` but `index`.

    Raises InputError for an output that exists (unless `overwrite`) or cannot be written.
    """
    with (
        atomic_output(path, overwrite) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows({"index": number, **row} for number, row in enumerate(rows))


def read_verdicts(path: Path) -> dict[str, Literal["accept", "reject"]]:
    """The verdict on each id that has one.

    Needs the columns `id` and `verdict`, separated by commas, semicolons or tabs, as spreadsheets
    save them. A verdict is `accept` or `reject` (or yes and no, 1 and 0); an empty one is none.

    Raises InputError for a file that cannot be read, lacks a column, or holds another verdict.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not a text file; save the table as CSV") from error
    header = text.split("\n", 1)[0]
    separator = max(",;\t", key=header.count)
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=separator))
    except csv.Error as error:
        raise InputError(f"{path} is not a CSV table ({error}); save it as CSV") from error
    if not {"id", "verdict"} <= {name.strip() for name in header.split(separator)}:
        raise InputError(f"{path}: expected the columns id and verdict, as --doubts writes them")
    verdicts: dict[str, Literal["accept", "reject"]] = {}
    for line, row in enumerate(rows, start=2):
        said = (row.get("verdict") or "").strip().lower()
        if said not in _VERDICTS:
            raise InputError(f"{path}, line {line}: the verdict is {said!r}; give accept or reject")
        name, verdict = (row.get("id") or "").strip(), _VERDICTS[said]
        if verdict is None:
            continue
        if verdicts.get(name, verdict) != verdict:
            raise InputError(f"{path}, line {line}: {name} is accepted and rejected; choose one")
        verdicts[name] = verdict
    return verdicts
