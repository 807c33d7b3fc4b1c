"""Pieces of a neurite that a gap keeps apart, joined where a tip points across the gap.

Every tip looks for nodes of other pieces. A bridge costs its length, more when the tip does not
point along it; the cheapest bridges that join all pieces that can be joined (a minimum spanning
tree) are built. Neurites that run side by side are never joined: their tips point along, not
across. Nor are two pieces of the size of neurons where a tip of one ends at the other's side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from neurorecon.morphology import Morphology
from neurorecon.tracing.rooting import branch_ends, rooted_at, tree_lengths

_TANGENT_HOPS = 3


@dataclass(frozen=True)
class Candidates:
    """Possible bridges. tip, node: (c,) rows; cost: (c,), at most 1 where a bridge is honest."""

    tip: NDArray[np.int64]
    node: NDArray[np.int64]
    cost: NDArray[np.float64]

    def take(self, rows: NDArray[np.int64]) -> Candidates:
        """The candidates `rows`."""
        return Candidates(self.tip[rows], self.node[rows], self.cost[rows])


def tip_directions(
    morphology: Morphology, tips: NDArray[np.int64], span: float
) -> NDArray[np.float64]:
    """Unit vectors (t, 3) that point out of each tip, along the last `span` of its branch."""
    inner = np.array([rows[-1] for rows in branch_ends(morphology, tips, span)], np.int64)
    vector = morphology.point_zyx[tips] - morphology.point_zyx[inner]
    return vector / np.maximum(np.linalg.norm(vector, axis=1, keepdims=True), 1e-12)


def bridge_candidates(morphology: Morphology, max_gap: float, span: float) -> Candidates:
    """For each tip and each other piece within reach the cheapest bridge.

    The gap counts from surface to surface. Its cost is the gap over the longest that is honest,
    which is `max_gap` straight ahead and falls to nothing at 90 degrees.

    span: length of the end of a branch that tells where its tip points.
    """
    piece = morphology.tree_of
    tips = np.flatnonzero(morphology.degree == 1)
    direction = tip_directions(morphology, tips, span)
    out = np.zeros_like(morphology.point_zyx)
    out[tips] = direction
    reach = max_gap + morphology.radius[tips] + morphology.radius.max(initial=0.0)
    tree = KDTree(morphology.point_zyx)
    near = tree.query_ball_point(morphology.point_zyx[tips], reach)
    count = np.array([len(rows) for rows in near], np.int64)
    tip = np.repeat(tips, count)
    node = np.concatenate([*near, []]).astype(np.int64)
    other = piece[tip] != piece[node]
    tip, node = tip[other], node[other]
    across = morphology.point_zyx[node] - morphology.point_zyx[tip]
    distance = np.maximum(np.linalg.norm(across, axis=1), 1e-12)
    ahead = (out[tip] * across).sum(axis=1) / distance
    meets = -(out[node] * across).sum(axis=1) / distance
    is_tip = morphology.degree[node] == 1
    slope = _sine(out[tip], _tangents(morphology)[node])
    # A tip is seldom noisy on both sides of a gap. Onto a side it has to point at an angle: what
    # runs along a neurite is another one.
    straight = np.where(is_tip, 0.5 * (ahead + meets), ahead * np.minimum(2.0 * slope, 1.0))
    straight[ahead <= 0] = 0.0
    gap = np.maximum(distance - morphology.radius[tip] - morphology.radius[node], 0.0)
    honest = max_gap * np.clip(straight, 0.0, 1.0)
    # Distance between centres breaks ties between nodes whose surfaces are equally near.
    cost = (gap + 0.1 * distance) / np.maximum(honest, 1e-12)
    found = Candidates(tip, node, cost)
    best = found.take(np.lexsort((cost, piece[node], tip)))
    first = np.ones(len(best.tip), bool)
    first[1:] = (best.tip[1:] != best.tip[:-1]) | (piece[best.node[1:]] != piece[best.node[:-1]])
    return best.take(np.flatnonzero(first))


def _tangents(morphology: Morphology) -> NDArray[np.float64]:
    """(n, 3) direction of the branch at each node, towards the root; short at the root itself."""
    ahead = np.arange(len(morphology))
    for _ in range(_TANGENT_HOPS):
        ahead = np.where(morphology.parent[ahead] >= 0, morphology.parent[ahead], ahead)
    return morphology.point_zyx[ahead] - morphology.point_zyx


def _sine(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sine (c,) of the angles between vectors (c, 3); 1 where one has no length."""
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    cross = np.linalg.norm(np.cross(one, other), axis=1)
    return np.where(lengths > 0, cross / np.maximum(lengths, 1e-12), 1.0)


def bridged(
    morphology: Morphology, candidates: Candidates, rival: float
) -> tuple[Morphology, list[tuple[int, int]]]:
    """The pieces joined along the cheapest candidates, and the bridges built.

    rival: two pieces (with all that is joined to them) of which the shorter has at least this part
        of the longer one's length are taken for two neurons that touch, unless a tip of one meets
        a tip of the other, as the two ends of a broken neurite do.
    """
    piece = morphology.tree_of
    length = tree_lengths(morphology, piece)
    order = np.lexsort((candidates.node, candidates.tip, candidates.cost))
    order = order[candidates.cost[order] <= 1.0]
    groups = _Groups(length)
    bridges: list[tuple[int, int]] = []
    # Kruskal's minimum spanning forest, cheapest bridges first.
    for tip, node in zip(candidates.tip[order], candidates.node[order], strict=True):
        one, other = groups.find(int(piece[tip])), groups.find(int(piece[node]))
        if one == other:
            continue
        shorter, longer = sorted((groups.length[one], groups.length[other]))
        if shorter >= rival * longer and morphology.degree[node] != 1:
            continue
        groups.join(one, other)
        bridges.append((int(tip), int(node)))
    if not bridges:
        return morphology, []
    # Each group keeps the root of its longest piece.
    group = np.array([groups.find(number) for number in range(len(length))])
    order = np.lexsort((-length, group))
    longest = order[np.unique(group[order], return_index=True)[1]]
    return rooted_at(morphology, morphology.roots[longest], np.array(bridges)), bridges


class _Groups:
    """Disjoint sets of pieces with the length of each set."""

    def __init__(self, length: NDArray[np.float64]) -> None:
        self.parent = list(range(len(length)))
        self.length = length.tolist()

    def find(self, number: int) -> int:
        """The piece that stands for the set of `number`."""
        while self.parent[number] != number:
            self.parent[number] = self.parent[self.parent[number]]
            number = self.parent[number]
        return number

    def join(self, one: int, other: int) -> None:
        """Unite two sets, given by the pieces that stand for them."""
        self.parent[other] = one
        self.length[one] += self.length[other]
