"""Trees from edges: rooted where asked, joined, and cut into branches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from neurorecon.morphology import Morphology


def rooted_at(
    morphology: Morphology, roots: NDArray[np.int64], bridges: NDArray[np.int64] | None = None
) -> Morphology:
    """The same nodes and edges, with `bridges` (b, 2) as further edges, seen from other roots.

    roots: one row for each tree that results.
    """
    edges = morphology.edges
    if bridges is not None:
        edges = np.concatenate([edges, bridges])
    n = len(morphology)
    graph = sparse.coo_array((np.ones(len(edges)), edges.T), shape=(n, n)).tocsr()
    _, parent, _ = csgraph.dijkstra(
        graph,
        directed=False,
        indices=roots,
        unweighted=True,
        return_predecessors=True,
        min_only=True,
    )
    return Morphology(
        morphology.point_zyx,
        morphology.radius,
        np.where(parent < 0, -1, parent).astype(np.int64),
        morphology.kind,
        morphology.unit,
    )


def tree_lengths(morphology: Morphology, tree: NDArray[np.int64]) -> NDArray[np.float64]:
    """Total length of each tree. tree: (n,) number of the tree of each node."""
    tree_of_edge = tree[morphology.edges[:, 0]]
    count = int(tree.max(initial=-1)) + 1
    return np.bincount(tree_of_edge, morphology.edge_length, minlength=count).astype(np.float64)
