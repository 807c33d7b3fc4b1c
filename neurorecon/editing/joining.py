"""Pieces of a neuron joined where their ends come near each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order
from scipy.spatial import KDTree

from neurorecon.morphology import SOMA, Morphology

_AT_ONCE = 1000  # ends whose surroundings are looked at together


@dataclass(frozen=True, slots=True)
class Joining:
    """What was joined: the gaps in the unit of the tree, and how many trees there are now."""

    gaps: tuple[float, ...]
    trees: int


def join_pieces(morphology: Morphology, limit: float) -> tuple[Morphology, Joining]:
    """Trees joined by straight edges, the shortest first, none longer than `limit`.

    Each edge begins at an end (a tip or a root) of one tree and goes to the nearest node of
    another: a neurite that was cut continues from where it was cut. No edge closes a ring.

    A joined tree is rooted at its cell body (type 1), where it has one, else at the root of its
    longest piece. Nodes keep their rows.
    """
    edges, gaps = _bridges(morphology, limit)
    if not len(edges):
        return morphology, Joining((), len(morphology.roots))
    parent = _rooted(morphology, edges)
    joined = replace(morphology, parent=parent)
    return joined, Joining(tuple(gaps), len(joined.roots))


def _bridges(morphology: Morphology, limit: float) -> tuple[NDArray[np.int64], list[float]]:
    """(k, 2) rows to connect, and the length of each."""
    tree = morphology.tree_of.tolist()
    ends = np.flatnonzero(morphology.degree <= 1)
    places = KDTree(morphology.point_zyx)
    near: dict[tuple[int, int], tuple[float, int, int]] = {}
    for first in range(0, len(ends), _AT_ONCE):
        some = ends[first : first + _AT_ONCE]
        found = places.query_ball_point(morphology.point_zyx[some], limit)
        for end, others in zip(some.tolist(), found, strict=True):
            for gap, row in _nearest_of_others(morphology, end, np.asarray(others, np.int64)):
                one = (gap, end, row)
                pair = (min(tree[end], tree[row]), max(tree[end], tree[row]))
                near[pair] = min(near.get(pair, one), one)
    group = list(range(len(morphology.roots)))

    def top(number: int) -> int:
        while group[number] != number:
            group[number] = group[group[number]]
            number = group[number]
        return number

    edges, gaps = [], []
    for (first_tree, second_tree), (gap, end, row) in sorted(
        near.items(), key=lambda item: item[1]
    ):
        if top(first_tree) != top(second_tree):
            group[top(first_tree)] = top(second_tree)
            edges.append((end, row))
            gaps.append(gap)
    return np.array(edges, np.int64).reshape(-1, 2), gaps


def _nearest_of_others(
    morphology: Morphology, end: int, rows: NDArray[np.int64]
) -> Iterator[tuple[float, int]]:
    """Distance and row of the nearest among `rows` in each tree but that of `end`."""
    tree = morphology.tree_of[rows]
    elsewhere = tree != morphology.tree_of[end]
    rows, tree = rows[elsewhere], tree[elsewhere]
    gap = np.linalg.norm(morphology.point_zyx[rows] - morphology.point_zyx[end], axis=1)
    order = np.lexsort((rows, gap, tree))
    _, first = np.unique(tree[order], return_index=True)
    yield from zip(gap[order[first]].tolist(), rows[order[first]].tolist(), strict=True)


def _rooted(morphology: Morphology, bridges: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) parents of the same nodes, where pieces are joined by bridges (k, 2).

    Each group of joined trees is rooted at a cell body, first of all one that was a root, or else
    at the root of its longest piece; other trees stay as they are.
    """
    count, roots = len(morphology), morphology.roots
    one, other = np.concatenate([morphology.edges, bridges]).T
    links = coo_array((np.ones(len(one), np.int8), (one, other)), shape=(count, count)).tocsr()
    length = np.bincount(
        morphology.tree_of[morphology.edges[:, 0]], morphology.edge_length, len(roots)
    )
    is_soma = morphology.kind[roots] == SOMA
    somas_first = roots[np.lexsort((-length, ~is_soma))]
    joined = np.isin(morphology.tree_of, morphology.tree_of[bridges.ravel()])
    inner = np.flatnonzero((morphology.kind == SOMA) & (morphology.parent >= 0) & joined)
    first = np.insert(somas_first, int(is_soma.sum()), inner)
    parent = np.full(count, -1, np.int64)
    seen = np.zeros(count, bool)
    for root in first.tolist():
        if seen[root]:
            continue
        order, above = breadth_first_order(links, root, directed=False)
        seen[order] = True
        parent[order] = np.where(above[order] < 0, -1, above[order])
    return parent
