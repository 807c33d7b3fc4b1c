"""One row for each stack of a run."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neurorecon.commands.run.batch import Outcome
from neurorecon.io.atomic import atomic_output

_COLUMNS = ("stack", "name", "state", "trees", "length", "unit", "forks", "tips", "doubts")


def write_summary(path: Path, outcomes: Sequence[Outcome]) -> None:
    """A CSV of what became of each stack, and what was found in it; that of an earlier run goes.

    Lengths are in `unit`. Where a stack failed, `problem` says why.
    """
    with (
        atomic_output(path, overwrite=True) as temporary,
        # (names may hold bytes that are no text)
        temporary.open("w", newline="", encoding="utf-8", errors="replace") as file,
    ):
        writer = csv.DictWriter(file, (*_COLUMNS, "problem"), lineterminator="\n")
        writer.writeheader()
        writer.writerows(map(_row, outcomes))


def _row(outcome: Outcome) -> dict[str, Any]:
    job = outcome.job
    row: dict[str, Any] = {"stack": str(job.stack), "name": job.name, "state": outcome.state}
    if outcome.state in ("done", "skipped"):
        try:
            report = json.loads(job.output(".json").read_text(encoding="utf-8"))
            row |= {name: report[name] for name in _COLUMNS[3:8]}
            row |= {"length": f"{report['length']:.1f}", "doubts": len(report["doubts"])}
        except (OSError, ValueError, KeyError):
            pass  # the row stays short where the user has moved or changed the report
    return row | {"problem": outcome.problem}
