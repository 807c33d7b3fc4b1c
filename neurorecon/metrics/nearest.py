"""Exact distance from points to the nearest edge of a tree, in time close to linear."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from neurorecon.morphology import Morphology

_CANDIDATES_AT_ONCE = 1 << 18  # points times candidates in one step: some 40 MiB of temporaries
_FIRST_CANDIDATES = 6  # settles nearly all points that lie near the tree
_MORE_CANDIDATES = 4  # factor by which the rest looks further


class EdgeIndex:
    """Answers how far points are from the nearest edge of a tree.

    An edge is the straight segment between a node and its parent. A tree without edges stands for
    its nodes, each a segment of length 0; next to edges, lone nodes do not count (Vaa3D's rule).
    """

    def __init__(self, morphology: Morphology) -> None:
        """Index the edges; raises ValueError where there are no nodes at all."""
        if len(morphology) == 0:
            raise ValueError("a tree without nodes has no nearest edge")
        start, end = edge_ends(morphology)
        self._start = start
        self._along = end - start
        self._squared_length = np.einsum("ij,ij->i", self._along, self._along)
        middle, self._edge, self._reach = self._pieces()
        self._middles = cKDTree(middle)

    def _pieces(self) -> tuple[NDArray[np.float64], NDArray[np.int64], float]:
        """Edges cut into pieces no longer than the mean edge: at most twice as many as edges.

        Returns the middles (p, 3) of the pieces, the edge (p,) of each, and half the length of the
        longest: no point of a piece is farther than this from its middle.
        """
        length = np.sqrt(self._squared_length)
        longest = max(float(length.mean()), float(np.finfo(np.float64).tiny))
        count = np.maximum(np.ceil(length / longest), 1).astype(np.int64)
        edge = np.repeat(np.arange(len(count)), count)
        place = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)
        middle = self._start[edge] + ((place + 0.5) / count[edge])[:, None] * self._along[edge]
        return middle, edge, 0.5 * float((length / count).max())

    def distance(self, point_zyx: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) distance of each of the points (n, 3) to the nearest edge, in their unit."""
        return self.nearest(point_zyx)[0]

    def nearest(
        self, point_zyx: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Distance (n,) of each point (n, 3) to the nearest edge, and the row (n,) of that edge.

        Exact: the edges of the nearest pieces give an upper bound, and a piece that was not
        looked at can win only if its middle is nearer than that bound plus `reach`. Points for
        which the farthest candidate does not rule this out look at more.

        Rows count `Morphology.edges`, or the nodes of a tree without edges.
        """
        result, winner = np.empty(len(point_zyx)), np.empty(len(point_zyx), np.int64)
        pending = np.arange(len(point_zyx))
        candidates = min(_FIRST_CANDIDATES, self._middles.n)
        while len(pending):
            size = max(1, _CANDIDATES_AT_ONCE // candidates)
            left = []
            for first in range(0, len(pending), size):
                rows = pending[first : first + size]
                result[rows], winner[rows], settled = self._among(point_zyx[rows], candidates)
                left.append(rows[~settled])
            pending = np.concatenate(left)
            candidates = min(candidates * _MORE_CANDIDATES, self._middles.n)
        return result, winner

    def _among(
        self, point_zyx: NDArray[np.float64], candidates: int
    ) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
        """Distance (n,) to the edges of the nearest pieces, the nearest edge (n,), and whether no
        other can be nearer (n,).
        """
        to_middle, piece = self._middles.query(
            point_zyx, k=np.arange(1, candidates + 1), workers=-1
        )
        edge = self._edge[piece]  # (n, candidates)
        along = self._along[edge]  # (n, candidates, 3)
        apart = point_zyx[:, None] - self._start[edge]
        fraction = np.einsum("ncj,ncj->nc", apart, along)
        squared_length = self._squared_length[edge]
        np.divide(fraction, squared_length, out=fraction, where=squared_length > 0)
        np.clip(fraction, 0.0, 1.0, out=fraction)
        apart -= fraction[..., None] * along
        squared = np.einsum("ncj,ncj->nc", apart, apart)
        place = squared.argmin(axis=1)
        rows = np.arange(len(place))
        best, winner = np.sqrt(squared[rows, place]), edge[rows, place]
        if candidates == self._middles.n:
            return best, winner, np.ones(len(best), bool)
        return best, winner, to_middle[:, -1] >= best + self._reach


def edge_ends(morphology: Morphology) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(m, 3) child ends and (m, 3) parent ends of the edges; the nodes twice if there are none."""
    child, parent = morphology.edges.T
    if len(child) == 0:
        return morphology.point_zyx, morphology.point_zyx
    return morphology.point_zyx[child], morphology.point_zyx[parent]
