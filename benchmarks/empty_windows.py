"""What leaving out empty windows saves, and what it loses: every labelled stack, with and without.

    python benchmarks/empty_windows.py DATA_DIR [--model NAME] [--stack NAME ...] [--threads N]
        [--plan]

Both runs are in memory; start-up and reading are left out, the look for signal counts. Voxels: of
the windows, those that run; a stack of which nearly all run is not run twice. Gold lost: of the
gold's length, what has a probability of 0.5 within 2 voxels in the full run and none in the other.
F1 is the tolerant one of validation. Seconds of the processor, all threads together, which mean
something on a busy machine too.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from neurorecon.commands.train.labelled import load_labelled_stack
from neurorecon.config import LabelConfig
from neurorecon.io.checkpoint import load_checkpoint
from neurorecon.io.models import find_model
from neurorecon.io.pairs import Pair
from neurorecon.model.segmenter import build_segmenter, size_multiple_zyx
from neurorecon.segmentation.blocks import plan_blocks
from neurorecon.segmentation.crops import Crops, part_box
from neurorecon.segmentation.empty import Cells, crops_to_run
from neurorecon.segmentation.plan import WindowPlan, plan_windows
from neurorecon.segmentation.predictor import CPU_BATCH, Predictor
from neurorecon.segmentation.stack import segment_array
from neurorecon.training.validation import ValidationStack, score_levels

CPU = torch.device("cpu")
TIMED = ["CPU s, all", "CPU s", "faster", "F1, all", "F1", "gold lost"]
MOST = 0.95  # of the voxels of windows; above it a stack is not run twice


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="default")
    parser.add_argument("--stack", action="append")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--plan", action="store_true", help="without the network: what would run")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    path = find_model(arguments.model)
    predict = Predictor(build_segmenter(*load_checkpoint(path), str(path)), CPU, torch.float32)
    found = ["gold outside"] if arguments.plan else TIMED
    print("|", " | ".join(["stack", "windows", "voxels", *found]), "|")
    print("|---" * (3 + len(found)) + "|")
    for stack in sorted(arguments.data.glob("*/*/stack.tif")):
        if not arguments.stack or stack.parent.name in arguments.stack:
            print("|", " | ".join(_row(stack, predict, arguments.plan)), "|", flush=True)


def _row(path: Path, predict: Predictor, only_plan: bool) -> list[str]:
    tree = path.with_name("gold_tree.swc")
    tree = tree if tree.exists() else path.with_name("gold.swc")
    case = load_labelled_stack(Pair(path, tree, "voxel"), LabelConfig())
    array = case.stack.array
    plan = plan_windows(array.shape, size_multiple_zyx(predict.network.config))
    start = time.process_time()
    cells = Cells(array.shape, array.dtype, invert=False)
    cells.add(tuple(slice(0, size) for size in array.shape), array)
    crops = crops_to_run(plan, cells.hold_signal(case.stack.scale.low))
    looked = time.process_time() - start
    voxels = crops.grouped(plan_blocks(plan)).voxels() / (plan.window_count * plan.window_voxels)
    count = f"{crops.runs.sum()} of {crops.runs.size}"
    told = [path.parent.name, count, f"{100 * voxels:.0f} %"]
    if only_plan:
        return [*told, f"{100 * _outside(plan, crops, case):.2f} %"]
    if voxels > MOST:
        return [*told, *[""] * len(TIMED)]
    full, full_s = _timed(case, plan, predict, None)
    some, some_s = _timed(case, plan, predict, crops)
    some_s += looked
    f1 = [f"{score_levels(found, case).f1[128]:.3f}" for found in (full, some)]
    faster, lost = f"{full_s / some_s:.1f}", f"{100 * _lost(full, some, case):.2f} %"
    return [*told, f"{full_s:.1f}", f"{some_s:.1f}", faster, *f1, lost]


def _outside(plan: WindowPlan, crops: Crops, case: ValidationStack) -> float:
    """Share of the gold's length around which not every voxel within 2 runs."""
    runs = np.zeros(plan.shape_zyx, bool)
    for block in plan_blocks(plan):
        view = runs[block.reach]
        for part in crops.parts(block.window_indices()):
            view[part_box(plan, block, part)] = True
    return float((~runs[tuple(np.moveaxis(case.around, -1, 0))].all(axis=1)).mean())


def _timed(
    case: ValidationStack, plan: WindowPlan, predict: Predictor, crops: Crops | None
) -> tuple[NDArray[np.uint8], float]:
    start = time.process_time()
    found = segment_array(
        case.stack.array,
        case.stack.scale,
        plan,
        predict,
        CPU_BATCH,
        lambda count: None,
        crops=crops,
    )
    return found, time.process_time() - start


def _lost(full: NDArray[np.uint8], some: NDArray[np.uint8], case: ValidationStack) -> float:
    """Share of the gold's length that only the full run finds."""
    around = tuple(np.moveaxis(case.around, -1, 0))
    in_full, in_some = (found[around].max(axis=1) >= 128 for found in (full, some))
    return float((in_full & ~in_some).mean())


if __name__ == "__main__":
    main()
