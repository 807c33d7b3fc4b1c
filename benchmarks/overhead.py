"""What `segment` takes beside the network: its time over that of bare passes of the same windows.

    python benchmarks/overhead.py [--shape Z Y X] [--repeats N] [--threads N] [--device cpu]

A stack of noise in which every window runs, from a TIFF to an OME-Zarr. A round is the command,
from its start (libraries loaded) to the written file, and then its batches again, of the same sizes
and in the same order, through the same network and nothing else. Seconds of the clock, and of the
processor, all threads together; the median of the rounds. Prints Markdown.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import tifffile
import torch
from tracing_large import row

from neurorecon.cli.app import app
from neurorecon.model.runtime import prepared_cpu
from neurorecon.segmentation import predictor


class Recorder:
    """Notes the batches that pass through any network."""

    def __init__(self) -> None:
        self.shapes: list[torch.Size] = []
        self.predict: predictor.Predictor | None = None
        self._forward = predictor.Predictor.__call__

    def __enter__(self) -> Recorder:
        def noted(one: predictor.Predictor, windows: torch.Tensor) -> torch.Tensor:
            self.shapes.append(windows.shape)
            self.predict = one
            return self._forward(one, windows)

        predictor.Predictor.__call__ = noted  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        predictor.Predictor.__call__ = self._forward  # type: ignore[method-assign]

    def bare(self) -> None:
        """The same batches once more."""
        assert self.predict is not None
        device = self.predict.device
        windows = {shape: torch.rand(shape, device=device) for shape in set(self.shapes)}
        with prepared_cpu():
            for shape in self.shapes:
                self.predict(windows[shape])
            if device.type == "cuda":
                torch.cuda.synchronize()


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the clock and of the processor."""
    clock, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shape", type=int, nargs=3, default=(96, 320, 320))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as temporary:
        stack, out = Path(temporary) / "noise.tif", Path(temporary) / "seg.zarr"
        noise = np.random.default_rng(0).integers(0, 255, options.shape).astype(np.uint8)
        tifffile.imwrite(stack, noise)
        command = ["segment", str(stack), "--out", str(out), "--overwrite", "--no-skip"]
        command += ["--device", options.device]
        rounds = []
        for _ in range(options.repeats + 1):
            with Recorder() as recorder:
                whole = timed(lambda: app(command, standalone_mode=False))
            rounds.append((whole, timed(recorder.bare)))
    windows = sum(shape[0] for shape in recorder.shapes)
    print(f"\n{windows} windows, {options.threads} threads, {options.device}, after one round.\n")
    row("seconds of the", "segment", "bare passes", "ratio, median", "least", "most")
    row(*["---"] * 6)
    for kind, name in enumerate(("clock", "processor")):
        pairs = [(whole[kind], bare[kind]) for whole, bare in rounds[1:]]
        ratios = [whole / bare for whole, bare in pairs]
        middle = [median(column) for column in zip(*pairs, strict=True)]
        row(name, *middle, median(ratios), min(ratios), max(ratios))


if __name__ == "__main__":
    main()
