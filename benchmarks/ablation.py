"""What each part of the method brings: every row trained alike, scored on stacks it did not see.

    python benchmarks/ablation.py run DATA_DIR --teacher-weights FILE --feature-weights FILE
    python benchmarks/ablation.py table

`run` works through the queue (learning rates first, then seeds) and appends each finished run to
`benchmarks/ablation_runs.jsonl`; started again, it goes on after the last finished one, so the
queue may span days. `--minutes` ends it in time; `--row` (repeatable) runs the part of the queue
that concerns these rows, so that several processes can share it. `table` prints Markdown.

DATA_DIR holds `<family>/<stack>/stack.tif` with `gold.swc` (and `gold_tree.swc` where the gold's
pieces were joined: drawn for labels and masks), and `unlabelled/*.tif`.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ablation_rows import (
    ALL_STACKS,
    CONTROLS,
    FIXED,
    INFLATED,
    NEEDS_ROOT,
    ROWS,
    SPLITS,
    STUDENTS,
    Row,
    build_network,
    distilled_encoder,
)
from ablation_scores import best_threshold, probability, score_mask, score_tree

from neurorecon.commands.train import load_labelled_stack
from neurorecon.config import LabelConfig, LossConfig, TrainConfig
from neurorecon.io.pairs import Pair
from neurorecon.model.runtime import Compute, choose_device, choose_precision, prepared_cpu
from neurorecon.training.labels import NEURITE
from neurorecon.training.loop import Trainer
from neurorecon.training.patches import PatchSampler, TrainingStack
from neurorecon.training.supervised import SupervisedTask

RUNS = Path(__file__).with_name("ablation_runs.jsonl")
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


def main() -> None:
    arguments = _parse()
    if arguments.command == "table":
        from ablation_table import print_tables

        print_tables(read_runs())
        return
    torch.set_num_threads(arguments.threads)
    end = time.monotonic() + 60 * arguments.minutes
    bench = Bench(arguments)
    while time.monotonic() < end and (run := _next(read_runs(), arguments.row)) is not None:
        result = bench.run(run)
        with RUNS.open("a") as file:
            file.write(json.dumps(result) + "\n")
        print(run, result.get("validation_dice"), result["train_s"], flush=True)


def _next(done: list[dict[str, Any]], rows: list[str]) -> Run | None:
    """The first run of the queue, of these rows if any are named, that is not done."""
    finished = {Run(*(run[field.name] for field in fields(Run))) for run in done}
    for stage in stages(done):
        with suppress(NotYetError):
            for run in stage:
                if run not in finished and (not rows or run.row in rows):
                    return run
    return None


def read_runs() -> list[dict[str, Any]]:
    """The finished runs."""
    return [json.loads(line) for line in RUNS.read_text().splitlines()] if RUNS.exists() else []


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run")
    run.add_argument("data", type=Path)
    run.add_argument("--teacher", default="vit_tiny_patch16_224.augreg_in21k_ft_in1k")
    run.add_argument("--teacher-weights", type=Path)
    run.add_argument("--feature-teacher", default="vit_small_patch14_dinov2.lvd142m")
    run.add_argument("--feature-weights", type=Path)
    run.add_argument("--cache", type=Path, default=Path("runs/ablation"))
    run.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    run.add_argument("--threads", type=int, default=1)
    run.add_argument("--row", action="append", default=[], choices=ROWS)
    run.add_argument("--minutes", type=float, default=1e9)
    commands.add_parser("table")
    return parser.parse_args()


class Bench:
    """The stacks, and what runs on them."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        device = choose_device(arguments.device)
        self.compute = Compute(device, choose_precision("auto", device))
        self.stacks = {name: self._load(name, LabelConfig()) for name in ALL_STACKS}

    def _load(self, name: str, label: LabelConfig) -> TrainingStack:
        folder = self._folder(name)
        joined = folder / "gold_tree.swc"
        tree = joined if joined.exists() else folder / "gold.swc"
        return load_labelled_stack(Pair(folder / "stack.tif", tree, "voxel"), label).stack

    def _folder(self, name: str) -> Path:
        (stack,) = self.arguments.data.glob(f"*/{name}/stack.tif")
        return stack.parent

    @prepared_cpu()
    def _train(self, run: Run, row: Row) -> tuple[torch.nn.Module, float]:
        """The network with its averaged weights, and the seconds that it took."""
        torch.manual_seed(run.seed)
        network = build_network(row, self.arguments, distilled_encoder)
        config = TrainConfig(
            steps=run.steps,
            learning_rate=run.rate,
            encoder_rate=run.encoder_rate,
            seed=run.seed,
            loss=LossConfig(cldice=row.cldice),
        )
        stacks = [self.stacks[name] for name in SPLITS[run.split].training]
        sampler = PatchSampler(stacks, config)
        task = SupervisedTask(network.to(self.compute.device), sampler, self.compute)
        trainer = Trainer(task, config)
        # On a CPU the processor's time, which other work on the machine does not lengthen.
        clock = time.process_time if self.compute.device.type == "cpu" else time.perf_counter
        start = clock()
        trainer.run(lambda step, figures: None)
        seconds = clock() - start
        network.load_state_dict(trainer.averaged_weights())
        return network, seconds

    def run(self, run: Run) -> dict[str, Any]:
        """Train, choose the threshold on the validation stacks, score whole test stacks."""
        network, seconds = self._train(run, ROWS[run.row])
        split = SPLITS[run.split]
        if run.purpose == "timing":
            return self._record(run, seconds)
        tested = split.test if run.purpose == "scores" else ()
        with prepared_cpu():
            maps = {
                name: probability(network, self.stacks[name], self.compute)
                for name in (*split.validation, *tested)
            }
        threshold, dice = best_threshold(
            [maps[name] for name in split.validation],
            [self._truth(name) for name in split.validation],
        )
        scores = {}
        for name in tested:
            scores[name] = {
                **score_mask(maps[name], self._truth(name), threshold),
                **score_tree(maps[name], self._folder(name), threshold, name in NEEDS_ROOT),
            }
        return self._record(run, seconds, threshold=threshold, validation_dice=dice, test=scores)

    def _record(self, run: Run, seconds: float, **found: Any) -> dict[str, Any]:
        return {
            **asdict(run),
            **found,
            "train_s": round(seconds, 1),
            "device": _device(self.compute),
            "torch": torch.__version__,
            "commit": _commit(),
            "date": datetime.now(UTC).date().isoformat(),
        }

    def _truth(self, name: str) -> np.ndarray:
        """The gold tree drawn as tubes of radius 2, whole stack."""
        label = LabelConfig(least_radius=2.0, largest_radius=2.0, ignored_shell=1.0)
        return self._load(name, label).label == NEURITE


def _device(compute: Compute) -> str:
    if compute.device.type == "cuda":
        return torch.cuda.get_device_name(compute.device)
    return f"{platform.machine()} CPU, {torch.get_num_threads()} thread(s)"


def _commit() -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(
        command, cwd=Path(__file__).parent, capture_output=True, text=True
    ).stdout.strip()


if __name__ == "__main__":
    main()
