"""How `segment` scales: speed, memory and efficiency against stack, batch, device and workers.

    python benchmarks/scale.py [--parts size,batch,workers,monai,forecast] [--device cpu]
        [--repeats N] [--stack Z Y X] [--folder DIR] [--plots DIR]

Stacks are noise, in which every window runs. Every figure is of a process of its own, and where
figures are compared their processes take turns, so that what else the machine does falls on all
alike; the median is told. A rate is million voxels of the stack a second, what windows overlap not
counted twice, from the start of the command (libraries loaded) to the written file. Efficiency is
the share of that time that the network ran. Peak memory is that of the process with all its
children, programs and libraries included. Prints Markdown; writes a plot for each part. Linux only
(`/proc`).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import psutil
import tifffile

SIZES = ((64, 128, 128), (64, 256, 256), (96, 320, 320), (128, 448, 448))
BATCHES = (1, 2, 4, 8, 16)
WORKERS = (0, 1, 2)
STACK = (96, 320, 320)
OVERLAP = "0.25"

# Runs the command in its own process and tells how long it took and how much of it the network did.
_COMMAND = """
import json, sys, time
import torch
from neurorecon.segmentation import predictor
import neurorecon.commands.segment, neurorecon.commands.trace
from neurorecon.cli.app import app
spent = 0.0
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
print("figures", json.dumps({"seconds": time.perf_counter() - start, "network": spent}))
"""

# The same network, windows, overlap, batch and precision under both; array in, array out.
_WINDOWS = """
import json, sys, time
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
            sw_device=device, device="cpu",
        ).mul(255).round().to(torch.uint8)[0, 0].numpy()
if who == "MONAI":
    import monai.inferers
with prepared_cpu():
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

    seconds: of the command. network: of them in the network. cpu: seconds of all processes, start
    included. peak: bytes of all processes. beyond: bytes beyond program, weights and a batch.
    """

    seconds: float
    peak: int
    cpu: float
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


def noise(folder: Path, shape: tuple[int, int, int]) -> Path:
    """A dense stack in which every window runs."""
    path = folder / f"{'x'.join(map(str, shape))}.tif"
    if not path.exists():
        array = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
        tifffile.imwrite(path, array)
    return path


def segmented(options: argparse.Namespace, folder: Path, stack: Path, *more: object) -> Figures:
    """`neurorecon segment` of one stack."""
    device = ("--device", options.device, "--overlap", OVERLAP, "--no-skip")
    out = ("--out", folder / "seg.zarr", "--overwrite")
    return measured(_COMMAND, "segment", stack, *out, *device, *more)


def row(*cells: object) -> None:
    shown = (f"{cell:,.3g}" if isinstance(cell, float) else str(cell) for cell in cells)
    print(f"| {' | '.join(shown)} |", flush=True)


def rates(options: argparse.Namespace, folder: Path, part: str) -> None:
    """A table and a plot of rate, memory and efficiency against one thing that changes."""
    if part == "size":
        names: Sequence[object] = SIZES
        voxels = [int(np.prod(size)) for size in SIZES]
        label, ticks = "million voxels of the stack", [count / 1e6 for count in voxels]
    else:
        names = BATCHES if part == "batch" else WORKERS
        voxels = [int(np.prod(options.stack))] * len(names)
        label, ticks = {"batch": "windows at once", "workers": "workers"}[part], list(names)

    def run(name: object) -> Figures:
        stack = noise(folder, name if part == "size" else tuple(options.stack))  # type: ignore[arg-type]
        more = {"size": (), "batch": ("--batch-size", name), "workers": ("--workers", name)}[part]
        return segmented(options, folder, stack, *(more if name else ()))

    found = taking_turns(names, run, options.repeats)
    row(label, "seconds", "million voxels a second", "CPU seconds", "peak MB", "efficiency")
    row(*["---"] * 6)
    lines: dict[str, list[float]] = {"million voxels a second": [], "peak memory, GB": []}
    for tick, count, runs in zip(ticks, voxels, found.values(), strict=True):
        one = typical(runs)
        share = f"{one.network / one.seconds:.2f}" if one.network else "-"
        rate = count / 1e6 / one.seconds
        row(tick, one.seconds, rate, one.cpu, one.peak / 1e6, share)
        lines["million voxels a second"].append(rate)
        lines["peak memory, GB"].append(one.peak / 1e9)
    draw(options.plots / f"scale_{part}.png", label, ticks, lines)


def against_monai(options: argparse.Namespace, folder: Path) -> None:
    """The same windows through the same network with MONAI's sliding window, in turns."""
    stack = folder / "dense.npy"
    np.save(stack, np.random.default_rng(0).integers(0, 255, options.stack).astype(np.uint8))
    names = ("neurorecon", "MONAI")

    def run(name: object) -> Figures:
        target = folder / f"{name}.npy"
        return measured(_WINDOWS, name, stack, target, options.device, OVERLAP)

    found = taking_turns(names, run, options.repeats)
    row("", "seconds", "million voxels a second", "peak beyond one batch, MB")
    row(*["---"] * 4)
    size = float(np.prod(options.stack)) / 1e6
    for name, runs in found.items():
        one = typical(runs)
        row(name, one.seconds, size / one.seconds, one.beyond / 1e6)
    pairs = zip(found["neurorecon"], found["MONAI"], strict=True)
    ratio = median(ours.seconds / theirs.seconds for ours, theirs in pairs)
    memory = median(run.beyond for run in found["neurorecon"]) / max(
        median(run.beyond for run in found["MONAI"]), 1
    )
    ours, theirs = (np.load(folder / f"{name}.npy").astype(int) for name in names)
    apart = np.abs(ours - theirs)
    print(f"\nTime {ratio:.3f} of MONAI's (median over rounds), memory {memory:.2f} of its;")
    print(f"outputs differ by {apart.max()} of 255 at most, by {apart.mean():.4f} in the mean.")
    bars = [size / typical(runs).seconds for runs in found.values()]
    beyond = [typical(runs).beyond / 1e9 for runs in found.values()]
    lines = {"million voxels a second": bars, "peak beyond one batch, GB": beyond}
    draw(options.plots / "scale_monai.png", "", [0, 1], lines, names)


