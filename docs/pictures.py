"""Draws the pictures of the documentation, from simulated stacks: python docs/pictures.py"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import tifffile
from matplotlib.axes import Axes
from numpy.typing import NDArray
from PIL import Image

from neurorecon.io.stack import read_volume
from neurorecon.io.swc import read_swc
from neurorecon.morphology import Morphology
from neurorecon.segmentation.plan import plan_windows

IMAGES = Path(__file__).with_name("images")
MOST_BYTES = 150_000
COLOUR, BRIDGE = "#00897b", "#e53935"


def main() -> None:
    """The steps of the first tutorial, then a figure for each of them."""
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        run("simulate --out made --seed 4 --voxel-size 1 0.5 0.5")
        Path("made/random_0000.tif").rename("stack.tif")
        run("segment stack.tif")
        run("trace stack_seg.tif --image stack.tif --out neuron.swc --preview preview.png")
        stack, segmentation = read_volume(Path("stack.tif")), tifffile.imread("stack_seg.tif")
        tree, size = read_swc(Path("neuron.swc")), stack.grid.voxel_size_zyx
        projections("first_stack.png", stack.array, size)
        projections("first_probability.png", segmentation, size)
        stages("first_steps.png", stack.array, segmentation, tree, size)
        shrink(Path("preview.png"), "method_stages.png")
        run("view stack.tif neuron.swc --out view.png")
        shrink(Path("view.png"), "first_tree.png")
    windows("method_windows.png")


def run(line: str) -> None:
    """A command of neurorecon, or an error."""
    subprocess.run([sys.executable, "-m", "neurorecon", *line.split()], check=True)


def show(axes: Axes, plane: NDArray[np.generic], height: float, width: float) -> None:
    """A projection in true proportions, as bright as its brightest percent."""
    top = float(np.percentile(plane, 99.7)) or 1.0
    axes.imshow(plane, cmap="gray", vmin=0, vmax=top, extent=(0, width, height, 0))
    axes.set_axis_off()


def projections(name: str, array: NDArray[np.generic], size_zyx: tuple[float, ...]) -> None:
    """Maxima along z, y and x, side by side, with a scale bar."""
    z, y, x = (count * size for count, size in zip(array.shape, size_zyx, strict=True))
    figure, axes = plt.subplots(1, 3, figsize=(9, 3.4), width_ratios=[x, x, y], layout="tight")
    for one, axis, height, width in zip(axes, range(3), (y, z, z), (x, x, y), strict=True):
        show(one, array.max(axis=axis), height, width)
        one.set_title(f"along {'zyx'[axis]}", fontsize=9)
    axes[0].plot([3, 23], [y - 3, y - 3], color="white", linewidth=3)
    axes[0].text(3, y - 5, "20 µm", color="white", fontsize=8)
    save(figure, name)


def stages(
    name: str,
    array: NDArray[np.generic],
    segmentation: NDArray[np.generic],
    tree: Morphology,
    size_zyx: tuple[float, ...],
) -> None:
    """Stack, probability and tree along z, side by side."""
    height, width = (
        count * size for count, size in zip(array.shape[1:], size_zyx[1:], strict=True)
    )
    figure, axes = plt.subplots(1, 3, figsize=(9, 3.1), layout="tight")
    show(axes[0], array.max(axis=0), height, width)
    show(axes[1], segmentation.max(axis=0), height, width)
    show(axes[2], np.zeros((1, 1)), height, width)
    draw(axes[2], tree)
    for one, title in zip(axes, ("stack", "probability", "tree"), strict=True):
        one.set_title(title, fontsize=9)
    save(figure, name)


def draw(axes: Axes, tree: Morphology) -> None:
    """The edges of a tree, y against x, as wide as its neurites."""
    for child in np.flatnonzero(tree.parent >= 0):
        pair = tree.point_zyx[[child, tree.parent[child]]]
        width = float(np.clip(tree.radius[child] * 1.5, 0.8, 3))
        axes.plot(pair[:, 2], pair[:, 1], color="#4dd0c0", linewidth=width)


def windows(name: str) -> None:
    """Blending weights of three windows along one axis, and their sum."""
    plan = plan_windows((64, 64, 160), (8, 8, 8))
    figure, axes = plt.subplots(figsize=(7, 2.2), layout="tight")
    total = np.zeros(plan.shape_zyx[2])
    for start, weight in zip(plan.starts_zyx[2], plan.weights_zyx[2], strict=True):
        place = np.arange(start, start + len(weight))
        axes.fill_between(place, weight, alpha=0.35, color=COLOUR)
        total[place] += weight
    axes.plot(total, color=BRIDGE, linewidth=1.5)
    axes.set(xlabel="voxel", ylabel="weight", xlim=(0, 159), ylim=(0, 1.15), yticks=[0, 0.5, 1])
    save(figure, name)


def shrink(path: Path, name: str) -> None:
    """A picture that the tool made, small enough for the repository."""
    picture = Image.open(path).convert("RGB")
    picture.thumbnail((700, 700))
    target = IMAGES / name
    picture.quantize(64).save(target, optimize=True)
    check(target)


def save(figure: plt.Figure, name: str) -> None:
    """A figure as a PNG of few colours."""
    target = IMAGES / name
    figure.savefig(target, dpi=110)
    plt.close(figure)
    Image.open(target).convert("RGB").quantize(128).save(target, optimize=True)
    check(target)


def check(path: Path) -> None:
    """Refuse a picture that weighs more than the repository should carry."""
    if path.stat().st_size > MOST_BYTES:
        sys.exit(f"{path}: {path.stat().st_size:,} bytes, more than {MOST_BYTES:,}")
    print(path)


if __name__ == "__main__":
    main()
