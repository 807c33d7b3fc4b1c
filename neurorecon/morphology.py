"""A neuron as rooted trees of nodes: what an SWC file holds, in z, y, x."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from neurorecon.volume import Unit

SOMA, AXON, BASAL_DENDRITE, APICAL_DENDRITE = 1, 2, 3, 4
UNDEFINED = 0


@dataclass(frozen=True, eq=False)
class Morphology:
    """One or more rooted trees.

    point_zyx: (n, 3) float64, in `unit`.
    radius: (n,) float64, in `unit`; 0 or less where unknown.
    parent: (n,) int64 row of the parent, -1 for a root. Rows may stand in any order; there are
        no cycles (`io.swc` refuses them).
    kind: (n,) int64 SWC type (0 undefined, 1 soma, 2 axon, 3 basal, 4 apical dendrite, 5+ custom).
    unit: of coordinates and radii.
    """

    point_zyx: NDArray[np.float64]
    radius: NDArray[np.float64]
    parent: NDArray[np.int64]
    kind: NDArray[np.int64]
    unit: Unit = "voxel"

    def __len__(self) -> int:
        return len(self.parent)

    @cached_property
    def roots(self) -> NDArray[np.int64]:
        """Rows without a parent."""
        return np.flatnonzero(self.parent < 0)

    @cached_property
    def child_count(self) -> NDArray[np.int64]:
        """(n,) number of children of each node."""
        return np.bincount(self.parent[self.parent >= 0], minlength=len(self)).astype(np.int64)

    @cached_property
    def edges(self) -> NDArray[np.int64]:
        """(m, 2) rows of child and parent, one row for each edge."""
        child = np.flatnonzero(self.parent >= 0)
        return np.stack([child, self.parent[child]], axis=1)

    @cached_property
    def degree(self) -> NDArray[np.int64]:
        """(n,) number of edges that meet at each node."""
        return self.child_count + (self.parent >= 0)

    @cached_property
    def forks(self) -> NDArray[np.int64]:
        """Rows where three or more edges meet, in any direction, so that re-rooting keeps them."""
        return np.flatnonzero(self.degree >= 3)

    @cached_property
    def tips(self) -> NDArray[np.int64]:
        """Rows where one edge ends, whatever the direction (a root at an end is one)."""
        return np.flatnonzero(self.degree == 1)

    @cached_property
    def edge_length(self) -> NDArray[np.float64]:
        """(m,) length of each of `edges`, in `unit`."""
        child, parent = self.edges.T
        length: NDArray[np.float64] = np.linalg.norm(
            self.point_zyx[child] - self.point_zyx[parent], axis=1
        )
        return length

    @property
    def length(self) -> float:
        """Total length, in `unit`."""
        return float(self.edge_length.sum())

    @cached_property
    def parent_first(self) -> NDArray[np.int64]:
        """Rows in an order in which every parent comes before its children, tree by tree."""
        by_parent = np.lexsort((-np.arange(len(self)), self.parent))  # the last child first
        bounds = np.searchsorted(self.parent[by_parent], np.arange(len(self) + 1)).tolist()
        children = by_parent.tolist()  # lists: a million rows would wait for NumPy's scalars
        stack = self.roots[::-1].tolist()
        result = []
        while stack:
            row = stack.pop()
            result.append(row)
            stack += children[bounds[row] : bounds[row + 1]]
        return np.array(result, np.int64)

    @cached_property
    def tree_of(self) -> NDArray[np.int64]:
        """(n,) number of the tree (0, 1, ... in the order of `roots`) that each node is in."""
        above = np.where(self.parent < 0, np.arange(len(self)), self.parent)
        while ((higher := above[above]) != above).any():  # twice as far up each time
            above = higher
        return np.searchsorted(self.roots, above)

    def take(self, rows: NDArray[np.int64]) -> Morphology:
        """The nodes `rows`, in that order; a node whose parent is left out becomes a root."""
        new_row = np.full(len(self) + 1, -1, np.int64)  # the last entry answers for parent -1
        new_row[rows] = np.arange(len(rows))
        return Morphology(
            self.point_zyx[rows],
            self.radius[rows],
            new_row[self.parent[rows]],
            self.kind[rows],
            self.unit,
        )

    def trees(self) -> list[Morphology]:
        """One morphology for each root, nodes parent first."""
        order = self.parent_first  # tree by tree
        label = self.tree_of[order]
        first = np.searchsorted(label, np.arange(len(self.roots) + 1))
        place = np.empty(len(self), np.int64)
        place[order] = np.arange(len(self))
        above = self.parent[order]
        parent = np.where(above < 0, -1, place[above] - first[label])
        return [
            Morphology(
                self.point_zyx[order[start:end]],
                self.radius[order[start:end]],
                parent[start:end],
                self.kind[order[start:end]],
                self.unit,
            )
            for start, end in pairwise(first)
        ]
