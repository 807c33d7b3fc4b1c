"""Draws the pictures of the documentation, from simulated stacks.

    python docs/pictures.py [PAGE ...]

PAGE: first, own_model, overnight, whole_brain or method; without one, all of them, which takes some
five minutes on one core.
"""

from __future__ import annotations

import csv
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
from neurorecon.io.swc import read_swc, write_swc
from neurorecon.morphology import Morphology
from neurorecon.segmentation.blocks import plan_blocks
from neurorecon.segmentation.plan import plan_windows
from neurorecon.volume import Grid, Volume

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
MOST_BYTES = 150_000
COLOUR, BRIDGE = "#00897b", "#e53935"


def main() -> None:
    """The steps of each tutorial, then a figure for each of them."""
    pages = {
        "first": first,
        "own_model": own_model,
        "overnight": overnight,
        "whole_brain": whole_brain,
        "method": method,
    }
    for page in sys.argv[1:] or pages:
        with tempfile.TemporaryDirectory() as name:
            os.chdir(name)
            pages[page]()


def first() -> None:
    """A stack, what the network makes of it, its tree."""
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


def own_model() -> None:
    """What `train` draws: the curves, and what the model sees after sixty steps."""
    look = "--look dense --voxel-size 1.5 0.8 0.8"
    run(f"simulate --out pairs --count 3 --seed 1 {look}")
    run(f"simulate --out kept --count 1 --seed 9 {look}")
    run("train --data pairs --validation kept --out mine.safetensors --steps 60")
    below("own_model.png", [Path("mine_log/curves.png"), Path("mine_log/predictions.png")], 900)


def overnight() -> None:
    """Three stacks, their trees, and what the summary says of each."""
    run("simulate --out stacks --count 3 --seed 7 --look clear --voxel-size 2 1 1")
    for path in Path("stacks").glob("*_label.tif"):
        path.unlink()
    run("run " + " ".join(map(str, sorted(Path("stacks").glob("*.tif")))) + " --out traced")
    with Path("traced/summary.csv").open(newline="") as file:
        morning("overnight.png", list(csv.DictReader(file)))


def whole_brain() -> None:
    """The neuron of the demo: its blocks, and its tree over the levels of the segmentation."""
    sys.path.insert(0, str(ROOT / "examples"))
    from demo import VOXEL_SIZE_ZYX_UM, example_neuron

    write_swc(Path("neuron.swc"), example_neuron())
    run(f"simulate neuron.swc --out made --seed 3 --voxel-size {' '.join(VOXEL_SIZE_ZYX_UM)}")
    run("segment made/neuron.tif --out seg.ome.zarr")
    run("trace seg.ome.zarr --out tree.swc")
    stack, tree = read_volume(Path("made/neuron.tif")), read_swc(Path("tree.swc"))
    blocks_and_levels("whole_brain.png", stack, [Path("seg.ome.zarr") / n for n in "012"], tree)


def method() -> None:
    """How windows overlap."""
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


def draw(axes: Axes, tree: Morphology, grid: Grid | None = None) -> None:
    """The edges of a tree, y against x, as wide as its neurites; in voxels of `grid`, if given."""
    points = tree.point_zyx if grid is None else grid.to_index(tree.point_zyx)
    for child in np.flatnonzero(tree.parent >= 0):
        pair = points[[child, tree.parent[child]]]
        width = float(np.clip(tree.radius[child] * 1.5, 0.8, 3))
        axes.plot(pair[:, 2], pair[:, 1], color="#4dd0c0", linewidth=width)


def blocks_and_levels(name: str, stack: Volume, levels: list[Path], tree: Morphology) -> None:
    """The stack with its blocks, then the levels of its segmentation, to scale, with the tree."""
    height, width = stack.array.shape[1:]
    panels = [stack.array, *(read_volume(path).array for path in levels if path.exists())]
    shares = [1.0, *(panel.shape[2] / width for panel in panels[1:])]
    size = (10, 10 / sum(shares) * height / width + 0.35)
    figure, axes = plt.subplots(1, len(panels), figsize=size, width_ratios=shares, layout="tight")
    for number, (one, panel) in enumerate(zip(axes, panels, strict=True)):
        show(one, panel.max(axis=0), height, width)
        one.set_anchor("N")
        one.set_title(
            f"segmentation, level {number - 1}" if number else "stack, blocks", fontsize=9
        )
    grid = plan_blocks(plan_windows(stack.array.shape, (8, 8, 8)))
    for axis, draw_line in ((1, axes[0].axhline), (2, axes[0].axvline)):
        for edge in grid.edges_zyx[axis][1:-1]:
            draw_line(edge, color="white", linewidth=0.8, linestyle="--")
    axes[1].images[0].set_clim(0, 900)  # dark, under the tree
    draw(axes[1], tree, stack.grid)
    save(figure, name)


def morning(name: str, rows: list[dict[str, str]]) -> None:
    """Stacks above, trees over them below, along z; rows: of the summary."""
    figure, axes = plt.subplots(2, len(rows), figsize=(9, 5.6), layout="tight")
    for (above, under), row in zip(axes.T, rows, strict=True):
        stack = read_volume(Path(row["stack"]))
        height, width = stack.array.shape[1:]
        for one in (above, under):
            show(one, stack.array.max(axis=0), height, width)
        under.images[0].set_clim(0, 2 * under.images[0].get_clim()[1])  # dark, under the tree
        for path in Path("traced").glob(f"{row['name']}*.swc"):
            draw(under, read_swc(path), stack.grid)
        length = f"{float(row['length']):.0f} µm"
        above.set_title(f"{row['name']}: {length}", fontsize=9)
    save(figure, name)


def windows(name: str) -> None:
    """Blending weights of three windows along one axis, and their sum."""
    plan = plan_windows((96, 96, 240), (8, 8, 8))
    figure, axes = plt.subplots(figsize=(7, 2.2), layout="tight")
    total = np.zeros(plan.shape_zyx[2])
    for start, weight in zip(plan.starts_zyx[2], plan.weights_zyx[2], strict=True):
        place = np.arange(start, start + len(weight))
        axes.fill_between(place, weight, alpha=0.35, color=COLOUR)
        total[place] += weight
    axes.plot(total, color=BRIDGE, linewidth=1.5)
    axes.set(xlabel="voxel", ylabel="weight", yticks=[0, 0.5, 1])
    axes.set(xlim=(0, len(total) - 1), ylim=(0, 1.15))
    save(figure, name)


def shrink(path: Path, name: str) -> None:
    """A picture that the tool made, small enough for the repository."""
    picture = Image.open(path).convert("RGB")
    picture.thumbnail((700, 700))
    target = IMAGES / name
    picture.quantize(64).save(target, optimize=True)
    check(target)


def below(name: str, paths: list[Path], width: int) -> None:
    """Pictures that the tool made, one below the other, all as wide."""
    pictures = [Image.open(path).convert("RGB") for path in paths]
    pictures = [one.resize((width, round(one.height * width / one.width))) for one in pictures]
    whole = Image.new("RGB", (width, sum(one.height for one in pictures)), "white")
    top = 0
    for one in pictures:
        whole.paste(one, (0, top))
        top += one.height
    whole.quantize(160).save(IMAGES / name, optimize=True)
    check(IMAGES / name)


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
