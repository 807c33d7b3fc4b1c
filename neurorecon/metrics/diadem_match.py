"""Which forks and tips of two trees DIADEM takes for the same.

A node matches one of the other tree that lies near it and is connected alike: climbing both trees
leads to two ancestors that lie near each other too, over paths of nearly the same length. Lengths
are corrected for how far the nodes of a pair lie apart along the way that the path takes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from math import dist, hypot, isnan

import numpy as np
from scipy.spatial import cKDTree

from neurorecon.metrics.diadem_scoring import DiademScoring
from neurorecon.metrics.diadem_tree import NOWHERE, ForkTree, Path, Point

_ROUNDING = 1e-9  # of a threshold
_PLANE, _HEIGHT = (0, 1), (2,)  # axes of a point


@dataclass(frozen=True, slots=True)
class Pairing:
    """Two trees, seen from one of them, and what is matched so far.

    near: for each node of `one`, the nodes of `other` within the thresholds, roots left out.
    match: for each node of `one`, its partner in `other`, or NOWHERE. Shared with `turned`.
    """

    one: ForkTree
    other: ForkTree
    scoring: DiademScoring
    near: list[list[int]]
    near_other: list[list[int]]
    match: list[int]
    match_other: list[int]

    @classmethod
    def of(cls, one: ForkTree, other: ForkTree, scoring: DiademScoring) -> Pairing:
        """Nothing is matched yet."""
        near = _near(one, other, scoring)
        near_other: list[list[int]] = [[] for _ in range(len(other))]
        for node, others in enumerate(near):
            for each in others:
                near_other[each].append(node)
        free = [NOWHERE] * len(one), [NOWHERE] * len(other)
        return cls(one, other, scoring, near, near_other, *free)

    def turned(self) -> Pairing:
        """The same, seen from the other tree."""
        return replace(
            self,
            one=self.other,
            other=self.one,
            near=self.near_other,
            near_other=self.near,
            match=self.match_other,
            match_other=self.match,
        )

    def join(self, node: int, partner: int) -> None:
        """Match two nodes."""
        self.match[node], self.match_other[partner] = partner, node

    def free_near(self, node: int) -> list[int]:
        """Nodes of the other tree near a node that are not matched yet."""
        return [each for each in self.near[node] if self.match_other[each] == NOWHERE]

    def best(self, node: int) -> int:
        """The node of the other tree that a node matches, or NOWHERE."""
        candidates = [each for each in self.free_near(node) if self._connected(node, each)]
        if len(candidates) > 1:
            candidates = self._confirmed(node, candidates) or candidates
        place, tips = self.one.point[node], self.one.tips[node]

        def unlike(each: int) -> tuple[float, int]:
            return dist(place, self.other.point[each]), abs(tips - self.other.tips[each])

        return min(candidates, key=unlike, default=NOWHERE)

    def within(self, node: int, partner: int, thresholds: float = 1.0) -> bool:
        """Whether two nodes lie within so many thresholds of each other."""
        (x, y, z), (u, v, w) = self.one.point[node], self.other.point[partner]
        wide, high = self.scoring.xy_threshold, self.scoring.z_reach
        most = thresholds * (1.0 + _ROUNDING)
        return hypot(x - u, y - v) <= most * wide and abs(z - w) <= most * high

    def _connected(self, node: int, partner: int) -> bool:
        """Whether the first two ancestors that lie near each other are as far up in both trees."""
        if self.other.is_root(partner):
            return False
        length = self.one.path[node]
        other_length = added(
            self.other.path[partner], self.shift(node, self.one.toward_parent[node], partner)
        )
        climbed, other_climbed = self.one.path[node][0], self.other.path[partner][0]
        target, left = node, self.one.is_left(node)
        node, partner = self.one.parent[node], self.other.parent[partner]
        passed: set[int] = set()
        other_passed: set[int] = set()
        while not self.within(node, partner):
            # The shorter path climbs on, unless it just left a place near one that was passed.
            if climbed < other_climbed:
                if self.one.is_root(node) or not other_passed.isdisjoint(self.near[node]):
                    return False
                passed.add(node)
                length = added(length, self.one.path[node])
                climbed = length[0]
                left, node = self.one.is_left(node), self.one.parent[node]
            else:
                if self.other.is_root(partner) or not passed.isdisjoint(self.near_other[partner]):
                    return False
                other_passed.add(partner)
                other_length = added(other_length, self.other.path[partner])
                other_climbed += self.other.path[partner][0]
                partner = self.other.parent[partner]
        return self.alike(
            length, added(other_length, self.shift(node, self.toward(node, left, target), partner))
        )

    def _confirmed(self, node: int, candidates: list[int]) -> list[int]:
        """Those of the candidates for a fork that also lead down to a descendant of it alike.

        Only the descendants at the first depth at which any candidate is confirmed are looked at.
        """
        confirmed: list[int] = []
        down = {node: (0.0, 0.0, 0.0)}
        level = [(child, self.one.is_left(child)) for child in self.one.below(node)]
        while level and not confirmed:
            for below, left in level:
                down[below] = added(down[self.one.parent[below]], self.one.path[below])
                toward = self.toward(node, left, below)
                for leaf in self.free_near(below):
                    shift = self.shift(below, self.one.toward_parent[below], leaf)
                    for candidate, length in self._ancestors(leaf):
                        if candidate in candidates and candidate not in confirmed:
                            there = added(length, shift, self.shift(node, toward, candidate))
                            if self.alike(down[below], there):
                                confirmed.append(candidate)
            level = [(child, left) for below, left in level for child in self.one.below(below)]
        return confirmed

    def _ancestors(self, partner: int) -> list[tuple[int, Path]]:
        """Every ancestor of a node of the other tree, with the path down from it."""
        length, result = (0.0, 0.0, 0.0), []
        while not self.other.is_root(partner):
            length = added(length, self.other.path[partner])
            partner = self.other.parent[partner]
            result.append((partner, length))
        return result

    def alike(self, length: Path, other_length: Path) -> bool:
        """Whether two paths agree in the plane and along z, in shares of the length in space."""
        scoring = self.scoring
        limits = (
            (1, scoring.xy_threshold, scoring.xy_path_error),
            (2, scoring.z_reach, scoring.z_path_error),
        )
        for axis, threshold, share in limits:
            if length[axis] < threshold:
                if other_length[axis] < threshold:
                    continue  # both ends are within reach of each other: nothing to compare
                share = scoring.local_path_error
            if not abs(length[axis] - other_length[axis]) < share * length[0]:
                return False
        return True

    def shift(self, node: int, toward: Point, partner: int) -> Path:
        """How much longer a path would be from `node` than from its partner, seen from `toward`."""
        (x, y, z), (u, v, w), (a, b, c) = self.one.point[node], self.other.point[partner], toward
        wide = hypot(x - a, y - b) - hypot(u - a, v - b)
        return 0.0, wide, abs(z - c) - abs(w - c)

    def toward(self, above: int, left: bool, target: int) -> Point:
        """The place one threshold from an ancestor on the way down to `target`."""
        if self.one.is_root(above):
            return self.one.point[above]
        side = self.one.toward_left[above] if left else self.one.toward_right[above]
        if not any(map(isnan, side)):
            return side
        x, y = side[:2] if not isnan(side[0]) else self._along(above, target, _PLANE)
        (z,) = side[2:] if not isnan(side[2]) else self._along(above, target, _HEIGHT)
        return x, y, z

    def _along(self, above: int, target: int, axes: tuple[int, ...]) -> list[float]:
        """Part of that place, where a fork comes before it: on the way from there to the target."""
        tree, origin = self.one, _part(self.one.point[above], axes)
        threshold = self.scoring.xy_threshold if axes == _PLANE else self.scoring.z_reach
        way = [target]
        while tree.parent[way[-1]] != above:
            way.append(tree.parent[way[-1]])
        for here, below in pairwise(reversed(way)):
            side = tree.toward_left[here] if tree.is_left(below) else tree.toward_right[here]
            if not isnan(side[axes[0]]):
                return _part(side, axes)
            before, now = _part(tree.point[here], axes), _part(tree.point[below], axes)
            near, far = dist(before, origin), dist(now, origin)
            if far > threshold:
                share = (threshold - near) / (far - near)
                return [a + share * (b - a) for a, b in zip(before, now, strict=True)]
        return _part(tree.point[target], axes)


def _near(one: ForkTree, other: ForkTree, scoring: DiademScoring) -> list[list[int]]:
    """For each node of `one`, the nodes of `other` within the thresholds, the nearest first; roots
    are left out.
    """
    nodes, others = (
        np.array([n for n in range(len(tree)) if not tree.is_root(n)], np.int64)
        for tree in (one, other)
    )
    result: list[list[int]] = [[] for _ in range(len(one))]
    if not len(nodes) or not len(others):
        return result
    limits = np.array([scoring.xy_threshold, scoring.z_reach]) * (1.0 + _ROUNDING)
    points, other_points = np.array(one.point)[nodes], np.array(other.point)[others]
    in_plane = cKDTree(other_points[:, :2]).query_ball_point(points[:, :2], limits[0])
    for node, point, found in zip(nodes.tolist(), points, in_plane, strict=True):
        rows = np.array(found, np.int64)
        rows = rows[np.abs(other_points[rows, 2] - point[2]) <= limits[1]]
        apart = np.linalg.norm(other_points[rows] - point, axis=1)
        result[node] = others[rows[np.lexsort((rows, apart))]].tolist()
    return result


def _part(point: Point, axes: tuple[int, ...]) -> list[float]:
    return [point[axis] for axis in axes]


def added(*lengths: Path) -> Path:
    """Sum of paths."""
    space, plane, height = zip(*lengths, strict=True)
    return sum(space), sum(plane), sum(height)
