"""Pieces of a neurite that a gap keeps apart, joined where the evidence speaks for it.

The bridges with the highest scores that join all pieces that can be joined honestly (a maximum
spanning forest) are built along the best path through the voxels. Two groups of pieces of the size
of neurons need better evidence than a fragment does: they may be two neurons that touch.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from neurorecon.morphology import UNDEFINED, Morphology
from neurorecon.tracing.doubts import Verdicts
from neurorecon.tracing.judging import Judged
from neurorecon.tracing.result import Bridge, Doubt
from neurorecon.tracing.rooting import rooted_at, tree_lengths

_HONEST = 0.15  # score; below it more bridges were wrong than right in damaged gold trees
_STEPPED = 0.22  # the same by way of a speck: there are more specks than ends to agree by chance
_RIVAL, _RIVAL_SIDE = 0.2, 0.25  # scores that join two pieces of the size of neurons; the second
_FAR = 0.4  # ... where a tip leads to a side and the gap's length is worth less than this
_SCRAP = 0.3  # score that joins what is shorter than the gap to it
_NEURON = 0.15  # part of the length of all pieces that the smaller of two neurons has
_WORTH = 0.05  # score from which a bridge that was not built is worth a look
_PLAIN = 0.7  # score from which a bridge that was built is not


@dataclass(frozen=True)
class Bridging:
    """What was joined.

    forest: the pieces with their bridges, nodes along the bridges last.
    strength: (n,) evidence for each node: its own, or the score of its bridge.
    made: rows of the judged candidates that were built; open: those that nearly were.
    """

    forest: Morphology
    strength: NDArray[np.float64]
    judged: Judged
    made: list[int]
    open: list[int]


def bridged(
    morphology: Morphology,
    strength: NDArray[np.float64],
    judged: Judged,
    rival: float,
    verdicts: Verdicts,
) -> Bridging:
    """The pieces joined along the best candidates.

    strength: (n,) evidence for each node of the pieces.
    rival: two groups of pieces of which the shorter has at least this part of the longer one's
        length are taken for two neurons, unless both are small against all there is.
    """
    groups = _Groups(tree_lengths(morphology, morphology.tree_of))
    made = _chosen(morphology, judged, rival, verdicts, groups)
    forest, bridge_of = _built(morphology, judged, made, groups)
    strength = np.concatenate([strength, judged.score[bridge_of]])
    open_ = _nearly(morphology, judged, verdicts, groups, made)
    return Bridging(forest, strength, judged, made, open_)


def _chosen(
    morphology: Morphology, judged: Judged, rival: float, verdicts: Verdicts, groups: _Groups
) -> list[int]:
    """Rows of the candidates to build: Kruskal's spanning forest, best first."""
    piece, candidates = morphology.tree_of, judged.candidates
    accepted = np.array([name in verdicts.accepted for name in judged.ids], bool)
    rejected = np.array([name in verdicts.rejected for name in judged.ids], bool)
    score = np.where(accepted, np.inf, judged.score)
    loose = groups.lone(piece[candidates.node])
    order = np.lexsort((candidates.node, candidates.tip, candidates.gap, -score, loose))
    honest = score >= np.where(candidates.stepped, _STEPPED, _HONEST)
    waiting = order[(honest & ~rejected)[order]].tolist()
    neuron = _NEURON * sum(groups.length)
    made: list[int] = []
    used: set[int] = set()
    while True:  # two groups that were rivals may be so no longer when one has grown
        before, left = len(made), []
        for row in waiting:
            ends = int(piece[candidates.tip[row]]), int(piece[candidates.node[row]])
            one, other = groups.find(ends[0]), groups.find(ends[1])
            # What a neurite goes on to is one thing; others may join it there.
            tip, *stones = candidates.way(row)[: None if loose[row] else -1]
            if one == other or used.intersection(stones if accepted[row] else [tip, *stones]):
                continue
            shorter, longer = sorted((groups.length[one], groups.length[other]))
            rivals = shorter >= max(rival * longer, neuron)
            far = candidates.side[row] and judged.length[row] < _FAR
            scrap = shorter < candidates.gap[row]  # a wrong bridge adds more than a right one
            needed = (_RIVAL_SIDE if far else _RIVAL) if rivals else _SCRAP if scrap else 0.0
            if score[row] < needed:
                left.append(row)
                continue
            groups.join(one, other)
            used.update([tip, *stones], {int(candidates.far_tip[row])} - {-1})
            for stone in stones:
                groups.join(one, groups.find(int(piece[stone])))
            made.append(row)
        if len(made) == before:
            return made
        waiting = left


