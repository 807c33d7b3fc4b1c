"""One row for each stack of a run."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neurorecon.commands.run.batch import Outcome
from neurorecon.commands.run.job import RECORD
from neurorecon.io.atomic import atomic_output

_COLUMNS = ("stack", "name", "state", "trees", "length", "unit", "forks", "tips", "doubts")
_MADE = ("done", "skipped")


def write_summary(path: Path, outcomes: Sequence[Outcome]) -> None:
    """A CSV of what became of each stack, and what was found in it.

    Lengths are in `unit`. Where a stack failed, `problem` says why. Rows of earlier runs into the
    same folder stay, above, for finished stacks that this run was not about.
    """
    kept = _others(path, {outcome.job.name for outcome in outcomes})
    with (
        atomic_output(path, overwrite=True) as temporary,
        # (names may hold bytes that are no text)
        temporary.open("w", newline="", encoding="utf-8", errors="replace") as file,
    ):
        writer = csv.DictWriter(file, (*_COLUMNS, "problem"), lineterminator="\n")
        writer.writeheader()
        writer.writerows([*kept, *map(_row, outcomes)])


def _others(path: Path, names: set[str]) -> list[dict[str, str]]:
    """Rows of an earlier run for other stacks that it finished, and whose records are there."""
    try:
        with path.open(newline="", encoding="utf-8", errors="replace") as file:
            rows = list(csv.DictReader(file))
    except (OSError, csv.Error):
        return []
    columns = {*_COLUMNS, "problem"}
    return [
        row
        for row in rows
        if row.keys() == columns
        and row["name"] not in names
        and row["state"] in _MADE
        and (path.parent / f"{row['name']}{RECORD}").exists()
    ]


def _row(outcome: Outcome) -> dict[str, Any]:
    job = outcome.job
    row: dict[str, Any] = {"stack": str(job.stack), "name": job.name, "state": outcome.state}
    if outcome.state in _MADE:
        try:
            report = json.loads(job.output(".json").read_text(encoding="utf-8"))
            row |= {name: report[name] for name in _COLUMNS[3:8]}
            row |= {"length": f"{report['length']:.1f}", "doubts": len(report["doubts"])}
        except (OSError, ValueError, KeyError):
            pass  # the row stays short where the user has moved or changed the report
    return row | {"problem": outcome.problem}
