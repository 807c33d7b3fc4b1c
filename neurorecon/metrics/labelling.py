"""Gold trees whose nodes know the segment they lie in: of a label volume, or of test trees."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from neurorecon.errors import InputError
from neurorecon.metrics.nearest import EdgeIndex
from neurorecon.morphology import Morphology
from neurorecon.volume import LazyVoxels

OMITTED = 0


@dataclass(frozen=True, slots=True)
class LabelledTree:
    """A gold neuron with short edges, and the segment of each node.

    tree: (n,) nodes, no edge longer than the step it was divided with.
    label: (n,) int64 segment of each node; 0 where it is in none.
    """

    tree: Morphology
    label: NDArray[np.int64]


def label_by_volume(
    gold: Morphology, labels: NDArray[np.integer] | LazyVoxels, step: float = 1.0
) -> LabelledTree:
    """Label a tree, in voxel indices of the volume, by the voxels that its nodes lie in.

    labels: (Z, Y, X) segment of each voxel, 0 is background; nodes outside of it are in none.
    step: longest edge, in voxels, so that a gold of few nodes is labelled between them too.

    A gap is bridged however long it is, as segmentation-skeleton-metrics does: the volume itself
    says that both of its ends are one neuron.
    """
    if gold.unit != "voxel":
        raise InputError("the gold is in µm and a label volume in voxels; give --voxel-size Z Y X")
    tree = subdivided(gold, step)
    index = np.floor(tree.point_zyx + 0.5).astype(np.int64)
    inside = ((index >= 0) & (index < labels.shape)).all(axis=1)
    label = np.zeros(len(tree), np.int64)
    label[inside] = labels[tuple(index[inside].T)]
    return LabelledTree(tree, bridged(tree, label))


def label_by_trees(
    gold: Morphology,
    tests: Morphology,
    tolerance: float,
    step: float,
    longest_gap: float,
) -> LabelledTree:
    """Label a tree by the trees of `tests`: 1 for that of the first root, 2 for the second, ...

    A node belongs to the tree whose edges are nearest, if within the tolerance. Where two of them
    run side by side, a stretch between nodes of one that is within its tolerance stays with it.

    tolerance, step, longest_gap: in the unit of the trees; the last as `bridged` explains it.
    """
    tree = subdivided(gold, step)
    if not len(tests.edges):  # lone nodes lead nowhere
        return LabelledTree(tree, np.full(len(tree), OMITTED, np.int64))
    distance, edge = EdgeIndex(tests).nearest(tree.point_zyx)
    segment = tests.tree_of[tests.edges[edge, 0]] + 1
    label = np.where(distance <= tolerance, segment, OMITTED)
    enclosed = [
        (rows, around) for rows, around in enclosed_runs(tree, label) if label[rows[0]] != OMITTED
    ]
    others = tests.trees() if enclosed else []
    indexes = {around: EdgeIndex(others[around - 1]) for around in {each for _, each in enclosed}}
    for rows, around in enclosed:
        if (indexes[around].distance(tree.point_zyx[rows]) <= tolerance).all():
            label[rows] = around
    return LabelledTree(tree, bridged(tree, label, longest_gap))


def joined(trees: Sequence[Morphology]) -> Morphology:
    """All trees as one morphology, row after row; at least one, all in one unit."""
    first = np.cumsum([0, *(len(tree) for tree in trees)])
    parents = [
        np.where(tree.parent >= 0, tree.parent + start, -1)
        for tree, start in zip(trees, first, strict=False)
    ]
    return Morphology(
        np.concatenate([tree.point_zyx for tree in trees]),
        np.concatenate([tree.radius for tree in trees]),
        np.concatenate(parents),
        np.concatenate([tree.kind for tree in trees]),
        trees[0].unit,
    )


def subdivided(morphology: Morphology, step: float) -> Morphology:
    """The same trees with nodes added so that no edge is longer than `step`."""
    child, parent = morphology.edges.T
    pieces = np.maximum(np.ceil(morphology.edge_length / step - 1e-9), 1).astype(np.int64)
    inner = pieces - 1
    edge = np.repeat(np.arange(len(inner)), inner)
    place = np.arange(len(edge)) - np.repeat(np.cumsum(inner) - inner, inner) + 1
    fraction = (place / pieces[edge])[:, None]
    start, end = morphology.point_zyx[child[edge]], morphology.point_zyx[parent[edge]]
    first = len(morphology) + np.cumsum(inner) - inner  # row of each edge's first new node
    new_parent = np.where(
        place < inner[edge], first[edge] + place, parent[edge]
    )  # a chain from the child to the parent
    all_parents = np.concatenate([morphology.parent, new_parent])
    cut = inner > 0
    all_parents[child[cut]] = first[cut]
    radius = morphology.radius
    return replace(
        morphology,
        point_zyx=np.concatenate([morphology.point_zyx, start + fraction * (end - start)]),
        radius=np.concatenate([radius, radius[child[edge]]]),
        parent=all_parents,
        kind=np.concatenate([morphology.kind, morphology.kind[child[edge]]]),
    )


def bridged(
    tree: Morphology, label: NDArray[np.int64], longest_gap: float = math.inf
) -> NDArray[np.int64]:
    """Labels in which an omitted stretch between nodes of one and the same segment is in it too.

    longest_gap: largest length of such a stretch, up to the nodes in the segment, in the unit of
        the tree; a longer one stays omitted, whatever lies at its ends.

    The gold leaves a thin segment for a few voxels where the two are not aligned; that the segment
    goes on is what counts. What hangs on the stretch and ends in a tip stays omitted.
    """
    gaps = [
        (rows, around) for rows, around in enclosed_runs(tree, label) if label[rows[0]] == OMITTED
    ]
    if not gaps:
        return label.copy()
    gap = np.full(len(tree), -1)
    for number, (rows, _) in enumerate(gaps):
        gap[rows] = number
    gap[~_between_exits(tree, gap >= 0)] = -1
    gap_of_edge = np.maximum(*gap[tree.edges.T])
    hangs = ((gap < 0) & (label == OMITTED))[tree.edges].any(axis=1)
    inside = (gap_of_edge >= 0) & ~hangs
    length = np.bincount(gap_of_edge[inside], tree.edge_length[inside], minlength=len(gaps))
    filled = (gap >= 0) & (length <= longest_gap)[gap]
    result = label.copy()
    result[filled] = np.array([around for _, around in gaps])[gap[filled]]
    return result


def _between_exits(tree: Morphology, inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(n,) the nodes of `inside` that lie on a way from one place outside of it to another."""
    edges = tree.edges[inside[tree.edges].any(axis=1)]
    both_ways = np.concatenate([edges, edges[:, ::-1]])
    neighbour = both_ways[np.argsort(both_ways[:, 0], kind="stable"), 1]
    degree = np.bincount(both_ways[:, 0], minlength=len(tree))
    first = np.concatenate([[0], np.cumsum(degree)])
    result = inside.copy()
    dead_ends = np.flatnonzero(inside & (degree < 2)).tolist()
    while dead_ends:
        row = dead_ends.pop()
        result[row] = False
        for other in neighbour[first[row] : first[row + 1]].tolist():
            degree[other] -= 1
            if result[other] and degree[other] == 1:
                dead_ends.append(other)
    return result


