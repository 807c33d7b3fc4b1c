"""Branch order and Strahler order: how deep a rooted tree branches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurorecon.morphology import Morphology


@dataclass(frozen=True, slots=True)
class Branching:
    """branch_order: most forks that a path from a root to a tip passes, the root not counted.

    strahler: Horton-Strahler number of the root: 1 at tips; where the two largest that meet are
        equal, one more. The largest of all trees.
    """

    branch_order: int
    strahler: int


def branching(morphology: Morphology) -> Branching:
    """Orders of rooted trees; a lone node has branch order 0 and Strahler number 1."""
    order = morphology.parent_first
    return Branching(
        branch_order=int(branch_order(morphology, order).max()),
        strahler=int(strahler(morphology, order)[morphology.roots].max()),
    )


def branch_order(morphology: Morphology, order: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) forks above each node, the root not counted; `order`: rows, parent first."""
    parent = morphology.parent.tolist()
    forks = ((morphology.child_count > 1) & (morphology.parent >= 0)).tolist()
    above = [0] * len(parent)
    for row in order.tolist():
        up = parent[row]
        if up >= 0:
            above[row] = above[up] + forks[up]
    return np.array(above, np.int64)


def strahler(morphology: Morphology, order: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) Horton-Strahler number of each node; `order`: rows, parent first."""
    parent = morphology.parent.tolist()
    number = [1] * len(parent)
    largest = [0] * len(parent)  # among the children seen so far
    for row in reversed(order.tolist()):
        if largest[row]:
            number[row] = max(number[row], largest[row])
        up = parent[row]
        if up < 0:
            continue
        if number[row] == largest[up]:
            number[up] = max(number[up], largest[up] + 1)
        largest[up] = max(largest[up], number[row])
    return np.array(number, np.int64)
