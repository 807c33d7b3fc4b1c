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
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import tifffile
from scale_runs import COMMAND, WINDOWS, Figures, measured, taking_turns, typical

SIZES = ((64, 128, 128), (64, 256, 256), (96, 320, 320))
BATCHES = (1, 2, 4, 8, 16)
WORKERS = (0, 1, 2)
STACKS = {"batch": (96, 320, 320), "monai": (96, 320, 320), "workers": (160, 640, 640)}
OVERLAP = "0.25"


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
    return measured(COMMAND, "segment", stack, *out, *device, *more)


def row(*cells: object) -> None:
    shown = (f"{cell:,.3g}" if isinstance(cell, float) else str(cell) for cell in cells)
    print(f"| {' | '.join(shown)} |", flush=True)


def rates(options: argparse.Namespace, folder: Path, part: str) -> None:
    """A table and a plot of rate, memory and efficiency against one thing that changes."""
    names: Sequence[object] = {"size": SIZES, "batch": BATCHES, "workers": WORKERS}[part]
    shape = options.stack or STACKS.get(part)

    def run(name: object) -> Figures:
        stack = noise(folder, name if part == "size" else tuple(shape))  # type: ignore[arg-type]
        more = {"size": (), "batch": ("--batch-size", name), "workers": ("--workers", name)}[part]
        return segmented(options, folder, stack, *(more if name else ()))

    found = taking_turns(names, run, options.repeats)
    ones = [typical(runs) for runs in found.values()]
    if part == "size":
        sizes = [float(np.prod(name)) / 1e6 for name in SIZES]
        label, ticks = "million voxels of the stack", sizes
    else:
        sizes = [float(np.prod(shape)) / 1e6] * len(names)
        label, ticks = {"batch": "windows at once", "workers": "workers"}[part], list(names)  # type: ignore[arg-type]
        print(f"{sizes[0]:.3g} million voxels.\n")
    titles = ("seconds", "start", "million voxels a second", "CPU seconds", "peak MB", "efficiency")
    row(label, *titles)
    row(*["---"] * 7)
    for tick, size, one in zip(ticks, sizes, ones, strict=True):
        share = f"{one.network / one.seconds:.2f}" if one.network else "-"
        row(tick, one.seconds, one.start, size / one.seconds, one.cpu, one.peak / 1e6, share)
    lines = {
        "million voxels a second": [n / one.seconds for n, one in zip(sizes, ones, strict=True)],
        "peak memory, GB": [one.peak / 1e9 for one in ones],
    }
    if part == "workers":
        against_one_process(found)
    else:
        lines["efficiency"] = [one.network / one.seconds for one in ones]
    draw(options.plots / f"scale_{part}.png", label, ticks, lines)


def against_one_process(found: dict[object, list[Figures]]) -> None:
    """What workers lose, the start counted and not: the median over rounds."""
    print()
    for workers, runs in found.items():
        if workers:
            pairs = list(zip(runs, found[0], strict=True))
            whole = median(ours.seconds / one.seconds for ours, one in pairs)
            work = median((a.seconds - a.start) / (b.seconds - b.start) for a, b in pairs)
            print(f"{workers}: {whole:.3f} of one process's time, {work:.3f} from the start on.")


def against_monai(options: argparse.Namespace, folder: Path) -> None:
    """The same windows through the same network and weights with MONAI's, in turns."""
    stack, shape = folder / "dense.npy", options.stack or STACKS["monai"]
    np.save(stack, np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8))
    names = ("neurorecon", "MONAI")

    def run(name: object) -> Figures:
        target = folder / f"{name}.npy"
        return measured(WINDOWS, name, stack, target, options.device, OVERLAP)

    found = taking_turns(names, run, options.repeats)
    row("", "seconds", "million voxels a second", "peak beyond one batch, MB")
    row(*["---"] * 4)
    size = float(np.prod(shape)) / 1e6
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
            seconds = seconds_from_the_shell(folder, stack)
            one = segmented(options, folder, stack)
            told.append(plan["seconds"])
            taken.append(seconds)
            row(
                float(np.prod(shape)) / 1e6,
                float(plan["seconds"]),
                seconds,
                plan["seconds"] / seconds,
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


def seconds_from_the_shell(folder: Path, stack: Path) -> float:
    """Of the whole command, libraries that are loaded included, which is what `info` tells."""
    out = ["--out", folder / "told.zarr", "--overwrite"]
    start = time.perf_counter()
    command = [sys.executable, "-m", "neurorecon", "segment", stack, *out]
    subprocess.run(command, capture_output=True, check=True)
    return time.perf_counter() - start


def draw(
    path: Path,
    label: str,
    ticks: Sequence[float],
    lines: dict[str, list[float]],
    names: Sequence[str] = (),
) -> None:
    figure, axes = plt.subplots(1, len(lines), figsize=(7.0, 2.8), layout="constrained")
    for axis, (name, values) in zip(axes, lines.items(), strict=True):
        if names:
            axis.bar(ticks, values, width=0.6, color="#1f6f8b")
        else:
            axis.plot(ticks, values, "o-", color="#1f6f8b")
        axis.set(xlabel=label, title=name, ylim=(0, 1.15 * max(values)))
        if len(ticks) > 3:  # batches
            axis.set_xscale("log", base=2)
        axis.set_xticks(ticks, names or [f"{tick:.3g}" for tick in ticks])
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--parts", default="size,batch,workers,monai,forecast")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--stack", type=int, nargs=3, help="of batch, monai and workers")
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
