"""Runs of `benchmarks/scale.py`, each in a process of its own: their time and memory."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psutil

# Runs the command in its own process and tells how long it took, how much of that went by before it
# began with the stack (the model, workers that start), and how much of it the network ran.
COMMAND = """
import json, sys, time
import torch
from neurorecon.segmentation import predictor
from neurorecon.cli.app import app
from neurorecon.commands.segment import run
spent = begun = 0.0
plan_windows = run.plan_windows
def planned(*arguments, **options):
    global begun
    begun = time.perf_counter()
    return plan_windows(*arguments, **options)
run.plan_windows = planned
forward = predictor.Predictor.__call__
def timed(self, windows):
    global spent
    start = time.perf_counter()
    result = forward(self, windows)
    if self.device.type == "cuda":
        torch.cuda.synchronize(self.device)
    spent += time.perf_counter() - start
    return result
predictor.Predictor.__call__ = timed
start = time.perf_counter()
app(sys.argv[1:], standalone_mode=False)
seconds = time.perf_counter() - start
print("figures", json.dumps({"seconds": seconds, "start": begun - start, "network": spent}))
"""

# The same network, windows, overlap, batch and precision under both; array in, array out.
WINDOWS = """
import ctypes, json, sys, time
from functools import reduce
import numpy as np
import torch
from neurorecon.io.checkpoint import load_checkpoint
from neurorecon.io.models import find_model
from neurorecon.model.intensity import estimate_scale
from neurorecon.model.runtime import choose_device, choose_precision, prepared_cpu
from neurorecon.model.segmenter import build_segmenter, size_multiple_zyx
from neurorecon.segmentation.plan import plan_windows
from neurorecon.segmentation.predictor import Predictor, default_batch_size
from neurorecon.segmentation.stack import segment_array
who, source, target, device, overlap = sys.argv[1:]
overlap, device = float(overlap), choose_device(device)
dtype = choose_precision("auto", device)
path = find_model("default")
network = build_segmenter(*load_checkpoint(path), str(path)).eval().to(device)
stack = np.load(source)
scale = estimate_scale(stack)
plan = plan_windows(stack.shape, size_multiple_zyx(network.config), overlap=overlap)
batch = default_batch_size(device)
predict = Predictor(network, device, dtype)
def peak():
    with open("/proc/self/status") as status:
        [line] = [line for line in status if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024
def ours():
    return segment_array(stack, scale, plan, predict, batch, lambda count: None)
def monais():
    from monai.inferers import sliding_window_inference
    with torch.inference_mode(), torch.autocast(device.type, dtype, dtype != torch.float32):
        return sliding_window_inference(
            torch.from_numpy(scale(stack))[None, None], plan.window_zyx, batch,
            lambda windows: torch.sigmoid(network(windows).float()), overlap=overlap,
            sw_device=device, device="cpu", roi_weight_map=tents,
        ).mul(255).round().to(torch.uint8)[0, 0].numpy()
if who == "MONAI":
    import monai.inferers
    sides = [np.minimum(np.arange(1, n + 1), np.arange(n, 0, -1)) for n in plan.window_zyx]
    tents = torch.from_numpy(reduce(np.multiply.outer, sides).astype(np.float32)).to(device)
with prepared_cpu():
    # What was freed so far must not hide what comes.
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    open("/proc/self/clear_refs", "w").write("5")
    predict(torch.zeros((batch, *plan.window_zyx)))
    before = peak()
    start = time.perf_counter()
    result = ours() if who == "neurorecon" else monais()
seconds = time.perf_counter() - start
np.save(target, result)
print("figures", json.dumps({"seconds": seconds, "beyond": peak() - before}))
"""


@dataclass(frozen=True)
class Figures:
    """One run.

    seconds: of the command. start: of them before the stack was begun. network: of them in the
    network of this process. cpu: seconds of all processes, libraries included. peak: bytes of all
    processes. beyond: bytes beyond program, weights and a batch.
    """

    seconds: float
    peak: int
    cpu: float
    start: float = 0.0
    network: float = 0.0
    beyond: int = 0


def measured(code: str, *arguments: object) -> Figures:
    """Run Python with this code and these arguments, and look at its memory while it runs."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        watch = _Watch(process.pid)
        output, errors = process.communicate()
        peak, cpu = watch.stop()
    if process.returncode:
        raise SystemExit(errors.decode())
    return Figures(peak=peak, cpu=cpu, **json.loads(output.decode().rsplit("figures", 1)[1]))


class _Watch:
    """Memory and processor time of a process and its children, sampled."""

    def __init__(self, process: int) -> None:
        self._process, self._peak, self._stop = psutil.Process(process), 0, threading.Event()
        self._cpu: dict[int, float] = {}
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def _look(self) -> None:
        while not self._stop.wait(0.05):
            try:
                family = [self._process, *self._process.children(recursive=True)]
                held = sum(one.memory_info().rss for one in family)
                self._cpu |= {one.pid: sum(one.cpu_times()[:2]) for one in family}
            except psutil.NoSuchProcess:
                continue
            self._peak = max(self._peak, held)

    def stop(self) -> tuple[int, float]:
        self._stop.set()
        self._thread.join()
        return self._peak, sum(self._cpu.values())


def taking_turns(
    names: Sequence[object], run: Callable[[object], Figures], repeats: int
) -> dict[object, list[Figures]]:
    """Each run so many times, one after the other in every round."""
    found: dict[object, list[Figures]] = {name: [] for name in names}
    for _ in range(repeats):
        for name in names:
            found[name].append(run(name))
    return found


def typical(runs: Sequence[Figures]) -> Figures:
    """The run of median time."""
    return sorted(runs, key=lambda run: run.seconds)[len(runs) // 2]
