"""The cell body: found by size and shape, drawn as one node, with stems that leave its surface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from neurorecon.morphology import SOMA, UNDEFINED, Morphology
from neurorecon.tracing.rooting import rooted_at

_THICKER = 3.0  # a cell body is at least this many times as thick as the typical neurite
_ASKED = 1.5  # the same where a user says that there is one
_ROUND = 4.0  # a thick stretch longer than this many radii is a trunk, not a body
_LEAST = 4.0  # in units of the smallest voxel size: below it calibres are noise
_ALIKE = 0.5  # several bodies in one stack are at least this part of the largest
# A neurite that leads from one body to another speaks for one neuron: what is thick there may be a
# swelling. A second body in the same tree has to be plainer than an only one.
_FURTHER = 4.0  # times as thick as the typical neurite
_FURTHER_ALIKE = 2.0 / 3.0  # of the largest of the tree
_MOST = 50  # places looked at in one tree; bodies are its thickest places


@dataclass(frozen=True)
class Soma:
    """A cell body. row: the node at its centre. radius: in the unit of the tree."""

    row: int
    radius: float


def find_somas(
    forest: Morphology, smallest_voxel: float, wanted: Literal["auto"] | int = "auto"
) -> list[Soma]:
    """The cell bodies of all trees, largest first.

    wanted: how many; "auto": all that are much thicker than neurites and round; where a neurite
        joins several, those that are thicker yet and alike. Fewer come back where there are not as
        many thick and round places.
    """
    asked = wanted != "auto"
    found: list[Soma] = []
    order = np.argsort(forest.tree_of, kind="stable")
    starts = np.searchsorted(forest.tree_of[order], np.arange(1, len(forest.roots)))
    for rows in np.split(order, starts):
        if forest.radius[rows].max() >= _LEAST * smallest_voxel:
            found += _bodies(forest, rows, smallest_voxel, asked)
    found.sort(key=lambda soma: -soma.radius)
    if wanted != "auto":
        return found[:wanted]
    return [soma for soma in found if soma.radius >= _ALIKE * found[0].radius]


def _bodies(
    forest: Morphology, rows: NDArray[np.int64], smallest_voxel: float, asked: bool
) -> list[Soma]:
    if len(rows) < 2:
        return []
    typical = _typical_radius(forest, rows)
    least = max((_ASKED if asked else _THICKER) * typical, _LEAST * smallest_voxel)
    free = forest.radius[rows] >= least
    found: list[Soma] = []
    for _ in range(_MOST):
        if not free.any():
            break
        row = int(rows[free][forest.radius[rows[free]].argmax()])
        radius = float(forest.radius[row])
        thick = _connected(forest, row, forest.radius >= 0.5 * radius)
        apart = np.linalg.norm(forest.point_zyx - forest.point_zyx[row], axis=1)
        if 2.0 * apart[thick].max() <= _ROUND * radius:
            found.append(Soma(row, radius))
        free &= ~thick[rows] & (apart[rows] > 2.0 * radius)
    if asked or not found:
        return found
    least = max(_FURTHER * typical, _FURTHER_ALIKE * found[0].radius)
    return [soma for soma in found if soma is found[0] or soma.radius >= least]


def _typical_radius(forest: Morphology, rows: NDArray[np.int64]) -> float:
    """Median radius along the length of one tree."""
    inside = np.zeros(len(forest), bool)
    inside[rows] = True
    child = forest.edges[:, 0]
    own = inside[child]
    order = np.argsort(forest.radius[child[own]])
    along = np.cumsum(forest.edge_length[own][order])
    return float(forest.radius[child[own]][order][np.searchsorted(along, along[-1] / 2)])


def _connected(tree: Morphology, row: int, inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which nodes (n,) are connected to `row` through nodes that are `inside`."""
    joined = np.zeros(len(tree), bool)
    joined[row] = True
    both = tree.edges[inside[tree.edges].all(axis=1) | (tree.edges == row).any(axis=1)]
    neighbours: dict[int, list[int]] = {}
    for child, parent in both.tolist():
        neighbours.setdefault(child, []).append(parent)
        neighbours.setdefault(parent, []).append(child)
    waiting = [row]
    while waiting:
        for onward in neighbours.get(waiting.pop(), []):
            if inside[onward] and not joined[onward]:
                joined[onward] = True
                waiting.append(onward)
    return joined


def with_soma(tree: Morphology, soma: Soma) -> Morphology:
    """The tree rooted at its cell body: one node of type 1, and no other node inside."""
    tree = rooted_at(tree, np.array([soma.row]))
    apart = np.linalg.norm(tree.point_zyx - tree.point_zyx[soma.row], axis=1)
    body = _connected(tree, soma.row, apart < soma.radius)
    parent = tree.parent.copy()
    while True:
        parent[(parent >= 0) & body[parent]] = soma.row
        # A stem whose first node is its end or a fork is, to programs that start stems outside of
        # the body, a section without length.
        stem = (parent == soma.row) & ~body
        bare = stem & (np.bincount(parent[parent >= 0], minlength=len(tree)) != 1)
        if not bare.any():
            break
        body |= bare
    kind = np.full(len(tree), UNDEFINED, np.int64)
    kind[soma.row] = SOMA
    radius = tree.radius.copy()
    radius[soma.row] = soma.radius
    body[soma.row] = False
    kept = Morphology(tree.point_zyx, radius, parent, kind, tree.unit)
    return kept.take(np.flatnonzero(~body))
