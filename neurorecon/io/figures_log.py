"""Figures of a training run on disk: a CSV table and TensorBoard's event files."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from neurorecon.errors import NeuroreconError

COLUMNS = ("step", "loss", "dice", "rate", "validation_f1", "validation_dice")
_TABLE, _EVENTS = "figures.csv", "events"


class FiguresLog:
    """Appends a row and an event for each step. A run that goes on after step n keeps n steps."""

    def __init__(self, folder: Path, steps_done: int) -> None:
        from tensorboardX import SummaryWriter  # here, because only training needs it

        folder.mkdir(parents=True, exist_ok=True)
        table, events = folder / _TABLE, folder / _EVENTS
        rows = [row for row in read_figures(folder) if row["step"] <= steps_done]
        if not steps_done:
            shutil.rmtree(events, ignore_errors=True)
        self._file = table.open("w", newline="")
        self._rows = csv.DictWriter(self._file, COLUMNS)
        self._rows.writeheader()
        self._rows.writerows({**row, "step": int(row["step"])} for row in rows)
        self._writer = SummaryWriter(str(events), purge_step=steps_done + 1)

    def write(self, step: int, figures: Mapping[str, float]) -> None:
        """One row; figures that are no column are left out."""
        known = {name: value for name, value in figures.items() if name in COLUMNS}
        try:
            self._rows.writerow({"step": step, **known})
            self._file.flush()
        except OSError as error:
            reason = (error.strerror or "write failed").lower()
            raise NeuroreconError(
                f"cannot write {self._file.name} ({reason}); free some space; a run that has saved "
                "its state goes on with --resume"
            ) from error
        for name, value in known.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Write what is buffered."""
        with suppress(OSError):  # `write` has said it
            self._file.close()
        self._writer.close()


def read_figures(folder: Path) -> list[dict[str, float]]:
    """The rows of the table, each with the figures that it has; none where there is no table."""
    table = folder / _TABLE
    if not table.is_file():
        return []
    with table.open(newline="") as file:
        return [
            {name: float(value) for name, value in row.items() if name in COLUMNS and value}
            for row in csv.DictReader(file)
        ]
