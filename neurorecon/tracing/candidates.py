"""Where gaps could be bridged: from a tip to a tip or a side of another piece, by geometry alone.

A bridge starts at a tip, because neurites that run side by side are two. It is judged by its length
from surface to surface, by how well both ends point at each other (or one does, where two ends are
hardly as near by chance), and by their calibres. Specks have no direction and are never joined for
their own sake; one that lies on the way from an end to another end, or to a side, may be what is
left of the neurite there, and serves as a stepping stone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from neurorecon.morphology import Morphology
from neurorecon.tracing.ends import Ends, ends_of
from neurorecon.tracing.strings import (
    Reached,
    Specks,
    distance_alone,
    find_strings,
    trust_in,
    worth_of,
)

_BESIDE = 0.5  # of a direction, where a varicosity lies beside an end and not by chance
_TURNED = 0.5  # the same where one of two ends points at the other
_HARDLY = 0.02  # of the ends of branches, had they been strewn at random, have another as near
_LEAST = 0.05  # score by geometry below which nothing can make a bridge honest
_GRAZING = 0.25  # sine of the angle below which a tip runs along a neurite rather than into it


@dataclass(frozen=True)
class Candidates:
    """Possible bridges; (c,) arrays.

    tip, node: rows of the two ends. far_tip: the tip that `node` belongs to, -1 for none.
    stones: (c, k) the stepping stones between them, -1 for none.
    side: whether `node` is not at a tip.
    gap: length in the dark, in the unit of the tree.
    length, direction, calibre: parts of the score, 0 to 1.
    """

    tip: NDArray[np.int64]
    node: NDArray[np.int64]
    far_tip: NDArray[np.int64]
    stones: NDArray[np.int64]
    side: NDArray[np.bool_]
    gap: NDArray[np.float64]
    length: NDArray[np.float64]
    direction: NDArray[np.float64]
    calibre: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.tip)

    def way(self, row: int) -> list[int]:
        """Tip, stones and node of one candidate, in the order of the bridge."""
        stones = self.stones[row]
        return [int(self.tip[row]), *stones[stones >= 0].tolist(), int(self.node[row])]

    @property
    def stepped(self) -> NDArray[np.bool_]:
        """(c,) whether there are stones between the ends."""
        return np.asarray((self.stones >= 0).any(axis=1))

    @property
    def score(self) -> NDArray[np.float64]:
        """Product of the parts."""
        return self.length * self.direction * self.calibre

    def take(self, rows: NDArray[np.int64]) -> Candidates:
        """The candidates `rows`."""
        return Candidates(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def find_candidates(
    morphology: Morphology, extent: NDArray[np.float64], max_gap: float, smallest: float
) -> Candidates:
    """For each tip and each other piece within reach the best bridge.

    extent: (n,) how far the stepping stone that a node stands for reaches beyond its radius; less
        than 0 for nodes that are no stones.
    max_gap: longest gap that is bridged.
    """
    stone = extent >= 0
    radius = morphology.radius + np.maximum(extent, 0.0)
    ends = ends_of(morphology, smallest)
    tips = np.flatnonzero((morphology.degree == 1) & ~stone)
    nodes = np.flatnonzero(~stone)
    alone = distance_alone(morphology.point_zyx, np.flatnonzero(stone | (morphology.degree == 1)))
    direct = _direct(morphology, ends, tips, nodes, alone, max_gap)
    reaching = replace(morphology, radius=radius)
    stones, sides = np.flatnonzero(stone), np.flatnonzero(~stone & ~ends.at_tip)
    landings = _landings(reaching, ends, stones, sides, alone, max_gap)
    stepped = _stepped(reaching, ends, tips, stones, landings, alone, max_gap, smallest)
    direct = replace(direct, stones=np.full((len(direct), stepped.stones.shape[1]), -1))
    every = Candidates(
        *(
            np.concatenate([getattr(direct, name), getattr(stepped, name)])
            for name in Candidates.__dataclass_fields__
        )
    )
    return _best(every, morphology.tree_of)


def _direct(
    morphology: Morphology,
    ends: Ends,
    tips: NDArray[np.int64],
    nodes: NDArray[np.int64],
    alone: NDArray[np.float64],
    max_gap: float,
) -> Candidates:
    tip, node = _near(morphology, tips, nodes, max_gap)
    other = morphology.tree_of[tip] != morphology.tree_of[node]
    tip, node = tip[other], node[other]
    gap, across = _across(morphology, tip, node)
    side = ~ends.at_tip[node]
    trust = trust_in(gap, alone[tip])
    ahead, back = ends.towards(tip, across, trust), ends.towards(node, -across, trust)
    # A tip is seldom noisy on both sides of a gap. Onto a side it has to point at an angle: what
    # runs along a neurite is another one.
    slope = np.linalg.norm(np.cross(ends.tangent[node], across), axis=1)
    onto = ahead * np.minimum(slope / _GRAZING, 1.0)
    direction = ahead * np.where(side, onto, back)
    stones = np.full((len(tip), 0), -1)
    beside = ~side & (ends.bead[tip] | ends.bead[node])
    direction = np.where(beside, np.maximum(direction, _BESIDE * trust), direction)
    # One end may lie at a sharp turn. Where neither points at the other, two neurites end together.
    apart = np.linalg.norm(morphology.point_zyx[tip] - morphology.point_zyx[node], axis=1)
    met = trust_in(apart, distance_alone(morphology.point_zyx, tips, _HARDLY)[tip])
    turned = np.where(ends.tip[node] == node, _TURNED * met * np.maximum(ahead, back), 0.0)
    direction = np.maximum(direction, turned)
    # Sides are everywhere: that one is near may always be chance.
    length = worth_of(gap, np.where(side, 0.0, alone[tip]), max_gap)
    return _scored(ends, tip, node, stones, side, gap, length, direction)


def _stepped(
    morphology: Morphology,
    ends: Ends,
    tips: NDArray[np.int64],
    stones: NDArray[np.int64],
    landings: list[Reached],
    alone: NDArray[np.float64],
    max_gap: float,
    smallest: float,
) -> Candidates:
    """Bridges from tip to tip, or to a side where a stone is near one, by way of stones."""
    tip, stone = _near(morphology, tips, stones, max_gap)
    gap, across = _across(morphology, tip, stone)
    ahead = ends.towards(tip, across, trust_in(gap, alone[tip]))
    near = ahead * worth_of(gap, alone[tip], max_gap) >= _LEAST
    parts = (part[near].tolist() for part in (tip, stone, gap, ahead))
    reached = [Reached(*each) for each in zip(*parts, strict=True)]
    specks = Specks(morphology.point_zyx, morphology.radius, stones, alone, smallest, max_gap)
    strings = find_strings(specks, reached, landings, morphology.tree_of)
    between = np.full((len(strings), max((len(each.rows) - 2 for each in strings), default=1)), -1)
    for place, each in enumerate(strings):
        between[place, : len(each.rows) - 2] = each.rows[1:-1]
    one = np.array([each.rows[0] for each in strings], np.int64)
    two = np.array([each.rows[-1] for each in strings], np.int64)
    return _scored(
        ends,
        one,
        two,
        between,
        np.array([each.side for each in strings], bool),
        np.array([each.gap for each in strings]),
        np.array([each.length for each in strings]),
        np.array([each.direction for each in strings]),
    )


def _landings(
    morphology: Morphology,
    ends: Ends,
    stones: NDArray[np.int64],
    sides: NDArray[np.int64],
    alone: NDArray[np.float64],
    max_gap: float,
) -> list[Reached]:
    """The nearest side of each piece to each stone, if that is not so near by chance."""
    stone, node = _near(morphology, stones, sides, max_gap)
    gap, across = _across(morphology, stone, node)
    slope = np.linalg.norm(np.cross(ends.tangent[node], across), axis=1)
    ahead = np.minimum(slope / _GRAZING, 1.0)
    order = np.lexsort((gap, morphology.tree_of[node], stone))
    order = order[(gap <= alone[stone])[order]]
    pair = np.stack([stone, morphology.tree_of[node]], axis=1)[order]
    first = order[np.diff(pair, axis=0, prepend=-1).any(axis=1)]
    parts = (part[first].tolist() for part in (node, stone, gap, ahead))
    return [Reached(*each) for each in zip(*parts, strict=True)]


def _near(
    morphology: Morphology, tips: NDArray[np.int64], nodes: NDArray[np.int64], max_gap: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows (c,) of tips and of the nodes whose surfaces are within `max_gap` of theirs."""
    if len(tips) == 0 or len(nodes) == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    reach = max_gap + morphology.radius[tips] + morphology.radius[nodes].max()
    found = KDTree(morphology.point_zyx[nodes]).query_ball_point(morphology.point_zyx[tips], reach)
    tip = np.repeat(tips, [len(rows) for rows in found])
    node = nodes[np.concatenate([*found, []]).astype(np.int64)]
    gap, _ = _across(morphology, tip, node)
    return tip[gap <= max_gap], node[gap <= max_gap]


