"""Trees as DIADEM sees them: forks of two and tips, with the paths between them.

Nodes that only continue a neurite are left out, and a fork of three or more becomes a chain of
forks of two at one place. The root is given and no node to be scored: each neurite that leaves it
begins a binary tree of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from neurorecon.morphology import Morphology

NOWHERE = -1  # in place of the parent of a root, or a child of a tip

Point = tuple[float, float, float]  # x, y, z in one unit
Path = tuple[float, float, float]  # length in space, in the plane (x, y), along z


@dataclass(frozen=True, slots=True)
class ForkTree:
    """Roots, forks and tips of one or more trees.

    point: place of each node, z scaled to the unit of x and y.
    parent, left, right: numbers of nodes, NOWHERE where there is none; roots have no left or right.
    path: from the parent, along the neurite.
    toward_parent, toward_left, toward_right: the place on the way there that is one threshold away,
        in the plane and along z separately. Where the way is shorter: toward the parent the root,
        toward a child the tip, or NaN where it is a fork.
    tops: the first node of each neurite that leaves a root, the largest tree first.
    tips: number of tips at and below each node; 0 at roots.
    """

    point: list[Point]
    parent: list[int]
    left: list[int]
    right: list[int]
    path: list[Path]
    toward_parent: list[Point]
    toward_left: list[Point]
    toward_right: list[Point]
    tops: list[int]
    tips: list[int]

    def __len__(self) -> int:
        return len(self.point)

    def is_root(self, node: int) -> bool:
        """Whether a node is given, not scored."""
        return self.parent[node] == NOWHERE

    def is_top(self, node: int) -> bool:
        """Whether a node is the first below a root."""
        return not self.is_root(node) and self.is_root(self.parent[node])

    def is_left(self, node: int) -> bool:
        """Whether a node is the left child of its parent."""
        return not self.is_root(node) and self.left[self.parent[node]] == node

    def below(self, node: int) -> tuple[int, ...]:
        """Both children of a fork; none of a tip."""
        return () if self.left[node] == NOWHERE else (self.left[node], self.right[node])

    def downwards(self) -> list[int]:
        """All nodes but the roots, each before the nodes below it."""
        stack = self.tops[::-1]
        order = []
        while stack:
            order.append(stack.pop())
            stack.extend(self.below(order[-1])[::-1])
        return order

    def _count_tips(self) -> None:
        self.tips.extend([0] * len(self))
        for node in reversed(self.downwards()):
            self.tips[node] = sum(self.tips[child] for child in self.below(node)) or 1

    def _add(self, point: Point, parent: int, path: Path, toward_parent: Point) -> int:
        self.point.append(point)
        self.parent.append(parent)
        self.left.append(NOWHERE)
        self.right.append(NOWHERE)
        self.path.append(path)
        self.toward_parent.append(toward_parent)
        self.toward_left.append((np.nan,) * 3)
        self.toward_right.append((np.nan,) * 3)
        return len(self) - 1

    def _fork(self, node: int, branches: list[_Branch]) -> None:
        """Set the children of a fork. Of more than two, those that begin nearest to each other are
        joined by a fork of their own at the same place, until two are left.
        """
        while len(branches) > 2:
            begins = np.array([branch.begins for branch in branches])
            apart = cdist(begins, begins) + np.diag(np.full(len(branches), np.inf))
            one, other = sorted(divmod(int(apart.argmin()), len(branches)))
            joint = self._add(self.point[node], node, (0.0, 0.0, 0.0), self.toward_parent[node])
            self._fork(joint, [branches[one], branches[other]])
            del branches[other], branches[one]
            branches.append(_Branch(joint, self.point[node], (np.nan,) * 3))
        (self.left[node], self.toward_left[node]) = branches[0].node, branches[0].toward
        (self.right[node], self.toward_right[node]) = branches[1].node, branches[1].toward
        for branch in branches:
            self.parent[branch.node] = node


@dataclass(frozen=True, slots=True)
class _Branch:
    """A neurite below a fork: where it ends, its first point, and the place toward it."""

    node: int
    begins: Point
    toward: Point


def fork_tree(
    morphology: Morphology, z_scale: float, xy_threshold: float, z_threshold: float
) -> ForkTree:
    """The forks and tips of trees; the scale and the thresholds as in `DiademScoring`."""
    point = morphology.point_zyx[:, ::-1] * (1.0, 1.0, z_scale)  # (n, 3) x, y, z
    thresholds = (xy_threshold, z_threshold * z_scale)
    order = morphology.parent_first
    ends = np.flatnonzero((morphology.child_count != 1) | (morphology.parent < 0))
    number = np.full(len(morphology), NOWHERE)
    number[ends] = np.arange(len(ends))
    above, path = _paths(morphology, point, number, order)
    place, last = _walk(point, ends, morphology.parent[ends], morphology.parent, thresholds)
    toward_parent = _points(_filled(place, point[last]))

    tree = ForkTree([], [], [], [], [], [], [], [], [], [])
    for each in zip(_points(point[ends]), above, path, toward_parent, strict=True):
        tree._add(*each)
    roots, children = _by_size(morphology, order)
    branches = _branches(morphology, point, children, number, thresholds)
    for row in roots:
        tree.tops.extend(branch.node for branch in branches.pop(row, ()))
    for row, both in branches.items():
        tree._fork(int(number[row]), both)
    tree._count_tips()
    return tree


def _branches(
    morphology: Morphology,
    point: NDArray[np.float64],
    children: list[list[int]],
    number: NDArray[np.int64],
    thresholds: tuple[float, float],
) -> dict[int, list[_Branch]]:
    """The branches that leave each root and each fork, by its row."""
    starts = [row for row in np.flatnonzero(number != NOWHERE).tolist() if children[row]]
    first = np.array([child for row in starts for child in children[row]], np.int64)
    start = np.repeat(np.array(starts, np.int64), [len(children[row]) for row in starts])
    only = np.full(len(morphology), NOWHERE)  # the node that continues a neurite downwards
    child, parent = morphology.edges[number[morphology.edges[:, 1]] == NOWHERE].T
    only[parent] = child
    place, last = _walk(point, start, first, only, thresholds)
    end = _ends_below(only, morphology.parent_first)[first]
    is_tip = morphology.child_count[end] == 0
    toward = np.where(is_tip[:, None], _filled(place, point[last]), place)
    found = zip(number[end].tolist(), _points(point[first]), _points(toward), strict=True)
    return {row: [_Branch(*next(found)) for _ in children[row]] for row in starts}


def _paths(
    morphology: Morphology,
    point: NDArray[np.float64],
    number: NDArray[np.int64],
    order: NDArray[np.int64],
) -> tuple[list[int], list[Path]]:
    """The number of the end above each end, and the path between them; NOWHERE and 0 at roots."""
    child, parent = morphology.edges.T
    apart = point[child] - point[parent]
    step = np.zeros((len(morphology), 3))
    step[child, 0] = np.linalg.norm(apart, axis=1)
    step[child, 1] = np.linalg.norm(apart[:, :2], axis=1)
    step[child, 2] = np.abs(apart[:, 2])
    path, above = step.tolist(), [NOWHERE] * len(morphology)
    numbers, parents = number.tolist(), morphology.parent.tolist()
    for row in order.tolist():
        up = parents[row]
        if up < 0:
            continue
        above[row] = numbers[up]
        if above[row] == NOWHERE:
            above[row] = above[up]
            path[row] = [here + there for here, there in zip(path[row], path[up], strict=True)]
    ends = np.flatnonzero(number != NOWHERE).tolist()
    return [above[row] for row in ends], [(p[0], p[1], p[2]) for p in map(path.__getitem__, ends)]


def _ends_below(only: NDArray[np.int64], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) row of the fork or tip that each row leads down to, itself if it is one."""
    following, end = only.tolist(), list(range(len(only)))
    for row in reversed(order.tolist()):
        if following[row] != NOWHERE:
            end[row] = end[following[row]]
    return np.array(end, np.int64)


