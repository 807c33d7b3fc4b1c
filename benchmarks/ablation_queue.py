"""The queue of the ablation: which runs there are, in which order, and what each waits for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from ablation_rows import CONTROLS, FIXED, INFLATED, ROWS, SPLITS, STUDENTS

STEPS, TUNING_STEPS, CONVERGED_STEPS, TIMED_STEPS = 1000, 333, 4000, 20
SEEDS = (0, 1, 2)


class NotYetError(Exception):
    """A run depends on others that are not done (another process may be at them)."""


@dataclass(frozen=True)
class Run:
    """One training: a row of the table on a split, a learning rate, a seed, a number of steps.

    rate: of the convolutions; encoder_rate: the transformer's, as a share of it.
    purpose: `scores` on the test stacks; `tuning`, where only the validation stacks are scored; or
    `timing`, where none is.
    """

    row: str
    rate: float
    seed: int
    steps: int
    encoder_rate: float = 0.3
    split: str = FIXED
    purpose: str = "scores"


def stages(done: list[dict[str, Any]]) -> Iterator[Iterator[Run]]:
    """What is to be run, in order: all rows on the fixed split, with as many steps each.

    The controls are trained for as long as the inflated student takes, then as the winner. Then
    `scratch` and the winner are cross-validated over stacks, and go on for longer.
    """
    yield timed((INFLATED, *CONTROLS))
    for row in STUDENTS:
        yield tuned(row, TUNING_STEPS, STEPS, done)
        if row == INFLATED:
            yield from controls(row, done)
    with suppress(NotYetError):
        best = winner(done)
        if best != INFLATED:
            yield timed((best,))
            yield from controls(best, done)
        for row in ("scratch", best):
            yield cross_validated(row, done)
        for row in ("scratch", best):
            yield converged(row, done)


def tuned(row: str, tuning: int, steps: int, done: list[dict[str, Any]]) -> Iterator[Run]:
    """A row's learning rates, then its seeds."""
    for rate, encoder_rate in ROWS[row].rates:
        yield Run(row, rate, 0, tuning, encoder_rate, purpose="tuning")
    rate, encoder_rate = chosen_rates(row, done)
    for seed in SEEDS:
        yield Run(row, rate, seed, steps, encoder_rate)


def timed(rows: Iterable[str]) -> Iterator[Run]:
    """Some steps of each row, to know what one takes."""
    return (Run(row, ROWS[row].rates[0][0], 0, TIMED_STEPS, purpose="timing") for row in rows)


def controls(row: str, done: list[dict[str, Any]]) -> Iterator[Iterator[Run]]:
    """The controls, trained as long as a row of students; tuned for a third of that."""
    for name in CONTROLS:
        with suppress(NotYetError):
            steps = round(STEPS * seconds_per_step(row, done) / seconds_per_step(name, done))
            yield tuned(name, steps // 3, steps, done)


def cross_validated(row: str, done: list[dict[str, Any]]) -> Iterator[Run]:
    """One run for each fold of the stacks."""
    for split in SPLITS:
        if split != FIXED:
            rate, encoder_rate = chosen_rates(row, done)
            yield Run(row, rate, 0, STEPS, encoder_rate, split)


def converged(row: str, done: list[dict[str, Any]]) -> Iterator[Run]:
    """Longer runs of a row."""
    rate, encoder_rate = chosen_rates(row, done)
    for seed in SEEDS:
        yield Run(row, rate, seed, CONVERGED_STEPS, encoder_rate)


def chosen_rates(row: str, done: list[dict[str, Any]]) -> tuple[float, float]:
    """The rates with the best Dice on the validation stacks, after a third of the steps.

    For a row that was tuned again (a control that is given another time), those of the last tuning.
    """
    tuning = [run for run in done if run["row"] == row and run["purpose"] == "tuning"]
    last = {
        (run["rate"], run["encoder_rate"]): run["validation_dice"]
        for run in tuning
        if run["steps"] == tuning[-1]["steps"]
    }
    if not set(ROWS[row].rates) <= set(last):
        raise NotYetError
    return max(last, key=lambda rates: last[rates])


def seconds_per_step(row: str, done: list[dict[str, Any]]) -> float:
    """What a step of training takes."""
    for run in done:
        if run["row"] == row and run["purpose"] == "timing":
            return run["train_s"] / run["steps"]
    raise NotYetError


def winner(done: list[dict[str, Any]]) -> str:
    """The student with the best Dice on the validation stacks, mean over seeds."""
    of_row: dict[str, list[float]] = {}
    for run in done:
        if run["purpose"] == "scores" and (run["split"], run["steps"]) == (FIXED, STEPS):
            of_row.setdefault(run["row"], []).append(run["validation_dice"])
    if any(len(of_row.get(row, ())) < len(SEEDS) for row in STUDENTS):
        raise NotYetError
    return max(STUDENTS, key=lambda row: float(np.mean(of_row[row])))
