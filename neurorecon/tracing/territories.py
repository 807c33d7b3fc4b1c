"""Which neurite belongs to which of several cell bodies or roots in one tree.

Fronts run out from all of them, slowly where a neurite is thin, faint or bridged; where two fronts
meet, the tree is cut.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csgraph

from neurorecon.tracing.doubts import Verdicts, doubt_id
from neurorecon.tracing.network import Network
from neurorecon.tracing.result import Doubt

_FAINTEST = 0.05  # evidence that is taken for granted, so that no front stands still


@dataclass(frozen=True)
class Division:
    """A network in which no piece holds two seeds; points count from voxel (0, 0, 0)."""

    network: Network
    doubts: list[Doubt]


def divided(
    network: Network,
    seeds: NDArray[np.int64],
    voxel_size_zyx: NDArray[np.float64],
    verdicts: Verdicts,
) -> Division:
    """Cut every path between two of the nodes `seeds`.

    A border that is rejected is drawn again where the evidence on the path is weakest.
    """
    if len(np.unique(network.piece[seeds])) == len(seeds):
        return Division(network, [])
    cost = network.edge_length / np.maximum(network.edge_evidence, _FAINTEST)
    _, _, nearest = csgraph.dijkstra(
        network.weighted(np.maximum(cost, 1e-9)),
        directed=False,
        indices=seeds,
        return_predecessors=True,
        min_only=True,
    )
    one, other = nearest[network.edges].T
    cuts, doubts = [], []
    for edge in np.flatnonzero((one != other) & (one >= 0)).tolist():
        name, point = _place(network, edge, voxel_size_zyx)
        verdict = verdicts.on(name)
        if verdict == "rejected":
            ends = (int(one[edge]), int(other[edge]))
            cuts.append(_weakest(network, ends, network.segment[edge]))
        else:
            cuts.append(edge)
        done = verdict != "rejected"
        score = 1.0 - 0.5 * float(network.edge_evidence[edge])
        note = "border between two neurons" if done else "no border here"
        doubts.append(Doubt(name, "border", point, score, done, verdict, note))
    kept = np.ones(len(network.edges), bool)
    kept[cuts] = False
    return Division(network.with_edges(network.edges[kept]), doubts)


def _place(
    network: Network, edge: int, voxel_size_zyx: NDArray[np.float64]
) -> tuple[str, NDArray[np.float64]]:
    ends = network.point_zyx[network.edges[edge]]
    return doubt_id("border", *(ends / voxel_size_zyx)), ends.mean(axis=0)


def _weakest(network: Network, ends: tuple[int, int], refused: int) -> int:
    """The edge with the least evidence on the path between two nodes.

    refused: number of the stretch that is left as it is, unless there is no other.
    """
    _, parent = csgraph.dijkstra(
        network.matrix, directed=False, indices=ends[0], return_predecessors=True
    )
    number = {tuple(sorted(pair)): edge for edge, pair in enumerate(network.edges.tolist())}
    path, row = [], ends[1]
    while row != ends[0]:
        path.append(number[tuple(sorted((row, int(parent[row]))))])
        row = int(parent[row])
    elsewhere = [edge for edge in path if network.segment[edge] != refused] or path
    return min(elsewhere, key=lambda edge: float(network.edge_evidence[edge]))
