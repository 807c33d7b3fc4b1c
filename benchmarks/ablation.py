"""What each part of the method brings: every row trained alike, scored on stacks it did not see.

    python benchmarks/ablation.py run DATA_DIR --teacher-weights FILE --feature-weights FILE
    python benchmarks/ablation.py table

`run` works through the queue (learning rates first, then seeds) and appends each finished run to
`benchmarks/ablation_runs.jsonl`; started again, it goes on after the last finished one, so the
queue may span days. Several processes with one `--cache` share it. `--minutes` ends it in time;
`--row` (repeatable) runs the part of the queue that concerns these rows. `table` prints Markdown.

DATA_DIR holds `<family>/<stack>/stack.tif` with `gold.swc` (and `gold_tree.swc` where the gold's
pieces were joined: drawn for labels and masks), and `unlabelled/*.tif`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ablation_queue import NotYetError, Run, stages
from ablation_rows import (
    ALL_STACKS,
    NEEDS_ROOT,
    PATCH_ZYX,
    ROWS,
    SPLITS,
    Row,
    build_network,
    distilled_encoder,
)
from ablation_scores import best_threshold, probability, score_mask, score_tree

from neurorecon.commands.train import load_labelled_stack
from neurorecon.config import LabelConfig, LossConfig, TrainConfig
from neurorecon.io.lock import locked
from neurorecon.io.pairs import Pair
from neurorecon.model.runtime import Compute, choose_device, choose_precision, prepared_cpu
from neurorecon.training.labels import NEURITE
from neurorecon.training.loop import Trainer
from neurorecon.training.patches import PatchSampler, TrainingStack
from neurorecon.training.supervised import SupervisedTask

RUNS = Path(__file__).with_name("ablation_runs.jsonl")


def main() -> None:
    arguments = _parse()
    if arguments.command == "table":
        from ablation_table import print_tables

        print_tables(read_runs())
        return
    torch.set_num_threads(arguments.threads)
    end = time.monotonic() + 60 * arguments.minutes
    bench = Bench(arguments)
    arguments.cache.mkdir(parents=True, exist_ok=True)
    while time.monotonic() < end:
        with _claimed(arguments.cache, arguments.row) as run:
            if run is None:
                return
            result = bench.run(run)
            with RUNS.open("a") as file:
                file.write(json.dumps(result) + "\n")
        print(run, result.get("validation_dice"), result["train_s"], flush=True)


@contextmanager
def _claimed(cache: Path, rows: list[str]) -> Iterator[Run | None]:
    """The first run of the queue that is not done and that no other process is at."""
    for run in _left(read_runs(), rows):
        name = hashlib.sha256(repr(run).encode()).hexdigest()[:16]
        with locked(cache / f"{name}.lock") as free:
            if free and run not in _finished(read_runs()):
                yield run
                return
    yield None


def _left(done: list[dict[str, Any]], rows: list[str]) -> Iterator[Run]:
    """What is not done of the queue, of these rows if any are named."""
    finished = _finished(done)
    for stage in stages(done):
        with suppress(NotYetError):
            for run in stage:
                if run not in finished and (not rows or run.row in rows):
                    yield run


def _finished(done: list[dict[str, Any]]) -> set[Run]:
    return {Run(*(run[field.name] for field in fields(Run))) for run in done}


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

    def __init__(self, arguments: argparse.Namespace, stacks: Iterable[str] = ALL_STACKS) -> None:
        self.arguments = arguments
        device = choose_device(arguments.device)
        self.compute = Compute(device, choose_precision("auto", device))
        self.stacks = {name: self._load(name, LabelConfig()) for name in stacks}

    def _load(self, name: str, label: LabelConfig) -> TrainingStack:
        folder = self.folder(name)
        joined = folder / "gold_tree.swc"
        tree = joined if joined.exists() else folder / "gold.swc"
        return load_labelled_stack(Pair(folder / "stack.tif", tree, "voxel"), label).stack

    def folder(self, name: str) -> Path:
        """Where a stack and its gold lie."""
        (stack,) = self.arguments.data.glob(f"*/{name}/stack.tif")
        return stack.parent

    @prepared_cpu()
    def _train(self, run: Run, row: Row) -> tuple[torch.nn.Module, float]:
        """The network with its averaged weights, and the seconds that it took."""
        torch.manual_seed(run.seed)
        network = build_network(row, self.arguments, distilled_encoder)
        config = TrainConfig(
            steps=run.steps,
            patch_zyx=PATCH_ZYX,
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
            [self.truth(name) for name in split.validation],
        )
        scores = {}
        for name in tested:
            scores[name] = {
                **score_mask(maps[name], self.truth(name), threshold),
                **score_tree(maps[name], self.folder(name), threshold, name in NEEDS_ROOT),
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

    def truth(self, name: str) -> np.ndarray:
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