def _points(array: NDArray[np.float64]) -> list[Point]:
    return [(x, y, z) for x, y, z in array.tolist()]


def _by_size(morphology: Morphology, order: NDArray[np.int64]) -> tuple[list[int], list[list[int]]]:
    """Roots, and the children of each node: most tips first, then the longest way to a tip.

    So that the order, which decides in what order DIADEM matches, is that of no file.
    """
    parents = morphology.parent.tolist()
    length = np.zeros(len(morphology))
    length[morphology.edges[:, 0]] = morphology.edge_length
    lengths = length.tolist()  # of the edge above each node
    children: list[list[int]] = [[] for _ in parents]
    size = [(0, 0.0)] * len(parents)  # tips, and the way to the farthest with the edge above
    for row in reversed(order.tolist()):
        below = [size[child] for child in children[row]]
        tips = sum(tips for tips, _ in below) or 1
        size[row] = (tips, lengths[row] + max((reach for _, reach in below), default=0.0))
        children[row].sort(key=size.__getitem__, reverse=True)
        if parents[row] >= 0:
            children[parents[row]].append(row)
    return sorted(morphology.roots.tolist(), key=size.__getitem__, reverse=True), children


def _walk(
    point: NDArray[np.float64],
    start: NDArray[np.int64],
    first: NDArray[np.int64],
    following: NDArray[np.int64],
    thresholds: tuple[float, float],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Walk from each start row over `first`, then `following[first]`, ... until NOWHERE.

    Returns the places (k, 3) one threshold away from the start, in the plane and along z, NaN where
    the walk ends before, and the last row (k,) of each walk.
    """
    place = np.full((len(start), 3), np.nan)
    last, here = start.copy(), first.copy()
    walking = np.flatnonzero(here != NOWHERE)
    while len(walking):
        origin, before, now = (point[rows[walking]] for rows in (start, last, here))
        for axes, threshold in ((slice(0, 2), thresholds[0]), (slice(2, 3), thresholds[1])):
            near = np.linalg.norm((before - origin)[:, axes], axis=1)
            far = np.linalg.norm((now - origin)[:, axes], axis=1)
            crosses = np.isnan(place[walking][:, axes]).any(axis=1) & (far > threshold)
            share = ((threshold - near) / np.where(far > near, far - near, 1.0))[crosses, None]
            between = before[crosses, axes] + share * (now - before)[crosses, axes]
            place[walking[crosses], axes] = between
        last[walking] = here[walking]
        here[walking] = following[here[walking]]
        unfinished = (here[walking] != NOWHERE) & np.isnan(place[walking]).any(axis=1)
        # a finished walk still needs its last row only where a place is missing
        walking = walking[unfinished]
    return place, last


def _filled(place: NDArray[np.float64], otherwise: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isnan(place), otherwise, place)
