"""Where two trees agree: the branches of one, cut where they come near the other or leave it.

The same points, distances and weights as in the scores (`tree.py`), so that the lengths here add up
to the length precision and recall there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurorecon.metrics.nearest import EdgeIndex, edge_ends
from neurorecon.metrics.sections import find_sections
from neurorecon.metrics.tree import distances_along, point_count, vaa3d_points
from neurorecon.morphology import Morphology


@dataclass(frozen=True, slots=True)
class TreeAgreement:
    """A tree cut into straight pieces that lie near another tree or do not, and its branches.

    A branch is one of `find_sections`: it runs from fork or tip to fork or tip.

    start_zyx, end_zyx: (p, 3) ends of the pieces, in the unit of the tree.
    matched: (p,) whether a piece is within the tolerance.
    branch: (p,) row of the branch that each piece belongs to.
    length, matched_length: (b,) of each branch, in the unit of the tree.
    mean_distance, largest_distance: (b,) from the branch to the other tree; infinite where that has
        no nodes.
    """

    start_zyx: NDArray[np.float64]
    end_zyx: NDArray[np.float64]
    matched: NDArray[np.bool_]
    branch: NDArray[np.int64]
    length: NDArray[np.float64]
    matched_length: NDArray[np.float64]
    mean_distance: NDArray[np.float64]
    largest_distance: NDArray[np.float64]


def tree_agreement(
    tree: Morphology, other: Morphology, tolerance: float = 4.0, step: float = 1.0
) -> TreeAgreement:
    """Cut `tree` where its distance to `other` crosses the tolerance.

    tolerance, step: as in `TreeScoring`, in the unit of the trees.

    Next to a tree without edges nothing is matched, as in the scores. A tree without edges has
    neither pieces nor branches.
    """
    if not len(tree.edges):
        none = np.empty(0)
        nowhere, whole = np.empty((0, 3)), np.empty(0, np.int64)
        return TreeAgreement(nowhere, nowhere, whole.astype(bool), whole, none, none, none, none)
    sections = find_sections(tree)
    edge = np.repeat(np.arange(len(tree.edges)), point_count(tree.edge_length, step))
    distance, weight = _distances(tree, other, step)
    matched = (distance <= tolerance) & bool(len(other.edges))
    branch, branches = sections.edge_section[edge], len(sections.length)
    matched_length = np.zeros(branches)
    np.add.at(matched_length, branch[matched], weight[matched])
    largest = np.zeros(branches)
    np.maximum.at(largest, branch, distance)
    start, end, piece_matched, piece_edge = _pieces(tree, edge, weight, matched)
    return TreeAgreement(
        start_zyx=start,
        end_zyx=end,
        matched=piece_matched,
        branch=sections.edge_section[piece_edge],
        length=sections.length,
        matched_length=matched_length,
        mean_distance=np.bincount(branch, weights=distance) / np.bincount(branch),
        largest_distance=largest,
    )


def _distances(
    tree: Morphology, other: Morphology, step: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distance (p,) of points along the tree, infinite to one without nodes, and length (p,)."""
    if len(other):
        return distances_along(tree, EdgeIndex(other), step)
    _, weight = vaa3d_points(tree, step)
    return np.full(len(weight), np.inf), weight


def _pieces(
    tree: Morphology,
    edge: NDArray[np.int64],
    weight: NDArray[np.float64],
    matched: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64]]:
    """Neighbouring points of an edge that agree, joined: start, end, matched, edge of each piece.

    A point stands for the length `weight` around it, so the pieces fill their edge.
    """
    first = np.flatnonzero(np.append(True, (edge[1:] != edge[:-1]) | (matched[1:] != matched[:-1])))
    length = np.add.reduceat(weight, first)
    piece_edge = edge[first]
    start, end = edge_ends(tree)
    along = np.cumsum(length)  # of all edges in a row
    edge_length = np.bincount(piece_edge, length, len(start))
    before = (np.cumsum(edge_length) - edge_length)[piece_edge]
    whole = np.maximum(edge_length[piece_edge], np.finfo(np.float64).tiny)
    low = np.clip((along - length - before) / whole, 0.0, 1.0)[:, None]
    high = np.clip((along - before) / whole, 0.0, 1.0)[:, None]
    way = (end - start)[piece_edge]
    return (
        start[piece_edge] + low * way,
        start[piece_edge] + high * way,
        matched[first],
        piece_edge,
    )
