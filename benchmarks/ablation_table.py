"""The tables of the ablation, in Markdown, from its finished runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from ablation_queue import STEPS
from ablation_rows import CONTROLS, FIXED, INFLATED, ROWS, SPLITS
from numpy.typing import NDArray

SCORES = ("dice", "hd95", "cldice", "f1", "esa")
RESAMPLES = 10_000
# A mask that shows both neurons scores worse than one that shows half of one.
HALF_ANNOTATED = "OP_2"
BASES = ("scratch", INFLATED, *CONTROLS)

Runs = list[dict[str, Any]]


def print_tables(runs: Runs) -> None:
    """Everything that is done so far."""
    scored = [run for run in runs if run["purpose"] == "scores"]
    fixed = [run for run in scored if run["split"] == FIXED]
    common = [run for run in fixed if run["row"] in CONTROLS or run["steps"] == STEPS]
    print("## All rows, fixed split (controls: for as long as `average` took)\n")
    _print_rows(common)
    whole = [_without(run, HALF_ANNOTATED) for run in common]
    print(f"\n## The same without {HALF_ANNOTATED}: its gold is one of two neurons in the stack\n")
    _print_rows(whole)
    for base in (base for base in BASES if base in _rows(common)):
        print(f"\n## Against `{base}`: mean difference, 95 % interval of a paired bootstrap\n")
        _print_differences(common, base)
        print(f"\nWithout {HALF_ANNOTATED}:\n")
        _print_differences(whole, base)
    print("\n## Stack by stack, mean over seeds: Dice, HD95, clDice, F1\n")
    _print_stacks(common)
    longer = [run for run in fixed if run not in common]
    if longer:
        print("\n## Longer, fixed split\n")
        _print_rows(longer)
        _print_differences(longer, "scratch")
    folds = [run for run in scored if run["split"] != FIXED]
    if folds:
        print("\n## Cross-validation, each stack scored by the model that did not see it\n")
        _print_folds(folds)
    print("\n## Learning rates tried (Dice on the validation stacks)\n")
    for run in runs:
        if run["purpose"] == "tuning":
            tried = f"{run['row']}, {run['steps']} steps, {_rates(run)}"
            print(f"- {tried}: {run['validation_dice']:.3f}")


def _without(run: dict[str, Any], stack: str) -> dict[str, Any]:
    return {**run, "test": {name: found for name, found in run["test"].items() if name != stack}}


def _print_stacks(runs: Runs) -> None:
    stacks = SPLITS[FIXED].test
    print("| row | " + " | ".join(stacks) + " |")
    print("|---" * (1 + len(stacks)) + "|")
    for row in _rows(runs):
        own = [run["test"] for run in runs if run["row"] == row]
        cells = []
        for stack in stacks:
            dice, hd95, cldice, f1 = (
                np.mean([test[stack][name] for test in own])
                for name in ("dice", "hd95", "cldice", "f1")
            )
            cells.append(f"{dice:.3f}, {hd95:.0f}, {cldice:.3f}, {f1:.3f}")
        print(f"| {row} | {' | '.join(cells)} |")


def _print_rows(runs: Runs) -> None:
    print(
        "| row | rate | steps | seeds | Dice mean, sd, median | HD95 | clDice | F1 at 4 | ESA | s |"
    )
    print("|---" * 10 + "|")
    for row in ROWS:
        own = [run for run in runs if run["row"] == row]
        if not own:
            continue
        table = {name: _per_seed(own, name) for name in SCORES}
        dice = table["dice"]
        spread = dice.mean(1).std(ddof=1) if len(dice) > 1 else float("nan")
        cells = [f"{dice.mean():.3f}, {spread:.3f}, {np.median(dice):.3f}"]
        cells += [
            f"{table[name].mean():.{3 if name in ('cldice', 'f1') else 1}f}" for name in SCORES[1:]
        ]
        seconds = np.median([run["train_s"] for run in own])
        print(
            f"| {row} | {_rates(own[0])} | {own[0]['steps']} | {len(own)} "
            f"| {' | '.join(cells)} | {seconds:.0f} |"
        )


def _print_differences(runs: Runs, base: str) -> None:
    print("| row | Dice, points | HD95, % | clDice, points | F1, points |")
    print("|---" * 5 + "|")
    theirs = [run for run in runs if run["row"] == base]
    for row in ROWS:
        own = [run for run in runs if run["row"] == row]
        if row == base or not own or not theirs:
            continue
        cells = []
        for name, percent in (("dice", False), ("hd95", True), ("cldice", False), ("f1", False)):
            before, after = _paired(theirs, own, name)
            cells.append(_interval(before, after, percent))
        print(f"| {row} | {' | '.join(cells)} |")


def _paired(one: Runs, other: Runs, score: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(seeds, stacks) of both, for the seeds that both have."""
    seeds = sorted({run["seed"] for run in one} & {run["seed"] for run in other})
    first, second = ([run for run in runs if run["seed"] in seeds] for runs in (one, other))
    return _per_seed(first, score), _per_seed(second, score)


def _interval(before: NDArray[np.float64], after: NDArray[np.float64], percent: bool) -> str:
    """Difference of means with its interval, over stacks and seeds drawn anew."""
    rng = np.random.default_rng(0)
    seeds, stacks = before.shape
    means = []
    for _ in range(RESAMPLES):
        pick = np.ix_(rng.integers(0, seeds, seeds), rng.integers(0, stacks, stacks))
        means.append(_change(before[pick], after[pick], percent))
    low, high = np.percentile(means, [2.5, 97.5])
    return f"{_change(before, after, percent):+.1f} [{low:+.1f}, {high:+.1f}]"


def _change(before: NDArray[np.float64], after: NDArray[np.float64], percent: bool) -> float:
    difference = after.mean() - before.mean()
    return float(100 * (difference / before.mean() if percent else difference))


def _per_seed(runs: Runs, score: str) -> NDArray[np.float64]:
    """(seeds, stacks) of one score, seeds and stacks in order."""
    ordered = sorted(runs, key=lambda run: run["seed"])
    return np.array([[run["test"][name][score] for name in sorted(run["test"])] for run in ordered])


def _print_folds(runs: Runs) -> None:
    print("| stack | " + " | ".join(f"{row}: Dice, F1" for row in _rows(runs)) + " |")
    print("|---" * (1 + len(_rows(runs))) + "|")
    for split in SPLITS.values():
        for name in split.test:
            cells = []
            for row in _rows(runs):
                found = [
                    run["test"][name] for run in runs if run["row"] == row and name in run["test"]
                ]
                cells.append(f"{found[0]['dice']:.3f}, {found[0]['f1']:.3f}" if found else "")
            if any(cells):
                print(f"| {name} | {' | '.join(cells)} |")


def _rates(run: dict[str, Any]) -> str:
    return f"{run['rate']:g} x {run['encoder_rate']:g}"


def _rows(runs: Iterable[dict[str, Any]]) -> list[str]:
    present = {run["row"] for run in runs}
    return [row for row in ROWS if row in present]
