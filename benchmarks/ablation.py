"""What each part of the method brings: every row trained alike, scored on stacks it did not see.

    python benchmarks/ablation.py run DATA_DIR --teacher-weights FILE --feature-weights FILE
    python benchmarks/ablation.py table

`run` works through the queue (learning rates first, then seeds) and appends each finished run to
`benchmarks/ablation_runs.jsonl`; started again, it goes on after the last finished one, so the
queue may span days. `--minutes` ends it in time. `table` prints Markdown from that file.

DATA_DIR holds `<family>/<stack>/stack.tif` with `gold.swc` (and `gold_tree.swc` where the gold's
pieces were joined: drawn for labels and masks), and `unlabelled/*.tif`.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import time
from collections.abc import Iterator
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
    NEEDS_ROOT,
    ROWS,
    SPLITS,
    STUDENT,
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
STEPS, TUNING_STEPS, CONVERGED_STEPS = 1000, 333, 4000
RATES = (5e-4, 1e-3, 2e-3)
SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Run:
    """One training: a row of the table on a split, a learning rate, a seed, a number of steps."""

    row: str
    rate: float
    seed: int
    steps: int
    split: str = FIXED


def queue(done: list[dict[str, Any]]) -> Iterator[Run]:
    """What is to be run, in order: all rows on the fixed split, with as many steps each.

    Then the controls for as long as the winner took; then `scratch` and the winner for longer, and
    cross-validated over stacks.
    """
    for row in ROWS:
        for rate in RATES:
            yield Run(row, rate, 0, TUNING_STEPS)
        rate = chosen_rate(row, done)
        for seed in SEEDS:
            yield Run(row, rate, seed, STEPS)
    best = winner(done)
    for row in CONTROLS:
        for seed in SEEDS:
            yield Run(row, chosen_rate(row, done), seed, steps_in_equal_time(row, best, done))
    for row in ("scratch", best):
        rate = chosen_rate(row, done)
        for seed in SEEDS:
            yield Run(row, rate, seed, CONVERGED_STEPS)
        for split in SPLITS:
            if split != FIXED:
                yield Run(row, rate, 0, STEPS, split)


def chosen_rate(row: str, done: list[dict[str, Any]]) -> float:
    """The learning rate with the best Dice on the validation stacks, after a third of the steps."""
    tuning = [run for run in done if run["row"] == row and run["steps"] == TUNING_STEPS]
    if len(tuning) < len(RATES):
        raise ValueError(f"{row} is not tuned yet")
    return max(tuning, key=lambda run: run["validation_dice"])["rate"]


def steps_in_equal_time(row: str, other: str, done: list[dict[str, Any]]) -> int:
    """Steps that take `row` as long as `STEPS` take the other row."""
    seconds = {
        name: np.median(
            [run["train_s"] for run in done if (run["row"], run["steps"]) == (name, STEPS)]
        )
        for name in (row, other)
    }
    return round(STEPS * float(seconds[other] / seconds[row]))


def winner(done: list[dict[str, Any]]) -> str:
    """The student with the best Dice on the validation stacks, mean over seeds."""
    of_row: dict[str, list[float]] = {}
    for run in done:
        if run["steps"] == STEPS and run["split"] == FIXED and ROWS[run["row"]].network == STUDENT:
            of_row.setdefault(run["row"], []).append(run["validation_dice"])
    return max(of_row, key=lambda row: float(np.mean(of_row[row])))


def main() -> None:
    arguments = _parse()
    if arguments.command == "table":
        from ablation_table import print_tables

        print_tables(read_runs())
        return
    torch.set_num_threads(arguments.threads)
    end = time.monotonic() + 60 * arguments.minutes
    bench = Bench(arguments)
    while time.monotonic() < end and (run := _next(read_runs())) is not None:
        result = bench.run(run)
        with RUNS.open("a") as file:
            file.write(json.dumps(result) + "\n")
        print(run, f"{result['validation_dice']:.3f}", flush=True)


def _next(done: list[dict[str, Any]]) -> Run | None:
    """The first run of the queue that is not done."""
    finished = {Run(*(run[field.name] for field in fields(Run))) for run in done}
    return next((run for run in queue(done) if run not in finished), None)


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
        tested = () if run.steps == TUNING_STEPS else split.test
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
        return {
            **asdict(run),
            "threshold": threshold,
            "validation_dice": dice,
            "test": scores,
            "train_s": round(seconds),
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
