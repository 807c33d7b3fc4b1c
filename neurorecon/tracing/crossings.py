"""Neurites that cross: at a four-way meeting the straight continuations win.

Two neurites that touch share foreground there, and their centrelines meet in one node, or in two
forks closer together than the neurites are thick. A neurite hardly ever sends out two branches at
one place, so that each is the straight continuation of the other across it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from neurorecon.tracing.doubts import Verdicts, doubt_id
from neurorecon.tracing.network import Network
from neurorecon.tracing.result import Crossing, Doubt

_NEAR = 2.0, 2.0  # radii and smallest voxel sizes; forks as near as this are one meeting
_SKIP = 1.0, 1.0  # within as much of the meeting the tubes are one
_SPAN = 10.0  # smallest voxel sizes beyond that, over which an arm shows its direction
_STRAIGHT = 0.85  # cosine; turns of up to 30 degrees
_CLEARER = 0.3  # by how much the second best pairing is less straight
# Neurites that cross seldom do so through each other's middle; the branches of a fork do.
_BESIDE = 0.5  # smallest voxel sizes between their lines
_STRAIGHT_THROUGH = 0.97  # cosine where lines meet; turns of up to 14 degrees
_NEARLY = 0.7  # cosine from which a meeting is worth a look
_LONG = (
    10.0,
    10.0,
)  # radii and smallest voxel sizes; a shorter arm is a twig, which continues nothing
_OWN = 10.0, 20.0  # the same for arms that nothing but the meeting joins to the other neurite
_BODY = 2.0  # times as thick as the thinnest arm: neurites leave a cell body here
_PAIRINGS = (((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2)))


@dataclass(frozen=True)
class _Meeting:
    """Four arms that leave one place.

    inner: rows of its nodes. outer: (4,) rows of the arms' first nodes outside of it.
    pairs: positions of the arms that continue each other. cosine: how straight the bent one is.
    margin: by how much straighter than the next pairing.
    beside: distance between the straight lines of the two neurites.
    """

    inner: NDArray[np.int64]
    outer: list[int]
    pairs: tuple[tuple[int, int], tuple[int, int]]
    cosine: float
    margin: float
    beside: float

    def is_clear(self, smallest: float) -> bool:
        """Whether the arms continue each other too well for branches of one neurite."""
        least = _STRAIGHT if self.beside >= _BESIDE * smallest else _STRAIGHT_THROUGH
        return self.cosine >= least and self.margin >= _CLEARER


@dataclass(frozen=True)
class Parting:
    """A network whose crossing neurites are apart; points count from voxel (0, 0, 0)."""

    network: Network
    crossings: list[Crossing]
    doubts: list[Doubt]


def parted(network: Network, voxel_size_zyx: NDArray[np.float64], verdicts: Verdicts) -> Parting:
    """Take crossing neurites apart."""
    smallest = float(voxel_size_zyx.min())
    crossings, doubts, rest = [], [], network
    for meeting in _meetings(network, smallest):
        point = network.point_zyx[meeting.inner].mean(axis=0)
        name = doubt_id("crossing", point / voxel_size_zyx)
        verdict = verdicts.on(name)
        apart = _apart(rest, meeting)
        clear = meeting.is_clear(smallest) and (
            _joined_elsewhere(apart, meeting) or _goes_on(network, meeting, smallest)
        )
        done = verdict == "accepted" or (clear and verdict is None)
        score = float(np.clip(meeting.cosine, 0.0, 1.0) * min(0.5 + meeting.margin, 1.0))
        note = f"neurites that cross {'kept apart' if done else 'left joined'}"
        doubts.append(Doubt(name, "crossing", point, score, done, verdict, note))
        if done:
            crossings.append(Crossing(name, point, score))
            rest = apart
    if not crossings:
        return Parting(network, [], doubts)
    bare = (rest.degree == 0) & (network.degree > 0)
    return Parting(rest.take(np.flatnonzero(~bare)), crossings, doubts)


def _apart(network: Network, meeting: _Meeting) -> Network:
    """The network with each arm of a meeting joined to the one that continues it."""
    gone = np.zeros(len(network), bool)
    gone[meeting.inner] = True
    new = [[meeting.outer[one], meeting.outer[two]] for one, two in meeting.pairs]
    stay = ~gone[network.edges].any(axis=1)
    return network.with_edges(np.concatenate([network.edges[stay], new]))


def _joined_elsewhere(apart: Network, meeting: _Meeting) -> bool:
    """Whether the two neurites belong together all the same, so that a ring was opened here."""
    one, other = (apart.piece[meeting.outer[pair[0]]] for pair in meeting.pairs)
    return bool(one == other)


def _goes_on(network: Network, meeting: _Meeting, smallest: float) -> bool:
    """Whether all four arms are so long that the two neurites may well be of two neurons."""
    thick = float(np.median(network.radius[meeting.outer]))
    far = _OWN[0] * thick + _OWN[1] * smallest
    inside = set(meeting.inner.tolist())
    before = [
        next(row for row in network.neighbours(outer) if row in inside) for outer in meeting.outer
    ]
    pairs = zip(before, meeting.outer, strict=True)
    return all(network.reaches(inner, outer, far) for inner, outer in pairs)


def _meetings(network: Network, smallest: float) -> list[_Meeting]:
    """All places that four long arms leave, straight or not; no two of them overlap."""
    found, taken = [], np.zeros(len(network), bool)
    for inner in _clusters(network, smallest):
        arms = _arms(network, inner, smallest)
        if len(arms) != 4 or any(arm is None for arm in arms):
            continue
        long = [arm for arm in arms if arm is not None]
        nodes = np.unique([*inner.tolist(), *(row for arm, _ in long for row in arm[:-1])])
        outer = [int(arm[-1]) for arm, _ in long]
        if network.radius[inner].max() > _BODY * network.radius[outer].min():
            continue
        if taken[nodes].any() or taken[outer].any() or len(set(outer)) < 4:
            continue
        direction = np.array([direction for _, direction in long])
        turn = -direction @ direction.T
        straight = [min(turn[one], turn[two]) for one, two in _PAIRINGS]
        order = np.argsort(straight)[::-1]
        best, next_best = straight[order[0]], straight[order[1]]
        if best < _NEARLY:
            continue
        taken[nodes] = taken[outer] = True
        pairs = _PAIRINGS[order[0]]
        beside = _between_lines(network.point_zyx[outer], pairs)
        found.append(_Meeting(nodes, outer, pairs, float(best), float(best - next_best), beside))
    return found


def _between_lines(
    point: NDArray[np.float64], pairs: tuple[tuple[int, int], tuple[int, int]]
) -> float:
    """Distance between the lines through two pairs of the points (4, 3)."""
    (a, b), (c, d) = pairs
    across = np.cross(point[b] - point[a], point[d] - point[c])
    return float(abs((point[c] - point[a]) @ across) / max(np.linalg.norm(across), 1e-12))


def _clusters(network: Network, smallest: float) -> list[NDArray[np.int64]]:
    """Forks, or groups of forks with what joins them, that four edges leave."""
    degree = network.degree
    ends = degree != 2
    n = len(network)
    # Stretches between forks that are short against the neurite's thickness
    count = int(network.segment.max(initial=-1)) + 1
    length = np.bincount(network.segment, network.edge_length, count)
    forks_on = np.zeros(count, np.int64)
    near = np.zeros(count)
    for side in (0, 1):
        row = network.edges[:, side]
        at_fork = degree[row] > 2
        forks_on += np.bincount(network.segment[at_fork], minlength=count)
        np.maximum.at(near, network.segment[at_fork], network.radius[row[at_fork]])
    short = (forks_on == 2) & (length <= _NEAR[0] * near + _NEAR[1] * smallest)
    inside = network.edges[short[network.segment]]
    graph = sparse.coo_array((np.ones(len(inside)), inside.T), shape=(n, n))
    label = csgraph.connected_components(graph, directed=False)[1]
    leaving = np.bincount(label[network.edges[~short[network.segment]]].ravel(), minlength=n)
    wanted = np.unique(label[ends & (degree > 2)])
    wanted = wanted[leaving[wanted] == 4]
    order = np.argsort(label, kind="stable")
    first = np.searchsorted(label[order], [wanted, wanted + 1])
    return [order[a:b] for a, b in first.T]


def _arms(
    network: Network, inner: NDArray[np.int64], smallest: float
) -> list[tuple[list[int], NDArray[np.float64]] | None]:
    """Rows of each arm up to where it is its own, and its direction; None for a twig."""
    inside = set(inner.tolist())
    centre = network.point_zyx[inner].mean(axis=0)
    thick = float(network.radius[inner].max())
    skip = _SKIP[0] * thick + _SKIP[1] * smallest
    long = _LONG[0] * float(np.median(network.radius[inner])) + _LONG[1] * smallest
    arms: list[tuple[list[int], NDArray[np.float64]] | None] = []
    for row in inner.tolist():
        for start in network.neighbours(row):
            if start not in inside:
                arms.append(_arm(network, row, start, centre, skip, skip + _SPAN * smallest, long))
    return arms


def _arm(
    network: Network,
    fork: int,
    start: int,
    centre: NDArray[np.float64],
    skip: float,
    span: float,
    long: float,
) -> tuple[list[int], NDArray[np.float64]] | None:
    point, rows, path = network.point_zyx, [fork, start], [fork, start]
    apart = float(np.linalg.norm(point[start] - centre))
    while apart < span:
        onward = [row for row in network.neighbours(rows[-1]) if row != rows[-2]]
        if len(onward) != 1:
            break
        rows.append(onward[0])
        apart = float(np.linalg.norm(point[rows[-1]] - centre))
        if np.linalg.norm(point[path[-1]] - centre) < skip:
            path.append(rows[-1])
    out = point[rows[-1]] - point[path[-1]]
    length = float(np.linalg.norm(out))
    if len(path) < 2 or length < 1e-9 or not network.reaches(path[-2], path[-1], long):
        return None
    return path[1:], out / length
