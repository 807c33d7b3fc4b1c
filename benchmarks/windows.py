"""What the size of windows brings: the same model, the same stacks, windows of several sizes.

    python benchmarks/windows.py DATA_DIR --model held_in.safetensors --stack NAME ...
        [--window Z Y X] ...

Dice at 0.5 and at the best threshold of the stack, clDice, and F1 and ESA of the traced tree, as in
the ablation; seconds of the processor for the network. DATA_DIR as for `ablation.py`; the model
must not have seen the stacks. Prints Markdown.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from ablation import Bench
from ablation_rows import NEEDS_ROOT
from ablation_scores import best_threshold, score_mask, score_tree
from numpy.typing import NDArray
from tracing_large import row

from neurorecon.io.checkpoint import load_checkpoint
from neurorecon.model.runtime import prepared_cpu
from neurorecon.model.segmenter import build_segmenter, size_multiple_zyx
from neurorecon.segmentation.empty import Cells, crops_to_run
from neurorecon.segmentation.plan import DEFAULT_WINDOW_ZYX, plan_windows
from neurorecon.segmentation.predictor import Predictor
from neurorecon.segmentation.stack import segment_array
from neurorecon.training.patches import TrainingStack

Window = tuple[int, int, int]
COLUMNS = ("window", "stack", "Dice", "best Dice", "clDice", "F1 at 4", "ESA", "s")


def main() -> None:
    arguments = _parse()
    torch.set_num_threads(arguments.threads)
    bench = Bench(arguments, arguments.stack)
    tensors, metadata = load_checkpoint(arguments.model)
    network = build_segmenter(tensors, metadata, str(arguments.model)).eval()
    row(*COLUMNS)
    row(*["---"] * len(COLUMNS))
    for window in map(tuple, arguments.window):
        name = " x ".join(map(str, window))
        figures = []
        for stack in arguments.stack:
            figures.append(_figures(bench, network, stack, window))
            row(name, stack, *_shown(figures[-1]))
        row(name, "mean", *_shown(np.mean(figures, axis=0)))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--stack", nargs="+", required=True)
    parser.add_argument("--window", type=int, nargs=3, action="append", default=[])
    parser.add_argument("--threads", type=int, default=1)
    parser.set_defaults(device="cpu")
    arguments = parser.parse_args()
    arguments.window = arguments.window or [DEFAULT_WINDOW_ZYX]
    return arguments


def _figures(bench: Bench, network: torch.nn.Module, name: str, window: Window) -> list[float]:
    truth = bench.truth(name)
    started = time.process_time()
    values = _segmented(bench.stacks[name], network, window)
    seconds = time.process_time() - started
    mask = score_mask(values, truth, 0.5)
    tree = score_tree(values, bench.folder(name), 0.5, name in NEEDS_ROOT)
    best = best_threshold([values], [truth])[1]
    return [mask["dice"], best, mask["cldice"], tree["f1"], tree["esa"], seconds]


@prepared_cpu()
def _segmented(stack: TrainingStack, network: torch.nn.Module, window: Window) -> NDArray[np.uint8]:
    """The probability as `segment` makes it, empty windows left out."""
    plan = plan_windows(stack.array.shape, size_multiple_zyx(network.config), window)
    cells = Cells(stack.array.shape, stack.array.dtype, invert=False)
    cells.add(tuple(slice(0, size) for size in stack.array.shape), np.asarray(stack.array))
    crops = crops_to_run(plan, cells.hold_signal(stack.scale.low))
    predict = Predictor(network, torch.device("cpu"), torch.float32)
    return segment_array(
        stack.array, stack.scale, plan, predict, 1, on_voxels=lambda count: None, crops=crops
    )


def _shown(figures: NDArray[np.float64] | list[float]) -> list[str]:
    *scores, esa, seconds = figures
    return [*(f"{score:.3f}" for score in scores), f"{esa:.2f}", f"{seconds:.0f}"]


if __name__ == "__main__":
    main()