def _across(
    morphology: Morphology, start: NDArray[np.int64], end: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """From surface to surface: the length (c,), and unit vectors (c, 3)."""
    vector = morphology.point_zyx[end] - morphology.point_zyx[start]
    distance = np.linalg.norm(vector, axis=1)
    gap = np.maximum(distance - morphology.radius[start] - morphology.radius[end], 0.0)
    return gap, vector / np.maximum(distance, 1e-12)[:, None]


def _scored(
    ends: Ends,
    tip: NDArray[np.int64],
    node: NDArray[np.int64],
    stones: NDArray[np.int64],
    side: NDArray[np.bool_],
    gap: NDArray[np.float64],
    length: NDArray[np.float64],
    direction: NDArray[np.float64],
) -> Candidates:
    """Candidates of one kind. The arrays are as in `Candidates`."""
    thick, thin = ends.calibre[tip], ends.calibre[node]
    # A twig may be as thin as it likes beside its trunk, but not thicker.
    thin, thick = np.where(side, thin, np.minimum(thin, thick)), np.maximum(thick, thin * ~side)
    calibre = np.sqrt(np.minimum(thin / thick, 1.0))
    found = Candidates(tip, node, ends.tip[node], stones, side, gap, length, direction, calibre)
    return found.take(np.flatnonzero(found.score >= _LEAST))


def _best(candidates: Candidates, piece: NDArray[np.int64]) -> Candidates:
    """For each tip and each piece the candidate with the highest score, by score."""
    order = np.lexsort((candidates.gap, -candidates.score, piece[candidates.node], candidates.tip))
    best = candidates.take(order)
    first = np.ones(len(best), bool)
    first[1:] = (best.tip[1:] != best.tip[:-1]) | (piece[best.node[1:]] != piece[best.node[:-1]])
    return best.take(np.flatnonzero(first))
