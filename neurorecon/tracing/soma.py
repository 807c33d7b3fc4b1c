"""The cell body: found by calibre, drawn as one node, with stems that leave from its surface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurorecon.morphology import SOMA, UNDEFINED, Morphology
from neurorecon.tracing.rooting import rooted_at

_THICKER = 3.0  # a cell body is at least this many times as thick as the typical neurite
_ROUND = 4.0  # a thick stretch longer than this many radii is a trunk, not a body
_LEAST = 4.0  # in units of the smallest voxel size: below it calibres are noise


@dataclass(frozen=True)
class Soma:
    """A cell body. row: the node at its centre. radius: in the unit of the tree."""

    row: int
    radius: float


def find_soma(tree: Morphology, smallest_voxel: float) -> Soma | None:
    """The cell body of one tree, or None where nothing is thick and round enough."""
    if len(tree) < 2:
        return None
    row = int(tree.radius.argmax())
    radius = float(tree.radius[row])
    child = tree.edges[:, 0]
    order = np.argsort(tree.radius[child])
    along = np.cumsum(tree.edge_length[order])
    typical = tree.radius[child][order][np.searchsorted(along, along[-1] / 2)]
    if radius < max(_THICKER * typical, _LEAST * smallest_voxel):
        return None
    return Soma(row, radius) if _thick_extent(tree, row, radius) <= _ROUND * radius else None


def _thick_extent(tree: Morphology, row: int, radius: float) -> float:
    """Twice the distance from the centre to the farthest connected node at least half as thick."""
    thick = np.flatnonzero(_connected(tree, row, tree.radius >= 0.5 * radius))
    return 2.0 * float(np.linalg.norm(tree.point_zyx[thick] - tree.point_zyx[row], axis=1).max())


def _connected(tree: Morphology, row: int, inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which nodes (n,) are connected to `row` through nodes that are `inside`."""
    seen = rooted_at(tree, np.array([row]))
    joined = inside.copy()
    joined[row] = True
    for node in seen.parent_first[1:]:
        joined[node] &= joined[seen.parent[node]]
    return joined


def with_soma(tree: Morphology, soma: Soma) -> Morphology:
    """The tree rooted at its cell body: one node of type 1, and no other node inside."""
    tree = rooted_at(tree, np.array([soma.row]))
    apart = np.linalg.norm(tree.point_zyx - tree.point_zyx[soma.row], axis=1)
    body = _connected(tree, soma.row, apart < soma.radius)
    parent = tree.parent.copy()
    parent[(parent >= 0) & body[parent]] = soma.row
    kind = np.full(len(tree), UNDEFINED, np.int64)
    kind[soma.row] = SOMA
    radius = tree.radius.copy()
    radius[soma.row] = soma.radius
    body[soma.row] = False
    kept = Morphology(tree.point_zyx, radius, parent, kind, tree.unit)
    return kept.take(np.flatnonzero(~body))
