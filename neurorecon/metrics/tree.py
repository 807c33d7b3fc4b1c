"""Scores of a tree against a gold tree.

ESA, DSA and PDS follow Vaa3D's `neuron_distance` (Peng et al., Nature Biotechnology 2010): points
about one voxel apart along every edge of one tree, each with its distance to the nearest edge of
the other. The same distances, weighted by the length that each point stands for, give the length
precision and recall, so those do not depend on how finely a tree is divided into nodes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurorecon.errors import InputError
from neurorecon.metrics.matching import PointMatch, match_points
from neurorecon.metrics.nearest import EdgeIndex, edge_ends
from neurorecon.metrics.pair import check_pair
from neurorecon.metrics.ratio import Agreement, Directed
from neurorecon.morphology import Morphology

_ROUNDING = 1e-9  # of a step


@dataclass(frozen=True, slots=True)
class TreeScoring:
    """What the scores count as near. All in the unit of the trees, meant as voxels.

    tolerance: gold centrelines are off by up to 2 voxels and so are good traces: 4 is their sum.
    match_radius: a fork's place along a thick neurite is a matter of taste: three tolerances.
    substantial: Vaa3D's limit from which a distance shows to the eye (DSA, PDS).
    step: Vaa3D's spacing of points along edges.
    """

    tolerance: float = 4.0
    match_radius: float = 12.0
    substantial: float = 2.0
    step: float = 1.0

    def __post_init__(self) -> None:
        """Refuse lengths that cannot be compared with a distance."""
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise InputError(f"{name} is {value}; give a length above 0, in voxels")


@dataclass(frozen=True, slots=True)
class TreeSize:
    """nodes, trees: numbers; length: sum of all edges, in the unit of the tree."""

    nodes: int
    trees: int
    length: float


@dataclass(frozen=True, slots=True)
class TreeScores:
    """All scores of one pair; distances in the unit of the trees.

    length: share of the test's length within the tolerance of an edge of the gold (precision),
        share of the gold's length within the tolerance of an edge of the test (recall).
    esa: entire structure average, the mean distance.
    dsa: different structure average, the mean of the substantial distances (0 without any).
    pds: percentage of different structure, the share of substantial distances, from 0 to 1.
    forks, tips: nodes where three or more edges meet, and nodes where one ends, one to one.
    """

    length: Agreement
    esa: Directed
    dsa: Directed
    pds: Directed
    forks: PointMatch
    tips: PointMatch
    test: TreeSize
    gold: TreeSize

    @property
    def precision(self) -> float:
        """Length precision."""
        return self.length.precision

    @property
    def recall(self) -> float:
        """Length recall."""
        return self.length.recall

    @property
    def f1(self) -> float:
        """Length F1."""
        return self.length.f1


@dataclass(frozen=True, slots=True)
class _OneWay:
    """Distances from one tree to the other, summed up."""

    near_share: float
    esa: float
    dsa: float | None
    pds: float


def compare_trees(
    test: Morphology, gold: Morphology, tolerance: float | TreeScoring = 4.0
) -> TreeScores:
    """Score `test` against `gold`; both in the same unit (voxels, for the usual meaning).

    tolerance: for length precision and recall; a `TreeScoring` sets every other limit too.

    Each may be of several trees, rows in any order. A tree of lone nodes has no length: its
    precision or recall is 0, and its distances are those of its nodes. Raises InputError where a
    tree has no nodes, the units differ, or a limit is not above 0.
    """
    limits = tolerance if isinstance(tolerance, TreeScoring) else TreeScoring(tolerance)
    check_pair(test, gold)
    out, back = _one_way(test, gold, limits), _one_way(gold, test, limits)
    substantial = [each for each in (out.dsa, back.dsa) if each is not None]
    dsa = sum(substantial) / len(substantial) if substantial else 0.0
    return TreeScores(
        length=Agreement(out.near_share, back.near_share),
        esa=Directed.of(out.esa, back.esa),
        dsa=Directed(out.dsa or 0.0, back.dsa or 0.0, dsa),
        pds=Directed.of(out.pds, back.pds),
        forks=_match_nodes(test, gold, test.forks, gold.forks, limits.match_radius),
        tips=_match_nodes(test, gold, test.tips, gold.tips, limits.match_radius),
        test=TreeSize(len(test), len(test.roots), test.length),
        gold=TreeSize(len(gold), len(gold.roots), gold.length),
    )


def _one_way(tree: Morphology, other: Morphology, limits: TreeScoring) -> _OneWay:
    """Distances from points along `tree` to the nearest edge of `other`."""
    distance, weight = distances_along(tree, EdgeIndex(other), limits.step)
    near = weight[distance <= limits.tolerance].sum() if len(other.edges) else 0.0
    far = distance[distance >= limits.substantial]
    return _OneWay(
        near_share=float(near / weight.sum()) if weight.any() else 0.0,
        esa=float(distance.mean()),
        dsa=float(far.mean()) if len(far) else None,
        pds=len(far) / len(distance),
    )


def vaa3d_points(
    morphology: Morphology, step: float = 1.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points along the edges as Vaa3D's `neuron_distance` places them.

    An edge of length L, in units of `step`, gives int(1 + L + 0.5) points from the child to the
    parent, evenly spaced with both ends; an edge with L < 0.5 gives the child alone. A tree
    without edges gives its nodes.

    Returns the points (p, 3) and the length (p,) that each stands for; their sum is the tree's.
    """
    start, end = edge_ends(morphology)
    edge, fraction, weight = _places(np.linalg.norm(end - start, axis=1), step)
    return start[edge] + fraction[:, None] * (end - start)[edge], weight


