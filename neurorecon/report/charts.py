"""Charts as SVG, drawn by matplotlib in the colours of the page."""

from __future__ import annotations

import io

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from neurorecon.report.content import Chart

_BACKGROUND, _TEXT, _GRID = "#11151d", "#c9d1d9", "#2b3340"
_INCHES = (8.0, 3.6)


def legible(name: str) -> str:
    """A name that can be drawn: `?` for what is not UTF-8 of a file's name."""
    return name.encode("utf-8", errors="replace").decode("utf-8")


def chart_svg(chart: Chart) -> bytes:
    """The chart as an SVG file; equal charts give equal bytes.

    Labels and names are drawn as outlines: they look alike everywhere, and `$` is no formula.
    """
    figure = Figure(figsize=_INCHES, facecolor=_BACKGROUND, layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.add_subplot(facecolor=_BACKGROUND)
    for place, curve in enumerate(chart.curves):
        width = 1.5 * (len(chart.curves) - place)  # the first is widest, so that equal ones show
        axes.plot(curve.x, curve.y, color=curve.colour, label=legible(curve.name), linewidth=width)
    axes.set_xlabel(chart.x_label, color=_TEXT, parse_math=False)
    axes.set_ylabel(chart.y_label, color=_TEXT, parse_math=False)
    axes.tick_params(colors=_TEXT)
    axes.grid(color=_GRID, linewidth=0.6)
    for spine in axes.spines.values():
        spine.set_color(_GRID)
    if chart.curves:
        legend = axes.legend(frameon=False, labelcolor=_TEXT)
        for text in legend.get_texts():
            text.set_parse_math(False)
    drawn = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "neurorecon"}):
        figure.savefig(drawn, format="svg", metadata={"Date": None})
    return drawn.getvalue()
