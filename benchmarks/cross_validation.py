"""From raw stack to scored SWC, every development stack by a model that did not see it.

    python benchmarks/cross_validation.py DATA_DIR --init FILE [--steps N] [--out DIR]

The stacks are split into the four folds of the ablation. For each fold, `train` makes a model of
the other three (kept in the output folder: what is there is not trained again), and `main_job`
takes the fold's stacks through `segment`, `trace` and `evaluate` with default options. DATA_DIR
holds `train.csv` beside what `main_job` needs; labels are `gold_tree.swc` where there is one.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
from pathlib import Path

from ablation_rows import FOLDS
from main_job import COLUMNS, row_of


def main() -> None:
    arguments = _parse()
    arguments.out.mkdir(parents=True, exist_ok=True)
    print("| " + " | ".join(COLUMNS) + " |")
    print("|" + "---|" * len(COLUMNS))
    for number in arguments.fold or range(len(FOLDS)):
        model = arguments.out / f"fold_{number}.safetensors"
        if not model.exists():
            _train(model, FOLDS[number], arguments)
        for name in FOLDS[number]:
            (stack,) = arguments.data.glob(f"*/{name}/stack.tif")
            print("| " + " | ".join(row_of(stack, str(model), arguments.out)) + " |", flush=True)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--init", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--fold", type=int, action="append")
    parser.add_argument("--out", type=Path, default=Path("runs/cross_validation"))
    return parser.parse_args()


def _train(model: Path, held_out: tuple[str, ...], arguments: argparse.Namespace) -> None:
    manifest = model.with_suffix(".csv")
    with manifest.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("image", "swc", "swc_units"))
        for stack in sorted(arguments.data.glob("*/*/stack.tif")):
            if stack.parent.name not in held_out and stack.with_name("gold.swc").exists():
                joined = stack.with_name("gold_tree.swc")
                tree = joined if joined.exists() else stack.with_name("gold.swc")
                rows.writerow((stack.resolve(), tree.resolve(), "voxel"))
    subprocess.run(
        [
            sys.executable, "-m", "neurorecon", "train", "--data", manifest, "--out", model,
            "--init", arguments.init, "--steps", str(arguments.steps),
        ],
        check=True,
    )  # fmt: skip


if __name__ == "__main__":
    main()