def distances_along(
    tree: Morphology, other: EdgeIndex, step: float = 1.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distance (p,) of each of `vaa3d_points` to the nearest edge of the other tree, and the length
    (p,) that it stands for. A node ends several edges but is looked up once.
    """
    edges = tree.edges
    if not len(edges):
        return other.distance(tree.point_zyx), np.zeros(len(tree))
    child, parent = edges.T
    start, end = tree.point_zyx[child], tree.point_zyx[parent]
    edge, fraction, weight = _places(tree.edge_length, step)
    at_node = other.distance(tree.point_zyx)
    distance = np.where(fraction == 0.0, at_node[child[edge]], at_node[parent[edge]])
    inner = np.flatnonzero((fraction > 0.0) & (fraction < 1.0))
    edge, fraction = edge[inner], fraction[inner, None]
    distance[inner] = other.distance(start[edge] + fraction * (end - start)[edge])
    return distance, weight


def point_count(length: NDArray[np.float64], step: float) -> NDArray[np.int64]:
    """How many points Vaa3D places on edges of these lengths; a hair more than L, so that rounding
    does not decide on edges of exactly 0.5, 1.5, ... steps.
    """
    return (1.0 + length / step + 0.5 + _ROUNDING).astype(np.int64)


def _places(
    length: NDArray[np.float64], step: float
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Edge (p,), place on it (p,) from 0 to 1, and length (p,) of each of the points."""
    count = point_count(length, step)
    edge = np.repeat(np.arange(len(count)), count)
    place = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)
    gaps = np.maximum(count - 1, 1)[edge]
    half = length[edge] / gaps / 2  # half of the gap on each side of a point
    sides = np.where(count[edge] == 1, 2, (place > 0).astype(int) + (place < count[edge] - 1))
    return edge, place / gaps, half * sides


def _match_nodes(
    test: Morphology,
    gold: Morphology,
    test_rows: NDArray[np.int64],
    gold_rows: NDArray[np.int64],
    radius: float,
) -> PointMatch:
    return match_points(test.point_zyx[test_rows], gold.point_zyx[gold_rows], radius)
