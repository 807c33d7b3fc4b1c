"""Do simulated stacks look like real ones? Figures of both, side by side.

    python benchmarks/simulated_looks.py DATA_DIR [--count 40] [--out DIR]

DATA_DIR holds `<family>/<stack>/stack.tif` with `gold.swc`. Prints, for each figure, the range of
the real stacks and of simulated ones of the look "varied", and the real stacks that lie outside of
the simulated range. With --out, intensity histograms and projections of both are drawn there.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import ndimage

from neurorecon.geometry import in_voxels, sample_edges
from neurorecon.io.stack import read_volume
from neurorecon.io.swc import read_swc
from neurorecon.model.intensity import estimate_scale
from neurorecon.morphology import Morphology
from neurorecon.simulation.config import config_for, growth_for
from neurorecon.simulation.growth import grow_tree
from neurorecon.simulation.stack import simulate_stack

BLOCK = 16
FIGURES = {
    "contrast": "median on the centreline minus median of the stack, in the network's unit",
    "faintest tenth": "10th percentile on the centreline, same unit",
    "variation along": "standard deviation on the centreline over its mean above background",
    "noise": "standard deviation between neighbours (in z, y, x) in the background",
    "unevenness": "standard deviation of the medians of blocks of 16 voxels",
    "clutter": "99.9th percentile more than 8 voxels from the centreline",
    "black": "share of voxels at the lowest value",
    "saturated": "share of the centreline at the highest value",
    "calibre": "voxels of half the local brightness within 6 of the centreline, per voxel of it",
}


@dataclass(frozen=True)
class Case:
    """A stack with its tree in voxel indices."""

    name: str
    array: NDArray[np.generic]
    tree: Morphology


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    real = [_real(path) for path in sorted(arguments.data.glob("*/*/stack.tif"))]
    simulated = [_simulated(seed) for seed in range(arguments.count)]
    rows = {case.name: figures_of(case) for case in (*real, *simulated)}
    print("| figure | real, min median max | simulated, min median max | real stacks outside |")
    print("|---|---|---|---|")
    for name, meaning in FIGURES.items():
        ours = np.array([rows[case.name][name] for case in simulated])
        theirs = np.array([rows[case.name][name] for case in real])
        outside = [
            case.name
            for case, value in zip(real, theirs, strict=True)
            if not ours.min() <= value <= ours.max()
        ]
        print(f"| {name}: {meaning} | {_range(theirs)} | {_range(ours)} | {', '.join(outside)} |")
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
        _draw(real, simulated, arguments.out)


def figures_of(case: Case) -> dict[str, float]:
    """All of `FIGURES` for one stack, on the network's intensity scale."""
    scaled = estimate_scale(case.array)(case.array)
    line = _centreline(case)
    on_line = scaled[tuple(line.T)]
    away = np.ones(scaled.shape, bool)
    away[tuple(line.T)] = False
    distance = ndimage.distance_transform_edt(away)
    background = scaled[distance > 8]
    z, y, x = (side // BLOCK * BLOCK for side in scaled.shape)
    blocks = scaled[:z, :y, :x].reshape(z // BLOCK, BLOCK, y // BLOCK, BLOCK, x // BLOCK, BLOCK)
    steps = np.concatenate([np.diff(scaled, axis=axis)[::7, ::7, ::7].ravel() for axis in range(3)])
    near = scaled[distance <= 6]
    return {
        "contrast": float(np.median(on_line)),
        "faintest tenth": float(np.percentile(on_line, 10)),
        "variation along": float(on_line.std() / max(on_line.mean(), 1e-6)),
        "noise": float(1.4826 * np.median(np.abs(steps)) / np.sqrt(2)),
        "unevenness": float(np.median(blocks, axis=(1, 3, 5)).std()),
        "clutter": float(np.percentile(background, 99.9)),
        "black": float((case.array == case.array.min()).mean()),
        "saturated": float((case.array[tuple(line.T)] == case.array.max()).mean()),
        "calibre": float((near > np.median(on_line) / 2).sum() / len(line)),
    }


def _centreline(case: Case) -> NDArray[np.int64]:
    start, end = case.tree.point_zyx[case.tree.edges.T]
    points, _, _ = sample_edges(start, end, step=1.0)
    index = np.unique(np.rint(points).astype(np.int64), axis=0)
    return index[((index >= 0) & (index < case.array.shape)).all(axis=1)]


def _real(path: Path) -> Case:
    tree = read_swc(path.with_name("gold.swc"), orphans_are_roots=True)
    return Case(path.parent.name, read_volume(path).array, tree)


def _simulated(seed: int) -> Case:
    """As `simulate` makes them, but of the size of a few crops."""
    rng = np.random.default_rng(seed)
    lateral = float(np.exp(rng.uniform(np.log(0.12), np.log(0.5))))
    config = replace(
        config_for("varied", rng),
        voxel_size_zyx_um=(lateral * float(rng.uniform(1, 4)), lateral, lateral),
        shape_zyx=(64, 192, 192),
    )
    stack = simulate_stack(grow_tree(growth_for(rng), rng), config, seed)
    return Case(f"simulated {seed}", stack.array, in_voxels(stack.morphology, stack.grid))


def _range(values: NDArray[np.float64]) -> str:
    return " ".join(f"{value:.2g}" for value in (values.min(), np.median(values), values.max()))


def _draw(real: list[Case], simulated: list[Case], folder: Path) -> None:
    figure = Figure(figsize=(8, 5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for cases, colour in ((simulated, "#d1495b"), (real, "#1f5fa8")):
        for number, case in enumerate(cases):
            scaled = estimate_scale(case.array)(case.array)[::2, ::2, ::2]
            counts, edges = np.histogram(scaled, np.linspace(-1, 4, 120), density=True)
            label = ("simulated" if cases is simulated else "real") if number == 0 else None
            axes.semilogy(edges[:-1], counts + 1e-6, color=colour, alpha=0.4, lw=0.8, label=label)
    axes.set(xlabel="intensity on the network's scale", ylabel="density")
    axes.legend()
    figure.savefig(folder / "histograms.png")
    for name, cases in (("real", real), ("simulated", simulated[: len(real)])):
        sheet = Figure(figsize=(15, 9), dpi=90, layout="constrained")
        FigureCanvasAgg(sheet)
        for axes, case in zip(sheet.subplots(3, 5).ravel(), cases, strict=False):
            scaled = estimate_scale(case.array)(case.array).max(0)
            axes.imshow(np.clip(scaled, 0, 2), cmap="gray")
            axes.set_title(case.name)
            axes.set_axis_off()
        sheet.savefig(folder / f"{name}.png")


if __name__ == "__main__":
    main()
