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


def branch_ends(
    morphology: Morphology, tips: NDArray[np.int64], span: float
) -> list[NDArray[np.int64]]:
    """For each tip the rows from it inwards, up to `span` away, a fork, or the other end."""
    neighbours: dict[int, list[int]] = {}
    for child, parent in morphology.edges.tolist():
        neighbours.setdefault(child, []).append(parent)
        neighbours.setdefault(parent, []).append(child)
    point = morphology.point_zyx
    ends = []
    for tip in tips.tolist():
        rows = [tip]
        while np.linalg.norm(point[rows[-1]] - point[tip]) < span:
            onward = [row for row in neighbours.get(rows[-1], []) if row not in rows[-2:]]
            if len(onward) != 1:
                break
            rows.append(onward[0])
        ends.append(np.asarray(rows, np.int64))
    return ends


def thickest_end(tree: Morphology, span: float) -> int:
    """The row of the tip whose last `span` is thickest on average; the only row of a lone node.

    Where no cell body shows, this is where the neurite comes from. A root in the middle of a branch
    would be a section without length to programs that cut trees at their roots.
    """
    tips = tree.tips
    if len(tips) == 0:
        return 0
    ends = branch_ends(tree, tips, span)
    return int(tips[np.argmax([tree.radius[rows].mean() for rows in ends])])
