"""What a page can show; the caller decides what it means.

Trees come as pieces in coloured layers that can be switched, figures as tables of text and charts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurorecon.report.pictures import StackPictures
from neurorecon.volume import Unit

TREE_COLOURS = ("#ffb000", "#35c9ff", "#ff5fa2", "#8be36b", "#b69cff", "#ff7b3a")


def unit_sign(unit: Unit) -> str:
    """A unit as pages write it."""
    return "µm" if unit == "um" else "voxels"


@dataclass(frozen=True)
class Layer:
    """Straight pieces of a tree that are drawn in one colour and switched together.

    name: beside the switch.
    colour: "#rrggbb".
    start_zyx, end_zyx: (p, 3) ends of the pieces, in the unit of the page.
    branch: (p,) row of the tree's branches that each piece belongs to.
    """

    name: str
    colour: str
    start_zyx: NDArray[np.float64]
    end_zyx: NDArray[np.float64]
    branch: NDArray[np.int64]


@dataclass(frozen=True)
class PageTree:
    """A tree, and what the page says about a branch of it that is picked.

    root_zyx: (r, 3) its roots, in the unit of the page; drawn as dots, so that lone nodes show.
    headings: (k) names of a branch's figures, with their unit.
    figures: (b, k) the figures of each branch; not finite where there is none.
    """

    name: str
    layers: Sequence[Layer]
    root_zyx: NDArray[np.float64]
    headings: Sequence[str]
    figures: NDArray[np.float64]


@dataclass(frozen=True)
class Table:
    """A table of text: the first column names things, the others hold their figures."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Curve:
    """x, y: (n,) points that a line joins; colour: "#rrggbb"."""

    name: str
    colour: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]


@dataclass(frozen=True)
class Chart:
    """Curves over common axes; the labels name their units."""

    title: str
    x_label: str
    y_label: str
    curves: Sequence[Curve]


@dataclass(frozen=True)
class Page:
    """What one page shows.

    title: also the name of the browser's tab.
    facts: pairs of a name and a text, under the title (files, settings).
    unit: of all coordinates of trees and stack.
    stack: None where there is no stack to show under the trees.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    unit: Unit
    trees: Sequence[PageTree]
    stack: StackPictures | None = None
    tables: Sequence[Table] = ()
    tables_title: str = "Scores"
    charts: Sequence[Chart] = ()
