"""Does the probability mean what it says? A reliability curve on stacks that a model did not see.

    python benchmarks/reliability.py DATA_DIR --model FILE --stack NAME ... [--out curve.png]

DATA_DIR holds `<family>/<stack>/stack.tif` with `gold.swc` (or `gold_tree.swc`). Voxels of the
shell around the gold, whose truth nobody knows, are left out. Prints, for ten ranges of
probability, the share of voxels that are neurite, and the Dice at thresholds around 0.5.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from neurorecon.commands.train import load_labelled_stack
from neurorecon.config import LabelConfig
from neurorecon.io.checkpoint import load_checkpoint
from neurorecon.io.models import find_model
from neurorecon.io.pairs import Pair
from neurorecon.model.runtime import prepared_cpu
from neurorecon.model.segmenter import build_segmenter, size_multiple_zyx
from neurorecon.segmentation.plan import plan_windows
from neurorecon.segmentation.predictor import CPU_BATCH, Predictor
from neurorecon.segmentation.stack import segment_array
from neurorecon.training.labels import IGNORED, NEURITE
from neurorecon.training.validation import ValidationStack, score_levels

BINS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", required=True)
    parser.add_argument("--stack", action="append", required=True)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    path = find_model(arguments.model)
    network = build_segmenter(*load_checkpoint(path), str(path))
    neurite, counted, curves = np.zeros(256), np.zeros(256), []
    for name in arguments.stack:
        case = _case(arguments.data, name)
        plan = plan_windows(case.stack.array.shape, size_multiple_zyx(network.config))
        predict = Predictor(network, torch.device("cpu"), torch.float32)
        with prepared_cpu():
            found = segment_array(
                case.stack.array, case.stack.scale, plan, predict, CPU_BATCH, lambda count: None
            )
        label = case.stack.label
        assert label is not None
        neurite += np.bincount(found[label == NEURITE], minlength=256)
        counted += np.bincount(found[label != IGNORED], minlength=256)
        curves.append(score_levels(found, case))
    _print(neurite, counted, curves)
    if arguments.out:
        _draw(neurite, counted, arguments.out)


def _case(data: Path, name: str) -> ValidationStack:
    (stack,) = data.glob(f"*/{name}/stack.tif")
    joined = stack.with_name("gold_tree.swc")
    tree = joined if joined.exists() else stack.with_name("gold.swc")
    return load_labelled_stack(Pair(stack, tree, "voxel"), LabelConfig())


def _binned(values: np.ndarray) -> np.ndarray:
    """(BINS,) sums over equal ranges of the 256 levels."""
    return np.add.reduceat(values, np.linspace(0, 256, BINS, endpoint=False).astype(int))


def _print(neurite: np.ndarray, counted: np.ndarray, curves: list) -> None:
    print("| probability | voxels | neurite |")
    print("|---|---|---|")
    for number, (right, every) in enumerate(zip(_binned(neurite), _binned(counted), strict=True)):
        low, high = number / BINS, (number + 1) / BINS
        print(f"| {low:.1f} to {high:.1f} | {every:,.0f} | {right / max(every, 1):.3f} |")
    print("\n| threshold | Dice | tolerant F1 |")
    print("|---|---|---|")
    for threshold in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
        level = round(threshold * 255)
        dice, f1 = (np.mean([getattr(c, name)[level] for c in curves]) for name in ("dice", "f1"))
        print(f"| {threshold:.1f} | {dice:.3f} | {f1:.3f} |")


def _draw(neurite: np.ndarray, counted: np.ndarray, target: Path) -> None:
    figure = Figure(figsize=(4.5, 4.5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    middle = (np.arange(BINS) + 0.5) / BINS
    axes.plot([0, 1], [0, 1], "--", color="#888888", label="probability means what it says")
    share = _binned(neurite) / np.maximum(_binned(counted), 1)
    axes.plot(middle, share, "o-", color="#1f5fa8", label="model")
    axes.set(
        xlabel="probability", ylabel="share of voxels that are neurite", xlim=(0, 1), ylim=(0, 1)
    )
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(target)


if __name__ == "__main__":
    main()