def _built(
    morphology: Morphology, judged: Judged, made: list[int], groups: _Groups
) -> tuple[Morphology, NDArray[np.int64]]:
    """The pieces with nodes and edges along the bridges, and the candidate of each new node."""
    bridge_of: list[int] = []
    edges: list[tuple[int, int]] = []
    if not made:
        return morphology, np.array(bridge_of, np.int64)
    count = len(morphology)
    point, radius = [morphology.point_zyx], [morphology.radius]
    for row in made:
        tip, *stones, node = judged.candidates.way(row)
        along = np.linspace(0.0, 1.0, len(judged.paths[row]))[1:-1]
        inner = judged.paths[row][1:-1]
        off = [np.linalg.norm(inner - morphology.point_zyx[stone], axis=1) for stone in stones]
        at = [int(each.argmin()) for each in off]
        inner, along = np.delete(inner, at, axis=0), np.delete(along, at)
        new = iter(range(count, count + len(inner)))
        place = dict(zip(at, stones, strict=True))
        chain = [
            place[each] if each in place else next(new) for each in range(len(inner) + len(at))
        ]
        chain = [tip, *chain, node]
        point.append(inner)
        radius.append(morphology.radius[tip] * (1 - along) + morphology.radius[node] * along)
        edges += pairwise(chain)
        bridge_of += [row] * len(inner)
        count += len(inner)
    added = count - len(morphology)
    parent = np.concatenate([morphology.parent, np.full(added, -1)])
    kind = np.concatenate([morphology.kind, np.full(added, UNDEFINED)])
    every = Morphology(np.concatenate(point), np.concatenate(radius), parent, kind, morphology.unit)
    forest = rooted_at(every, _roots(morphology, groups), np.array(edges))
    return forest, np.array(bridge_of, np.int64)


def _roots(morphology: Morphology, groups: _Groups) -> NDArray[np.int64]:
    """The root of the longest piece of each group."""
    length = tree_lengths(morphology, morphology.tree_of)
    group = np.array([groups.find(number) for number in range(len(length))])
    order = np.lexsort((-length, group))
    return morphology.roots[order[np.unique(group[order], return_index=True)[1]]]


def _nearly(
    morphology: Morphology, judged: Judged, verdicts: Verdicts, groups: _Groups, made: list[int]
) -> list[int]:
    """The best candidate between each two groups that stayed apart, and all with a verdict."""
    piece, best = morphology.tree_of, {}
    candidates, done = judged.candidates, set(made)
    for row in np.argsort(-judged.score, kind="stable").tolist():
        pair = {groups.find(int(piece[rows[row]])) for rows in (candidates.tip, candidates.node)}
        if verdicts.on(judged.ids[row]) is not None and row not in done:
            best[judged.ids[row], 0] = row
        elif len(pair) == 2 and judged.score[row] >= _WORTH:
            best.setdefault((min(pair), max(pair)), row)
    return list(best.values())


def bridge_records(bridging: Bridging, neuron_of: NDArray[np.int64]) -> list[Bridge]:
    """What was built inside neurons; points count from voxel (0, 0, 0).

    neuron_of: (n,) number of the neuron that each node of the forest is in, -1 for none.
    """
    judged, candidates = bridging.judged, bridging.judged.candidates
    tip, node = neuron_of[candidates.tip], neuron_of[candidates.node]
    return [
        Bridge(
            id=judged.ids[row],
            start_zyx=judged.paths[row][0],
            end_zyx=judged.paths[row][-1],
            path_zyx=judged.paths[row],
            gap=float(candidates.gap[row]),
            score=float(judged.score[row]),
            length=float(judged.length[row]),
            direction=float(candidates.direction[row]),
            calibre=float(candidates.calibre[row]),
            brightness=float(judged.brightness[row]),
        )
        for row in bridging.made
        if tip[row] >= 0 and tip[row] == node[row]
    ]


def bridge_doubts(bridging: Bridging, verdicts: Verdicts) -> list[Doubt]:
    """Weak bridges, and those that were not built although something speaks for them."""
    judged, doubts = bridging.judged, []
    for row in [*bridging.made, *bridging.open]:
        done = row in bridging.made
        verdict = verdicts.on(judged.ids[row])
        if done and verdict is None and judged.score[row] >= _PLAIN:
            continue
        path, gap = judged.paths[row], judged.candidates.gap[row]
        note = f"gap of {gap:.1f} {'bridged' if done else 'left open'}"
        middle = 0.5 * (path[0] + path[-1])
        score = float(judged.score[row])
        doubts.append(Doubt(judged.ids[row], "bridge", middle, score, done, verdict, note))
    return doubts


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

    def lone(self, number: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which pieces (c,) are specks."""
        alone: NDArray[np.bool_] = np.asarray(self.length)[number] == 0.0
        return alone

    def join(self, one: int, other: int) -> None:
        """Unite the sets of two pieces that stand for them."""
        if one != other:
            self.parent[other] = one
            self.length[one] += self.length[other]
