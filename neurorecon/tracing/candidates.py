"""Where gaps could be bridged: from a tip to a tip or a side of another piece, by geometry alone.

A bridge starts at a tip, because neurites that run side by side are two. It is judged by its length
from surface to surface, by how well both ends point at each other, and by their calibres. Specks
have no direction and are never joined for their own sake; one that lies on the way between two ends
which agree may be what is left of the neurite there, and serves as a stepping stone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from neurorecon.morphology import Morphology
from neurorecon.tracing.rooting import branch_ends

# Parts below are smallest voxel sizes.
_END = 8.0  # the end of a branch that tells its direction and calibre
_SURE = 4.0  # an end at least as long tells its direction; a shorter one is half guessed
_CAP = 2.0  # nodes as near to a tip belong to it: their sides are not sides of the neurite
_GUESS = 0.6  # cosine of the angle by which an end without a direction is thought to be off
_LEAST = 0.05  # score by geometry below which nothing can make a bridge honest
_GRAZING = 0.25  # sine of the angle below which a tip runs along a neurite rather than into it
_TANGENT_HOPS = 3


@dataclass(frozen=True)
class Candidates:
    """Possible bridges; (c,) arrays.

    tip, node: rows of the two ends. stone: the stepping stone between them, -1 for none.
    side: whether `node` is not at a tip.
    gap: length in the dark, in the unit of the tree.
    length, direction, calibre: parts of the score, 0 to 1.
    """

    tip: NDArray[np.int64]
    node: NDArray[np.int64]
    stone: NDArray[np.int64]
    side: NDArray[np.bool_]
    gap: NDArray[np.float64]
    length: NDArray[np.float64]
    direction: NDArray[np.float64]
    calibre: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.tip)

    @property
    def ends(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Tip, stone and node, in the order of the bridge."""
        return self.tip, self.stone, self.node

    @property
    def score(self) -> NDArray[np.float64]:
        """Product of the parts."""
        return self.length * self.direction * self.calibre

    def take(self, rows: NDArray[np.int64]) -> Candidates:
        """The candidates `rows`."""
        return Candidates(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Ends:
    """What each node (n,) shows of the end that it belongs to.

    direction: (n, 3) out of the tip for nodes at a tip, 0 elsewhere. sure: how far it is known.
    tangent: (n, 3) along the branch. calibre: mean radius around.
    """

    direction: NDArray[np.float64]
    sure: NDArray[np.float64]
    tangent: NDArray[np.float64]
    calibre: NDArray[np.float64]
    at_tip: NDArray[np.bool_]

    def towards(self, rows: NDArray[np.int64], vector: NDArray[np.float64]) -> NDArray[np.float64]:
        """Cosine (c,) between each end's direction and a unit vector (c, 3), as far as known."""
        cosine = (self.direction[rows] * vector).sum(axis=1)
        return np.clip(self.sure[rows] * cosine + (1.0 - self.sure[rows]) * _GUESS, 0.0, 1.0)


def ends_of(morphology: Morphology, smallest: float) -> Ends:
    """Directions and calibres of the ends of all branches. smallest: the smallest voxel size."""
    n, point = len(morphology), morphology.point_zyx
    direction, sure, at_tip = np.zeros((n, 3)), np.zeros(n), np.zeros(n, bool)
    calibre = morphology.radius.copy()
    tips = morphology.tips
    for rows in branch_ends(morphology, tips, _END * smallest):
        length = float(np.linalg.norm(point[rows[0]] - point[rows[-1]]))
        # Between the halves' middles: the very end is the least certain point of a centreline.
        half = len(rows) // 2
        out = point[rows[: half + 1]].mean(axis=0) - point[rows[half:]].mean(axis=0)
        near = rows[np.linalg.norm(point[rows] - point[rows[0]], axis=1) <= _CAP * smallest]
        at_tip[near] = True
        direction[near] = out / max(float(np.linalg.norm(out)), 1e-12)
        sure[near] = min(length / (_SURE * smallest), 1.0)
        calibre[near] = morphology.radius[rows].mean()
    at_tip |= morphology.degree == 0
    return Ends(direction, sure, _tangents(morphology), calibre, at_tip)


def _tangents(morphology: Morphology) -> NDArray[np.float64]:
    """(n, 3) unit vector along the branch at each node, 0 at a lone node."""
    ahead = np.arange(len(morphology))
    for _ in range(_TANGENT_HOPS):
        ahead = np.where(morphology.parent[ahead] >= 0, morphology.parent[ahead], ahead)
    along = morphology.point_zyx[ahead] - morphology.point_zyx
    return along / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-12)


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
    direct = _direct(morphology, ends, tips, nodes, max_gap)
    reaching = replace(morphology, radius=radius)
    stepped = _stepped(reaching, ends, tips, np.flatnonzero(stone), max_gap)
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
    max_gap: float,
) -> Candidates:
    tip, node = _near(morphology, tips, nodes, max_gap)
    other = morphology.tree_of[tip] != morphology.tree_of[node]
    tip, node = tip[other], node[other]
    gap, across = _across(morphology, tip, node)
    side = ~ends.at_tip[node]
    ahead = ends.towards(tip, across)
    # A tip is seldom noisy on both sides of a gap. Onto a side it has to point at an angle: what
    # runs along a neurite is another one.
    slope = np.linalg.norm(np.cross(ends.tangent[node], across), axis=1)
    onto = ahead * np.minimum(slope / _GRAZING, 1.0)
    direction = ahead * np.where(side, onto, ends.towards(node, -across))
    return _scored(ends, tip, node, np.full(len(tip), -1), side, gap, gap, direction, max_gap)