def forecasts(options: argparse.Namespace, folder: Path) -> None:
    """What `neurorecon info` says of a stack before, and what the run then takes."""
    row("million voxels", "seconds told", "taken", "ratio", "peak MB told", "taken", "ratio")
    row(*["---"] * 7)
    told, taken = [], []
    for shape in SIZES:
        stack = noise(folder, shape)
        for _ in range(options.repeats):
            command = [sys.executable, "-m", "neurorecon", "info", stack, "--json"]
            answer = subprocess.run(command, stdout=subprocess.PIPE, check=True)
            plan = json.loads(answer.stdout)["segment"]
            one = segmented(options, folder, stack)
            told.append(plan["seconds"])
            taken.append(one.seconds)
            row(
                float(np.prod(shape)) / 1e6,
                float(plan["seconds"]),
                one.seconds,
                plan["seconds"] / one.seconds,
                plan["memory_bytes"] / 1e6,
                one.peak / 1e6,
                plan["memory_bytes"] / one.peak,
            )
    figure, axis = plt.subplots(figsize=(3.5, 3.2), layout="constrained")
    most = 1.1 * max(*told, *taken)
    axis.fill_between([0, most], [0, 0.7 * most], [0, 1.3 * most], color="#dfeaf0", label="30 %")
    axis.plot(taken, told, "o", color="#1f6f8b")
    axis.set(xlabel="seconds taken", ylabel="seconds told", xlim=(0, most), ylim=(0, most))
    axis.legend(frameon=False)
    axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(options.plots / "scale_forecast.png", dpi=130)
    plt.close(figure)


def draw(
    path: Path,
    label: str,
    ticks: Sequence[float],
    lines: dict[str, list[float]],
    names: Sequence[str] = (),
) -> None:
    figure, axes = plt.subplots(1, len(lines), figsize=(7.0, 2.8), layout="constrained")
    for axis, (name, values) in zip(axes, lines.items(), strict=True):
        axis.plot(ticks, values, "o" if names else "o-", color="#1f6f8b")
        axis.set(xlabel=label, title=name, ylim=(0, 1.15 * max(values)))
        axis.set_xticks(ticks, names or [f"{tick:.3g}" for tick in ticks])
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--parts", default="size,batch,workers,monai,forecast")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--stack", type=int, nargs=3, default=STACK, help="of all but size")
    parser.add_argument("--folder", type=Path, help="where the stacks are made; kept")
    parser.add_argument("--plots", type=Path, default=Path(__file__).with_name("images"))
    options = parser.parse_args()
    options.plots.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for part in options.parts.split(","):
            print(f"\n## {part}\n", flush=True)
            if part == "monai":
                against_monai(options, folder)
            elif part == "forecast":
                forecasts(options, folder)
            else:
                rates(options, folder, part)


if __name__ == "__main__":
    main()
