"""A picture of a tracing: projections along three axes, alone and with the trees over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle
from numpy.typing import NDArray

from neurorecon.morphology import Morphology
from neurorecon.report.content import TREE_COLOURS
from neurorecon.report.projections import (
    Brightness,
    Projections,
    Stack,
    bright_blocks,
    dark_along,
    shown,
)
from neurorecon.volume import Grid

_BACKGROUND, _TEXT = "#0b0e14", "#c9d1d9"
_STACK_COLOURS = LinearSegmentedColormap.from_list("stack", [_BACKGROUND, "#5b6b84", "#f5f7fa"])
_GAP_COLOUR, _RING = "#ff4d4d", 5.0  # the smallest ring's radius in points
_DIMMED = 0.55  # brightness of the stack under the trees
_PIXELS = 1024  # longest side of a projection; a larger one is reduced block by block
_WIDTH, _DPI = 14.0, 150  # inches, dots per inch: pictures are 2100 pixels wide
_GAP, _MARGIN = 0.08, 0.25  # inches
_TALLEST = 14.0  # inches


@dataclass(frozen=True)
class _View:
    """One projection. down, across: array axes that run down and across the picture."""

    along: int
    down: int
    across: int


_FRONT = _View(along=0, down=1, across=2)
_SIDE = _View(along=2, down=1, across=0)
_BELOW = _View(along=1, down=0, across=2)


def draw_preview(
    stack: Stack | None,
    grid: Grid,
    neurons: Sequence[Morphology],
    gaps: Sequence[NDArray[np.float64]] = (),
) -> Figure:
    """The stack's projections on the left, the same with the trees over them on the right.

    Each half shows the projection along z, to its right that along x, below it that along y, all to
    one physical scale. Bridged gaps are red and ringed. A stack that is darker along the trees than
    beside them is shown as a negative.

    stack: (Z, Y, X) any real dtype, raw or segmentation, in memory or on disk. None: the trees
        alone, in the one voxel of the grid.
    neurons, gaps: in the frame and unit of the grid; a gap is the path (p, 3) across it.
    """
    shape = (1, 1, 1) if stack is None else stack.shape
    size = np.asarray(shape) * np.asarray(grid.voxel_size_zyx)  # (3,) in the grid's unit
    halves = [neurons] if stack is None else [(), neurons]
    half = (_WIDTH - (len(halves) + 1) * _MARGIN) / len(halves)
    scale = (half - _GAP) / (size[2] + size[0])  # inches per unit of length
    scale = min(scale, (_TALLEST - 2 * _MARGIN - _GAP) / (size[1] + size[0]))
    height = 2 * _MARGIN + _GAP + scale * (size[1] + size[0])
    used = scale * (size[2] + size[0]) + _GAP
    width = len(halves) * used + (len(halves) + 1) * _MARGIN
    figure = Figure(figsize=(width, height), dpi=_DPI, facecolor=_BACKGROUND)
    FigureCanvasAgg(figure)
    images = _projections(stack, grid, neurons)
    for number, trees in enumerate(halves):
        left = _MARGIN + number * (used + _MARGIN)
        x = (left, left + scale * size[2] + _GAP)
        y = (height - _MARGIN - scale * size[1], _MARGIN)
        for view, corner in ((_FRONT, (x[0], y[0])), (_SIDE, (x[1], y[0])), (_BELOW, (x[0], y[1]))):
            box = (*corner, scale * size[view.across], scale * size[view.down])
            place = (box[0] / width, box[1] / height, box[2] / width, box[3] / height)
            axes = figure.add_axes(place, frameon=False)
            _show(axes, images[view], view, grid, size, dim=bool(number))
            _draw_trees(axes, view, trees, points_per_unit=72.0 * scale)
            if trees:
                _mark_gaps(axes, view, gaps, points_per_unit=72.0 * scale)
        if not number:
            _scale_bar(figure.axes[0], size, grid)
    return figure


def _projections(
    stack: Stack | None, grid: Grid, neurons: Sequence[Morphology]
) -> dict[_View, Brightness]:
    """(down, across) brightness 0..1 of each view, after one pass over the stack."""
    if stack is None:
        return {view: np.zeros((1, 1), np.float32) for view in (_FRONT, _BELOW, _SIDE)}
    nodes = [grid.to_index(tree.point_zyx) for tree in neurons]
    negative = bool(nodes) and dark_along(stack, np.concatenate(nodes))
    projections = Projections(stack.shape)
    for box, block in bright_blocks(stack, negative):
        projections.add(box, block)
    along_z, along_y, along_x = map(shown, projections.reduced(_PIXELS))
    return {_FRONT: along_z, _BELOW: along_y, _SIDE: along_x.T}


def _show(
    axes: Axes,
    image: Brightness,
    view: _View,
    grid: Grid,
    size: NDArray[np.float64],
    dim: bool,
) -> None:
    first = np.asarray(grid.origin_zyx) - 0.5 * np.asarray(grid.voxel_size_zyx)
    last = first + size
    extent = (first[view.across], last[view.across], last[view.down], first[view.down])
    axes.imshow(
        image * (_DIMMED if dim else 1.0),
        cmap=_STACK_COLOURS,
        vmin=0.0,
        vmax=1.0,
        extent=extent,
        aspect="auto",
        interpolation="antialiased",
    )
    axes.set_xticks([])
    axes.set_yticks([])


def _draw_trees(
    axes: Axes, view: _View, trees: Sequence[Morphology], points_per_unit: float
) -> None:
    for number, tree in enumerate(trees):
        colour = np.asarray(to_rgb(TREE_COLOURS[number % len(TREE_COLOURS)]))
        flat = tree.point_zyx[:, [view.across, view.down]]
        segments = flat[tree.edges]  # (m, 2, 2)
        calibre = tree.radius[tree.edges].mean(axis=1) * points_per_unit
        lines = LineCollection(
            list(segments),
            colors=[colour],
            linewidths=np.clip(calibre, 0.8, 1.5),
            capstyle="round",
        )
        axes.add_collection(lines, autolim=False)
        for root in tree.roots:
            soma = tree.kind[root] == 1
            radius = tree.radius[root] if soma else 3.0 / points_per_unit
            axes.add_patch(
                Circle(
                    tuple(flat[root]),
                    max(float(radius), 3.0 / points_per_unit),
                    facecolor=(*colour, 0.35),
                    edgecolor="white",
                    linewidth=1.0,
                    zorder=3,
                )
            )


def _mark_gaps(
    axes: Axes, view: _View, gaps: Sequence[NDArray[np.float64]], points_per_unit: float
) -> None:
    """The paths across them in a colour of their own, and a ring to find each by."""
    flats = [path[:, [view.across, view.down]] for path in gaps]
    lines = LineCollection(flats, colors=[_GAP_COLOUR], linewidths=1.6, zorder=4)
    axes.add_collection(lines, autolim=False)
    for flat in flats:
        centre = 0.5 * (flat.min(axis=0) + flat.max(axis=0))
        reach = float(np.linalg.norm(flat - centre, axis=1).max())
        radius = max(1.15 * reach, _RING / points_per_unit)
        axes.add_patch(
            Circle(
                tuple(centre), radius, fill=False, edgecolor=_GAP_COLOUR, linewidth=0.5, alpha=0.7
            )
        )


def _scale_bar(axes: Axes, size: NDArray[np.float64], grid: Grid) -> None:
    """A bar of a round length, only where lengths are known."""
    if grid.unit != "um":
        return
    goal = 0.25 * float(size[2])
    power = 10.0 ** np.floor(np.log10(goal))
    length = float(max(step * power for step in (1.0, 2.0, 5.0) if step * power <= goal))
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()  # y runs down: bottom > top
    x = right - 0.04 * (right - left) - length
    y = bottom - 0.05 * (bottom - top)
    bar = Rectangle((x, y), length, 0.006 * (bottom - top), color=_TEXT, linewidth=0)
    axes.add_patch(bar)
    axes.text(
        x + length / 2,
        y - 0.012 * (bottom - top),
        f"{length:g} µm",
        color=_TEXT,
        ha="center",
        va="bottom",
        fontsize=9,
    )
