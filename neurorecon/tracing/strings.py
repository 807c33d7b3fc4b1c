"""Strings of specks that lead from one end to another, or to a side: what is left of a neurite.

Where a neurite is beaded, a threshold leaves its varicosities. They lie on a line; specks of noise
lie anywhere. So a string of specks between two ends is neurite if they follow each other more
closely than ends and specks do by chance where they lie.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

_CROWD = 50  # ends around one that tell how dense they are there
_FEW = 20  # fewer cannot tell, nor mislead
_CHANCE = 0.2  # of the ends, had they been strewn at random, have another as near as `alone`
_RELIEF = 0.5  # part of a gap's length that does not count where nothing is there by chance
_PROMISING = 0.2  # score below which a string is not followed on
_SURELY = 4  # specks that follow an end are its neurite, though no other end comes
_NEARER = 0.8  # parts of `alone` within which they do so; halves the chance for each of them
_LONGEST = 20  # specks
_SIDE = 0.6  # of a direction, where a string leads to a side: sides are everywhere


@dataclass(frozen=True)
class String:
    """A way from one tip over specks to another tip, to a side, or to nowhere.

    rows: the tip, the specks, the other end if there is one. side: whether that is no tip.
    gap: all that is missing, from surface to surface.
    length, direction: parts of the score, 0 to 1: of the worst gap; of the ends and all bends.
    """

    rows: tuple[int, ...]
    gap: float
    length: float
    direction: float
    side: bool = False


@dataclass(frozen=True)
class Reached:
    """An end and a speck that are near each other.

    end: a tip, or a node at the side of a neurite. gap: from surface to surface. ahead: how well
        the end points at the speck, 0 to 1; for a tip the cosine of the angle between.
    """

    end: int
    speck: int
    gap: float
    ahead: float


@dataclass(frozen=True)
class Specks:
    """Where the specks are.

    point: (n, 3). radius: (n,) how far each node reaches. rows: of the specks.
    alone: (n,) from `distance_alone`. smallest: the smallest voxel size, by which specks are off
        the middle of their neurite. max_gap: between any two of them.
    """

    point: NDArray[np.float64]
    radius: NDArray[np.float64]
    rows: NDArray[np.int64]
    alone: NDArray[np.float64]
    smallest: float
    max_gap: float

    def bend(self, one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
        """Cosine between two hops (3,), the less certain the shorter they are."""
        off = self.smallest**2
        return float((one @ other + off) / np.sqrt((one @ one + off) * (other @ other + off)))


@dataclass(frozen=True)
class _Way:
    """A string on its way. hop: (3,) the last one. bend: cosine of its sharpest turn.

    length, ahead: as in `String` and `Reached`. crowding: its worst gap in parts of `alone`.
    """

    rows: tuple[int, ...]
    gap: float
    length: float
    hop: NDArray[np.float64]
    ahead: float
    bend: float
    crowding: float

    @property
    def promise(self) -> float:
        """What its score is at most."""
        return self.length * self.ahead * self.bend


def distance_alone(
    point: NDArray[np.float64], ends: NDArray[np.int64], chance: float = _CHANCE
) -> NDArray[np.float64]:
    """How near (n,) something has to be to each end for its being there not to be chance.

    Of k ends strewn in a ball of radius r around one, k (g / r)^3 lie within g of it.

    point: (n, 3). ends: rows of tips and specks; infinite where they are few, 0 for all others.
    chance: share of ends that would have another as near, had they been strewn at random.
    """
    alone = np.zeros(len(point))
    alone[ends] = np.inf
    around = min(_CROWD, len(ends) - 1)
    if around >= _FEW:
        apart, _ = KDTree(point[ends]).query(point[ends], k=[around + 1])
        alone[ends] = apart[:, 0] * (chance / around) ** (1.0 / 3.0)
    return alone


def trust_in(gap: NDArray[np.float64], alone: NDArray[np.float64]) -> NDArray[np.float64]:
    """How sure (c,) it is that what lies beyond a gap is not there by chance, 0 to 1."""
    trust = np.clip(1.0 - (gap / np.maximum(alone, 1e-12)) ** 3, 0.0, 1.0)
    return np.where(np.isfinite(alone), trust, 0.0)


def worth_of(
    gap: NDArray[np.float64], alone: NDArray[np.float64], max_gap: float
) -> NDArray[np.float64]:
    """What gaps (c,) are worth by their lengths: 1 for none, 0 for the longest.

    Where what lies beyond is not there by chance, a gap counts as shorter.
    """
    length = np.clip(1.0 - gap / max(max_gap, 1e-12), 0.0, 1.0)
    return np.where(gap <= max_gap, length + (1.0 - length) * _RELIEF * trust_in(gap, alone), 0.0)


def find_strings(
    specks: Specks, tips: list[Reached], sides: list[Reached], tree_of: NDArray[np.int64]
) -> list[String]:
    """The straightest strings from tips to tips and sides of other trees.

    tips: all tips and specks that are near each other. sides: specks, and the nearest side of each
        tree around that is too near to be there by chance. tree_of: (n,) number of the tree.
    """
    at_tip: dict[int, list[Reached]] = defaultdict(list)
    at_speck: dict[int, list[tuple[Reached, bool]]] = defaultdict(list)
    for each in tips:
        at_tip[each.end].append(each)
    for each, side in [*((tip, False) for tip in tips), *((side, True) for side in sides)]:
        at_speck[each.speck].append((each, side))
    hops = _hops(specks)
    found = []
    for tip, first in at_tip.items():
        ways = _ways(specks, first, hops)
        found += _loose(ways)
        for way in ways:
            last = way.rows[-1]
            for goal, side in at_speck[last]:
                if tree_of[goal.end] == tree_of[tip] or (goal.end < tip and not side):
                    continue
                if len(way.rows) > 2 and goal.gap > specks.alone[last]:
                    continue
                whole = _onward(specks, way, goal.end, goal.gap)
                direction = way.ahead * goal.ahead * max(whole.bend, 0.0) * (_SIDE if side else 1)
                found.append(String(whole.rows, whole.gap, whole.length, direction, side))
    return found


def _loose(ways: list[_Way]) -> list[String]:
    """The longest string from one tip that leads to no other, if it is too long to be chance."""
    long = [way for way in ways if len(way.rows) > _SURELY and 0.0 < way.crowding <= _NEARER]
    if not long:
        return []
    best = max(long, key=lambda way: (len(way.rows), way.promise))
    return [String(best.rows, best.gap, best.length, best.ahead * best.bend)]


def _hops(specks: Specks) -> dict[int, list[tuple[int, float]]]:
    """From each speck those that are too near to be there by chance, and the gaps between."""
    hops: dict[int, list[tuple[int, float]]] = defaultdict(list)
    rows = specks.rows
    if len(rows) < 2:
        return hops
    near = np.minimum(specks.alone, specks.max_gap)
    reach = float(near[rows].max() + 2.0 * specks.radius[rows].max())
    pairs = rows[KDTree(specks.point[rows]).query_pairs(reach, output_type="ndarray")]
    apart = np.linalg.norm(specks.point[pairs[:, 0]] - specks.point[pairs[:, 1]], axis=1)
    gaps = np.maximum(apart - specks.radius[pairs].sum(axis=1), 0.0)
    close = gaps <= near[pairs].min(axis=1)
    for (one, other), gap in zip(pairs[close].tolist(), gaps[close].tolist(), strict=True):
        hops[one].append((other, gap))
        hops[other].append((one, gap))
    return hops


def _onward(specks: Specks, way: _Way, row: int, gap: float) -> _Way:
    """A way with one more hop."""
    last = way.rows[-1]
    hop = specks.point[row] - specks.point[last]
    alone = float(min(specks.alone[[last, row]])) or float(specks.alone[last])  # 0 at a side
    length = float(worth_of(np.array(gap), np.array(alone), specks.max_gap))
    return _Way(
        (*way.rows, row),
        way.gap + gap,
        min(way.length, length),
        hop,
        way.ahead,
        min(way.bend, specks.bend(way.hop, hop)),
        max(way.crowding, gap / alone),
    )


def _ways(
    specks: Specks, first: list[Reached], hops: dict[int, list[tuple[int, float]]]
) -> list[_Way]:
    """The ways from a tip, the best one for each hop."""
    number = count()
    heap = []
    for each in first:
        alone = float(min(specks.alone[[each.end, each.speck]]))
        length = float(worth_of(np.array(each.gap), np.array(alone), specks.max_gap))
        hop = specks.point[each.speck] - specks.point[each.end]
        way = _Way((each.end, each.speck), each.gap, length, hop, each.ahead, 1.0, each.gap / alone)
        heap.append((-way.promise, next(number), way))
    heapq.heapify(heap)
    done: set[tuple[int, ...]] = set()
    ways = []
    while heap:
        _, _, way = heapq.heappop(heap)
        if way.rows[-2:] in done:
            continue
        done.add(way.rows[-2:])
        ways.append(way)
        by_chance = len(way.rows) == 2 and way.gap > specks.alone[way.rows[-1]]
        if by_chance or len(way.rows) > _LONGEST:
            continue
        for row, gap in hops[way.rows[-1]]:
            onward = _onward(specks, way, row, gap)
            if row not in way.rows and onward.bend > 0 and onward.promise >= _PROMISING:
                heapq.heappush(heap, (-onward.promise, next(number), onward))
    return ways
