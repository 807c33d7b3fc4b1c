"""Speed and memory of `segment`'s sliding window against MONAI's, over the same network in one run.

    python benchmarks/inference_speed.py [--model NAME] [--shape Z Y X] [--repeats N] [--threads N]

A dense stack of noise, and no window skipped: same network, windows, overlap, weights, batch and
precision, array in, array out. Runs alternate; prints the median and the range of millions of
voxels of the stack a second (what windows overlap is not counted twice), the median over rounds of
our time over MONAI's, the largest difference between the two outputs in steps of 1/255 and, from a
process of its own for each, the peak of memory beyond import, weights, stack and one batch. With
`--memory Z Y X` that is of a stack of its own size. Linux only (`/proc`).
"""

from __future__ import annotations

import argparse
import ctypes
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import reduce
from pathlib import Path

import numpy as np
import torch
from monai.inferers import sliding_window_inference
from numpy.typing import NDArray

from neurorecon.io.checkpoint import load_checkpoint
from neurorecon.io.models import find_model
from neurorecon.model.intensity import estimate_scale
from neurorecon.model.runtime import choose_device, choose_precision, prepared_cpu
from neurorecon.model.segmenter import build_segmenter, size_multiple_zyx
from neurorecon.segmentation.plan import WindowPlan, plan_windows
from neurorecon.segmentation.predictor import Predictor, default_batch_size
from neurorecon.segmentation.stack import segment_array

OVERLAP = 0.25
NAMES = ("neurorecon", "MONAI")
Run = Callable[[], NDArray[np.uint8]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="default")
    parser.add_argument("--shape", type=int, nargs=3, default=(128, 320, 320))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="auto")
    parser.add_argument("--memory", type=int, nargs=3, help="size of the stack for the memory")
    parser.add_argument("--peak-of", choices=NAMES, help="print the memory of one run, in MB")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with prepared_cpu():
        runs = _runs(arguments)
        if arguments.peak_of:
            print(_peak_mb(runs[arguments.peak_of]))
            return
        times: dict[str, list[float]] = {name: [] for name in NAMES}
        outputs = {}
        for _ in range(arguments.repeats):
            for name in NAMES:
                start = time.perf_counter()
                outputs[name] = runs[name]()
                times[name].append(time.perf_counter() - start)
    size = arguments.memory or arguments.shape
    _print(times, outputs)
    peaks = [_peak_in_child(name, size) for name in NAMES]
    print(
        f"Peak memory, {' x '.join(map(str, size))} voxels: {peaks[0]} and {peaks[1]} MB, ", end=""
    )
    print(f"{peaks[0] / max(peaks[1], 1):.2f} of MONAI's.")


def _runs(arguments: argparse.Namespace) -> dict[str, Run]:
    """Both ways to segment the same stack, after one batch through the network."""
    path = find_model(arguments.model)
    network = build_segmenter(*load_checkpoint(path), str(path)).eval()
    device = choose_device(arguments.device)
    dtype = choose_precision("auto", device)
    network.to(device)
    stack = np.random.default_rng(0).integers(0, 255, arguments.shape, np.uint8)
    scale = estimate_scale(stack)
    plan = plan_windows(stack.shape, size_multiple_zyx(network.config), overlap=OVERLAP)
    batch = default_batch_size(device)
    predict = Predictor(network, device, dtype)
    weights = _tents(plan).to(device)
    _forget_peak()
    predict(torch.zeros(batch, *plan.window_zyx))

    def ours() -> NDArray[np.uint8]:
        return segment_array(stack, scale, plan, predict, batch, lambda count: None)

    def monais() -> NDArray[np.uint8]:
        with torch.inference_mode(), torch.autocast(device.type, dtype, dtype != torch.float32):
            result = sliding_window_inference(
                torch.from_numpy(scale(stack))[None, None].to(device),
                plan.window_zyx,
                batch,
                lambda windows: torch.sigmoid(network(windows)),
                overlap=OVERLAP,
                roi_weight_map=weights,
            )
            return result.mul_(255).round_().to(torch.uint8).cpu().numpy()[0, 0]

    if not arguments.peak_of:
        print(
            f"{path.name}, {' x '.join(map(str, stack.shape))} voxels, windows {plan.window_zyx},"
        )
        print(f"batch {batch}, {device}, {arguments.threads} threads\n")
    return dict(zip(NAMES, (ours, monais), strict=True))


def _tents(plan: WindowPlan) -> torch.Tensor:
    """Our weights of one window, before they are made to sum up to 1."""
    sides = [np.minimum(np.arange(1, n + 1), np.arange(n, 0, -1)) for n in plan.window_zyx]
    return torch.from_numpy(reduce(np.multiply.outer, sides).astype(np.float32))


def _peak_mb(run: Run) -> int:
    before = _peak_bytes()
    run()
    return (_peak_bytes() - before) // 1_000_000


def _forget_peak() -> None:
    """Give back what was freed, which later runs would use unseen, and start the peak anew."""
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _peak_bytes() -> int:
    """Of this process; `ru_maxrss` would be at least that of the process that started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def _peak_in_child(name: str, size: Sequence[int]) -> int:
    more = ["--peak-of", name, "--shape", *map(str, size)]
    command = [sys.executable, *sys.argv, *more]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _print(times: dict[str, list[float]], outputs: dict[str, NDArray[np.uint8]]) -> None:
    print("| | million voxels a second, median | slowest | fastest |")
    print("|---|---|---|---|")
    for name, seconds in times.items():
        rates = outputs[name].size / 1e6 / np.array(seconds)
        print(f"| {name} | {np.median(rates):.2f} | {rates.min():.2f} | {rates.max():.2f} |")
    ours, monais = (outputs[name].astype(int) for name in NAMES)
    ratios = np.array(times[NAMES[0]]) / np.array(times[NAMES[1]])
    print(
        f"\nTime over MONAI's: {np.median(ratios):.3f}, {ratios.min():.3f} to {ratios.max():.3f}."
    )
    print(f"Largest difference: {np.abs(ours - monais).max()} of 255.")


if __name__ == "__main__":
    main()
