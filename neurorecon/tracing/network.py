"""Centrelines with their rings: a graph of nodes, and what the evidence for each node is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from neurorecon.morphology import Morphology


@dataclass(frozen=True)
class Network:
    """A graph that may have rings.

    point_zyx: (n, 3). radius: (n,). edges: (m, 2) rows, in any direction.
    probability: (n,) of the segmentation at each node. kind: (n,) SWC types.
    """

    point_zyx: NDArray[np.float64]
    radius: NDArray[np.float64]
    edges: NDArray[np.int64]
    probability: NDArray[np.float64]
    kind: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.radius)

    @classmethod
    def of(
        cls, trees: Morphology, closures: NDArray[np.int64], probability: NDArray[np.float64]
    ) -> Network:
        """Trees with `closures` (k, 2) as further edges."""
        edges = np.concatenate([trees.edges, closures.reshape(-1, 2)])
        return cls(trees.point_zyx, trees.radius, edges, probability, trees.kind)

    def with_edges(self, edges: NDArray[np.int64]) -> Network:
        """The same nodes with other edges."""
        return replace(self, edges=edges)

    def take(self, rows: NDArray[np.int64]) -> Network:
        """The nodes `rows` and the edges between them."""
        new_row = np.full(len(self), -1, np.int64)
        new_row[rows] = np.arange(len(rows))
        edges = new_row[self.edges]
        return Network(
            self.point_zyx[rows],
            self.radius[rows],
            edges[(edges >= 0).all(axis=1)],
            self.probability[rows],
            self.kind[rows],
        )

    @cached_property
    def degree(self) -> NDArray[np.int64]:
        """(n,) number of edges at each node."""
        return np.bincount(self.edges.ravel(), minlength=len(self)).astype(np.int64)

    @cached_property
    def edge_length(self) -> NDArray[np.float64]:
        """(m,)"""
        one, other = self.edges.T
        length: NDArray[np.float64] = np.linalg.norm(
            self.point_zyx[one] - self.point_zyx[other], axis=1
        )
        return length

    @cached_property
    def matrix(self) -> sparse.csr_array:
        """(n, n) symmetric matrix of edge lengths; an edge without length gets a tiny one."""
        return self.weighted(np.maximum(self.edge_length, 1e-9))

    def weighted(self, weight: NDArray[np.float64]) -> sparse.csr_array:
        """(n, n) symmetric matrix of weights (m,), which are above 0."""
        one, other = self.edges.T
        n = len(self)
        half = sparse.coo_array((weight, (one, other)), shape=(n, n)).tocsr()
        return half.maximum(half.T)

    @cached_property
    def piece(self) -> NDArray[np.int64]:
        """(n,) number of the connected piece of each node."""
        _, piece = csgraph.connected_components(self.matrix, directed=False)
        return np.asarray(piece, np.int64)

    @cached_property
    def segment(self) -> NDArray[np.int64]:
        """(m,) number of the unbranched stretch that each edge is on."""
        inner = self.degree == 2
        incident = np.argsort(self.edges.ravel(), kind="stable") // 2
        first = np.searchsorted(np.sort(self.edges.ravel()), np.flatnonzero(inner))
        pairs = np.stack([incident[first], incident[first + 1]], axis=1)
        m = len(self.edges)
        graph = sparse.coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(m, m))
        _, segment = csgraph.connected_components(graph, directed=False)
        return np.asarray(segment, np.int64)

    @cached_property
    def edge_evidence(self) -> NDArray[np.float64]:
        """(m,) 0 to 1: probability, lower where a stretch is thinner than it typically is."""
        radius = self.radius[self.edges].min(axis=1)
        order = np.lexsort((radius, self.segment))
        counts = np.bincount(self.segment)
        start = np.cumsum(counts) - counts
        typical = radius[order][start + counts // 2]
        thin = np.minimum(radius / np.maximum(typical[self.segment], 1e-12), 1.0)
        evidence: NDArray[np.float64] = self.probability[self.edges].min(axis=1) * thin
        return evidence

    @cached_property
    def _from_first(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Distance (n,) from the first node of each piece, and the row (n,) before, -1 there."""
        _, first = np.unique(self.piece, return_index=True)
        distance, parent, _ = csgraph.dijkstra(
            self.matrix, directed=False, indices=first, return_predecessors=True, min_only=True
        )
        return distance, np.where(parent < 0, -1, parent).astype(np.int64)

    @cached_property
    def trees(self) -> Morphology:
        """The same nodes and edges as trees rooted at their first nodes; there are no rings."""
        return Morphology(self.point_zyx, self.radius, self._from_first[1], self.kind)

    def neighbours(self, row: int) -> list[int]:
        """Rows that share an edge with one."""
        first, last = self.matrix.indptr[row : row + 2]
        rows: list[int] = self.matrix.indices[first:last].tolist()
        return rows

    def reaches(self, before: int, row: int, far: float) -> bool:
        """Whether a path that comes from `before` and goes on through `row` gets `far` from it."""
        seen, waiting = {before, row}, [(row, 0.0)]
        while waiting:
            here, length = waiting.pop()
            if length >= far:
                return True
            for onward in self.neighbours(here):
                if onward not in seen:
                    seen.add(onward)
                    step = float(np.linalg.norm(self.point_zyx[onward] - self.point_zyx[here]))
                    waiting.append((onward, length + step))
        return False


class Ways:
    """Lengths of paths through a network without rings."""

    def __init__(self, network: Network) -> None:
        self._distance, parent = network._from_first
        self._parent = parent.tolist()

    def between(self, one: int, other: int) -> float:
        """Length of the path between two nodes of the same piece."""
        before = set()
        row = one
        while row >= 0:
            before.add(row)
            row = self._parent[row]
        meet = other
        while meet not in before:
            meet = self._parent[meet]
        ends = self._distance[one] + self._distance[other]
        return float(ends - 2.0 * self._distance[meet])
