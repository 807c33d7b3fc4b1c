"""Rings opened where the evidence is weakest.

A neuron has no rings: where centrelines close one, two neurites touch, or the foreground has a
hole. The skeleton keeps the edges of a maximum spanning tree of the evidence; each edge that is
left out is the weakest of a ring.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csgraph

from neurorecon.tracing.doubts import Verdicts, doubt_id
from neurorecon.tracing.network import Network, Ways
from neurorecon.tracing.result import Doubt, OpenedLoop

_ALIKE = 0.6  # evidence within this part of the best of a ring tells nothing about where to open it


@dataclass(frozen=True)
class Opening:
    """A network without rings, and what was done; points count from voxel (0, 0, 0)."""

    network: Network
    loops: list[OpenedLoop]
    doubts: list[Doubt]


def opened(network: Network, voxel_size_zyx: NDArray[np.float64], verdicts: Verdicts) -> Opening:
    """Take one edge out of every ring."""
    if len(network.edges) == len(network) - int(network.piece.max()) - 1:
        return Opening(network, [], _refused(network, voxel_size_zyx, verdicts))
    evidence = _preferred(network)
    for edge in _with_verdict(network, voxel_size_zyx, verdicts.accepted):
        evidence[edge] = 0.0
    for edge in _with_verdict(network, voxel_size_zyx, verdicts.rejected):
        # Not there, nor anywhere on the same stretch while there is another.
        middle = network.point_zyx[network.edges].mean(axis=1)
        away = np.linalg.norm(middle - middle[edge], axis=1)
        stretch = network.segment == network.segment[edge]
        evidence[stretch] = 2.0 - away[stretch] / (1.0 + away[stretch].max())
    # Weights above 0, because a missing entry of a sparse matrix is no edge.
    kept = _spanning(network, 4.0 - evidence)
    rest = network.with_edges(network.edges[kept])
    way = Ways(rest)
    loops = [_loop(network, way, int(edge), voxel_size_zyx) for edge in np.flatnonzero(~kept)]
    doubts = [
        Doubt(
            loop.id,
            "loop",
            loop.point_zyx,
            1.0 - 0.5 * min(loop.evidence, 1.0),
            True,
            verdicts.on(loop.id),
            f"ring of {loop.length:.1f} opened",
        )
        for loop in loops
    ]
    return Opening(rest, loops, doubts + _refused(network, voxel_size_zyx, verdicts))


def _preferred(network: Network) -> NDArray[np.float64]:
    """Evidence of each edge (m,); where it is much alike, the ends of stretches go first.

    Opened there, a ring leaves no stub.
    """
    evidence = network.edge_evidence
    at_fork = (network.degree[network.edges] > 2).any(axis=1)
    alike = np.maximum(evidence, _ALIKE)
    return np.where(evidence < _ALIKE, evidence, alike - 0.1 * at_fork * (evidence >= _ALIKE))


def _spanning(network: Network, weight: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which edges (m,) are in the minimum spanning forest of the weights."""
    graph = network.weighted(weight)
    # SciPy before 1.17 takes indices of 32 bits only.
    graph.indices, graph.indptr = graph.indices.astype(np.int32), graph.indptr.astype(np.int32)
    tree = csgraph.minimum_spanning_tree(graph).tocoo()
    n = len(network)
    low, high = np.minimum(tree.row, tree.col), np.maximum(tree.row, tree.col)
    ends = np.sort(network.edges, axis=1)
    return np.isin(ends[:, 0] * n + ends[:, 1], low.astype(np.int64) * n + high)


def _loop(
    network: Network, way: Ways, edge: int, voxel_size_zyx: NDArray[np.float64]
) -> OpenedLoop:
    one, other = (int(row) for row in network.edges[edge])
    return OpenedLoop(
        id=_name(network, edge, voxel_size_zyx),
        point_zyx=network.point_zyx[[one, other]].mean(axis=0),
        length=way.between(one, other) + float(network.edge_length[edge]),
        evidence=float(network.edge_evidence[edge]),
    )


def _name(network: Network, edge: int, voxel_size_zyx: NDArray[np.float64]) -> str:
    return doubt_id("loop", *(network.point_zyx[network.edges[edge]] / voxel_size_zyx))


def _with_verdict(
    network: Network, voxel_size_zyx: NDArray[np.float64], ids: frozenset[str]
) -> list[int]:
    """The edges that the loops among `ids` stand for."""
    wanted = {name for name in ids if name.startswith("loop-")}
    if not wanted:
        return []
    every = range(len(network.edges))
    return [edge for edge in every if _name(network, edge, voxel_size_zyx) in wanted]


def _refused(
    network: Network, voxel_size_zyx: NDArray[np.float64], verdicts: Verdicts
) -> list[Doubt]:
    """The openings that a person has refused."""
    return [
        Doubt(
            _name(network, edge, voxel_size_zyx),
            "loop",
            network.point_zyx[network.edges[edge]].mean(axis=0),
            1.0 - 0.5 * float(network.edge_evidence[edge]),
            False,
            "rejected",
            "ring not opened here",
        )
        for edge in _with_verdict(network, voxel_size_zyx, verdicts.rejected)
    ]