def _stepped(
    morphology: Morphology,
    ends: Ends,
    tips: NDArray[np.int64],
    stones: NDArray[np.int64],
    max_gap: float,
) -> Candidates:
    """Bridges from tip to tip by way of one stone."""
    tip, stone = _near(morphology, tips, stones, max_gap)
    gap, across = _across(morphology, tip, stone)
    ahead = ends.towards(tip, across)
    # More than two tips around a stone make more than one pair.
    rows = np.flatnonzero(ahead * (1.0 - gap / max(max_gap, 1e-12)) >= _LEAST)
    rows = rows[np.argsort(stone[rows], kind="stable")]
    starts = np.searchsorted(stone[rows], stone[rows], side="left")
    pairs = [
        (other, row)
        for place, row in enumerate(rows.tolist())
        for other in rows[starts[place] : place].tolist()
    ]
    one, two = np.array(pairs, np.int64).reshape(-1, 2).T
    apart = morphology.tree_of[tip[one]] != morphology.tree_of[tip[two]]
    one, two = one[apart], two[apart]
    bend = np.clip(-(across[one] * across[two]).sum(axis=1), 0.0, 1.0)
    direction = ahead[one] * ahead[two] * bend
    side = np.zeros(len(one), bool)
    return _scored(
        ends, tip[one], tip[two], stone[one], side, gap[one], gap[two], direction, max_gap
    )


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
    stone: NDArray[np.int64],
    side: NDArray[np.bool_],
    first_gap: NDArray[np.float64],
    second_gap: NDArray[np.float64],
    direction: NDArray[np.float64],
    max_gap: float,
) -> Candidates:
    """Candidates of one kind; the second gap is that beyond the stone, if there is one."""
    gap = np.where(stone >= 0, first_gap + second_gap, first_gap)
    # A stone that lies where it should makes each half as good as a gap of its own.
    longest = np.where(stone >= 0, np.maximum(first_gap, second_gap), gap)
    length = np.clip(1.0 - longest / max(max_gap, 1e-12), 0.0, 1.0)
    thick, thin = ends.calibre[tip], ends.calibre[node]
    # A twig may be as thin as it likes beside its trunk, but not thicker.
    thin, thick = np.where(side, thin, np.minimum(thin, thick)), np.maximum(thick, thin * ~side)
    calibre = np.sqrt(np.minimum(thin / thick, 1.0))
    found = Candidates(tip, node, stone, side, gap, length, direction, calibre)
    return found.take(np.flatnonzero(found.score >= _LEAST))


def _best(candidates: Candidates, piece: NDArray[np.int64]) -> Candidates:
    """For each tip and each piece the candidate with the highest score, by score."""
    order = np.lexsort((candidates.gap, -candidates.score, piece[candidates.node], candidates.tip))
    best = candidates.take(order)
    first = np.ones(len(best), bool)
    first[1:] = (best.tip[1:] != best.tip[:-1]) | (piece[best.node[1:]] != piece[best.node[:-1]])
    return best.take(np.flatnonzero(first))