def enclosed_runs(
    tree: Morphology, label: NDArray[np.int64]
) -> list[tuple[NDArray[np.int64], int]]:
    """Runs of one label that leave into one and the same other segment in two or more places.

    Returns the rows of each run, and the segment around it.
    """
    run = runs(tree, label)
    child, parent = tree.edges.T
    crossing = np.flatnonzero(run[child] != run[parent])
    inner = np.concatenate([run[child[crossing]], run[parent[crossing]]])
    outer = np.concatenate([label[parent[crossing]], label[child[crossing]]])
    count = int(run.max()) + 1
    exits = np.bincount(inner, minlength=count)
    low, high = np.full(count, np.iinfo(np.int64).max), np.full(count, -1)
    np.minimum.at(low, inner, outer)
    np.maximum.at(high, inner, outer)
    chosen = np.flatnonzero((exits >= 2) & (low == high) & (low != OMITTED))
    order = np.argsort(run, kind="stable")
    first = np.searchsorted(run[order], np.arange(count + 1))
    return [(order[first[each] : first[each + 1]], int(low[each])) for each in chosen]


def runs(tree: Morphology, label: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) number of the connected stretch of equal labels that each node is in."""
    child, parent = tree.edges.T
    same = label[child] == label[parent]
    ones = np.ones(np.count_nonzero(same), np.int8)
    links = coo_array((ones, (child[same], parent[same])), shape=(len(tree), len(tree)))
    _, piece = connected_components(links, directed=False)
    return np.asarray(piece, np.int64)
