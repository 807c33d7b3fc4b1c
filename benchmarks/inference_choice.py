"""`segment` as it comes against MONAI's networks as they come, by the clock.

    python benchmarks/inference_choice.py [--shape Z Y X] [--repeats N] [--threads N] [--device cpu]
        [--networks BasicUNet,UNETR]

Ours: the default model with its own windows, batch and precision. MONAI's: BasicUNet and UNETR of
default size, untrained (the time does not depend on the weights), through
`sliding_window_inference` with the windows of its tutorials, 96 voxels a side, four at once, and
all else by default; its memory allocator is given our settings, which make it faster. A dense stack
of noise, array in, array out, nothing skipped; after one batch each, in turns. Prints Markdown: the
median and range of seconds, and of the ratio of theirs to ours round by round.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
from monai.inferers import sliding_window_inference
from monai.networks.nets import UNETR, BasicUNet
from numpy.typing import NDArray
from tracing_large import row

from neurorecon.io.checkpoint import load_checkpoint
from neurorecon.io.models import find_model
from neurorecon.model.intensity import estimate_scale
from neurorecon.model.runtime import choose_device, choose_precision, prepared_cpu
from neurorecon.model.segmenter import build_segmenter, size_multiple_zyx
from neurorecon.segmentation.plan import plan_windows
from neurorecon.segmentation.predictor import Predictor, default_batch_size
from neurorecon.segmentation.stack import segment_array

WINDOW, BATCH = (96, 96, 96), 4
NETWORKS: dict[str, Callable[[], torch.nn.Module]] = {
    "BasicUNet": lambda: BasicUNet(spatial_dims=3, in_channels=1, out_channels=1),
    "UNETR": lambda: UNETR(in_channels=1, out_channels=1, img_size=WINDOW),
}
OURS = "neurorecon"
Run = Callable[[], object]


def ours(stack: NDArray[np.uint8], device: torch.device) -> Run:
    """The default model on a stack, after one batch."""
    path = find_model("default")
    network = build_segmenter(*load_checkpoint(path), str(path)).eval().to(device)
    plan = plan_windows(stack.shape, size_multiple_zyx(network.config))
    batch = default_batch_size(device)
    predict = Predictor(network, device, choose_precision("auto", device))
    predict(torch.zeros(batch, *plan.window_zyx))
    scale = estimate_scale(stack)
    return lambda: segment_array(stack, scale, plan, predict, batch, lambda count: None)


def monais(name: str, stack: NDArray[np.uint8], device: torch.device) -> Run:
    """A network of MONAI on a stack, after one batch."""
    network = NETWORKS[name]().eval().to(device)
    values = torch.from_numpy(stack.astype(np.float32) / 255)[None, None]

    @torch.inference_mode()
    def run() -> object:
        return sliding_window_inference(
            values,
            WINDOW,
            BATCH,
            lambda windows: torch.sigmoid(network(windows)),
            sw_device=device,
            device="cpu",
        )

    with torch.inference_mode():
        network(torch.zeros(BATCH, 1, *WINDOW, device=device))
    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", type=int, nargs=3, default=(96, 256, 256))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="auto")
    parser.add_argument("--networks", default=",".join(NETWORKS))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = choose_device(options.device)
    stack = np.random.default_rng(0).integers(0, 255, options.shape, np.uint8)
    seconds: dict[str, list[float]] = {}
    with prepared_cpu():
        runs = {OURS: ours(stack, device)}
        runs |= {name: monais(name, stack, device) for name in options.networks.split(",")}
        for _ in range(options.repeats):
            for name, run in runs.items():
                start = time.perf_counter()
                run()
                seconds.setdefault(name, []).append(time.perf_counter() - start)
    size = " x ".join(map(str, stack.shape))
    print(f"{size} voxels, {device}, {options.threads} threads, {options.repeats} rounds.\n")
    row("", "seconds, median", "least", "most", "times ours, median", "least", "most")
    row(*["---"] * 7)
    for name, taken in seconds.items():
        ratio = [theirs / own for theirs, own in zip(taken, seconds[OURS], strict=True)]
        spread = [one for values in (taken, ratio) for one in (median(values), *_ends(values))]
        row(name, *spread)


def _ends(values: list[float]) -> tuple[float, float]:
    return min(values), max(values)


if __name__ == "__main__":
    main()
