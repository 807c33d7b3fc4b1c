"""Speed of `segment`'s sliding window against MONAI's, over the same network in one run.

    python benchmarks/inference_speed.py [--model NAME] [--shape Z Y X] [--repeats N] [--threads N]

A dense stack of noise, so that nothing can be skipped: same network, windows, overlap, batch and
precision, array in, array out. Runs alternate; prints the median and the range of millions of
voxels of the stack a second (what windows overlap is not counted twice).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from monai.inferers import sliding_window_inference

from neurorecon.io.checkpoint import load_checkpoint
from neurorecon.io.models import find_model
from neurorecon.model.intensity import estimate_scale
from neurorecon.model.runtime import choose_device, choose_precision, prepared_cpu
from neurorecon.model.segmenter import build_segmenter, size_multiple_zyx
from neurorecon.segmentation.plan import plan_windows
from neurorecon.segmentation.predictor import Predictor, default_batch_size
from neurorecon.segmentation.stack import segment_array

OVERLAP = 0.25


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="default")
    parser.add_argument("--shape", type=int, nargs=3, default=(128, 320, 320))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    path = find_model(arguments.model)
    network = build_segmenter(*load_checkpoint(path), str(path)).eval()
    device = choose_device(arguments.device)
    dtype = choose_precision("auto", device)
    network.to(device)
    stack = np.random.default_rng(0).integers(0, 255, arguments.shape).astype(np.uint8)
    scale = estimate_scale(stack)
    plan = plan_windows(stack.shape, size_multiple_zyx(network.config), overlap=OVERLAP)
    batch = default_batch_size(device)
    predict = Predictor(network, device, dtype)

    def ours() -> None:
        segment_array(stack, scale, plan, predict, batch, lambda count: None)

    def monais() -> None:
        with torch.inference_mode(), torch.autocast(device.type, dtype, dtype != torch.float32):
            sliding_window_inference(
                torch.from_numpy(scale(stack))[None, None].to(device),
                plan.window_zyx,
                batch,
                lambda windows: torch.sigmoid(network(windows)),
                overlap=OVERLAP,
            ).mul(255).to(torch.uint8).cpu()

    print(f"{path.name}, {' x '.join(map(str, stack.shape))} voxels, windows {plan.window_zyx},")
    print(f"batch {batch}, {device}, {arguments.threads} threads, {arguments.repeats} runs each\n")
    with prepared_cpu():
        times: dict[str, list[float]] = {"neurorecon": [], "MONAI": []}
        for _ in range(arguments.repeats):
            for name, run in (("neurorecon", ours), ("MONAI", monais)):
                times[name].append(_seconds(run))
    print("| | million voxels a second, median | slowest | fastest |")
    print("|---|---|---|---|")
    for name, seconds in times.items():
        rates = stack.size / 1e6 / np.array(seconds)
        print(f"| {name} | {np.median(rates):.2f} | {rates.min():.2f} | {rates.max():.2f} |")


def _seconds(run: Callable[[], None]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
