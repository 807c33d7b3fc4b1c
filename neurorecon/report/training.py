"""Pictures of a training run: its curves, and what the model sees in a stack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from neurorecon.report.charts import legible

_SMOOTHED = 25  # steps in the running mean that is drawn over the raw curve
_NEURITE = 1  # in labels
_TRUTH, _FOUND, _BOTH = (0.2, 0.5, 1.0), (1.0, 0.35, 0.2), (1.0, 1.0, 1.0)


def draw_curves(rows: Sequence[dict[str, float]]) -> Figure:
    """Loss, Dice of the training crops and scores on the validation stacks, over the steps."""
    figure = Figure(figsize=(11, 4), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    loss, scores = figure.subplots(1, 2)
    _curve(loss, rows, "loss", "#1f5fa8", "training loss")
    _curve(scores, rows, "dice", "#1f5fa8", "Dice, training crops")
    for name, colour, label in (
        ("validation_f1", "#d1495b", "tolerant F1, validation stacks"),
        ("validation_dice", "#edae49", "Dice, validation stacks"),
    ):
        points = [(row["step"], row[name]) for row in rows if name in row]
        if points:
            scores.plot(*zip(*points, strict=True), "o-", color=colour, label=label, markersize=4)
    for axes, title in ((loss, "Loss"), (scores, "Scores")):
        axes.set_title(title)
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
        axes.legend(loc="best")
    scores.set_ylim(0, 1)
    return figure


def _curve(axes: Any, rows: Sequence[dict[str, float]], name: str, colour: str, label: str) -> None:
    points = np.array([(row["step"], row[name]) for row in rows if name in row]).reshape(-1, 2)
    axes.plot(*points.T, color=colour, alpha=0.25, linewidth=0.8)
    if len(points) >= _SMOOTHED:
        mean = np.convolve(points[:, 1], np.ones(_SMOOTHED) / _SMOOTHED, mode="valid")
        axes.plot(points[_SMOOTHED - 1 :, 0], mean, color=colour, label=label)
    else:
        axes.plot(*points.T, color=colour, label=label)


def draw_prediction(
    name: str,
    image: NDArray[np.float32],
    label: NDArray[np.uint8],
    segmentation: NDArray[np.uint8],
) -> Figure:
    """Projections along z: the stack, its label, the segmentation, and the two compared.

    image: (Z, Y, X) on the network's intensity scale; label as training labels are;
    segmentation: 0..255.
    """
    truth, found = (label == _NEURITE).max(0), segmentation.max(0)
    compared = np.zeros((*truth.shape, 3))
    marked = found > 127
    compared[truth & ~marked] = _TRUTH
    compared[marked & ~truth] = _FOUND
    compared[truth & marked] = _BOTH
    figure = Figure(figsize=(16, 4.6), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(legible(name), parse_math=False)
    pictures = (
        ("stack", np.clip(image.max(0), 0, 1.5), "gray"),
        ("label", truth, "gray"),
        ("segmentation", found, "gray"),
        ("blue missed, orange extra", compared, None),
    )
    for axes, (title, picture, colours) in zip(figure.subplots(1, 4), pictures, strict=True):
        axes.imshow(picture, cmap=colours)
        axes.set_title(title)
        axes.set_axis_off()
    return figure
