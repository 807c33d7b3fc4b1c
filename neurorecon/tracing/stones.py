"""Pieces too short to be neurite by themselves, each as one node: stepping stones at most."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neurorecon.tracing.network import Network


def with_stones(network: Network, shortest: float) -> tuple[Network, NDArray[np.float64]]:
    """The network, every piece shorter than `shortest` reduced to its middle node.

    Also tells how far (n,) each such stone's centreline reached from its middle; -1 for nodes of
    other pieces. The longest piece is no stone, however short.
    """
    piece = network.piece
    count = int(piece.max()) + 1
    length = np.bincount(piece[network.edges[:, 0]], network.edge_length, count)
    short = length < min(shortest, float(length.max()))
    size = np.bincount(piece)
    centre = np.stack([np.bincount(piece, axis) / size for axis in network.point_zyx.T], axis=1)
    off = np.linalg.norm(network.point_zyx - centre[piece], axis=1)
    order = np.lexsort((off, piece))
    middle = order[np.cumsum(size) - size]
    kept = ~short[piece]
    kept[middle] = True
    rows = np.flatnonzero(kept)
    extent = np.where(short[piece], 0.5 * length[piece], -1.0)
    return network.take(rows), extent[rows]
