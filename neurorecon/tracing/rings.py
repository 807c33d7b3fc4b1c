"""Where the foreground closes a ring: two kept branches meet, though their paths come from afar.

A shortest-path search reaches a ring of neurite from one side and runs around it both ways; the two
fronts meet somewhere in the middle, at a place that says nothing about the neuron. So the tree of
kept paths is cut there, and each such cut is told, for others to decide where the ring opens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurorecon.tracing.foreground import Foreground
from neurorecon.tracing.paths import PathForest, at_or_beyond, ends_of_chains, farthest

_LEAST = 2.0  # widths of both branches around the ring; what is shorter is a hole, no ring


@dataclass(frozen=True)
class Rings:
    """Kept paths that reach up to where rings close.

    kept: (n,) voxels on kept branches.
    closures: (k, 2) rows of voxels that close a ring; at the first of them a branch ends.
    """

    kept: NDArray[np.bool_]
    closures: NDArray[np.int64]


def closed_rings(
    foreground: Foreground,
    forest: PathForest,
    kept: NDArray[np.bool_],
    central: NDArray[np.float64],
    width: NDArray[np.float64],
) -> Rings:
    """The kept branches, and where they meet others to which they are joined only far away.

    Each branch's end meets one other branch at most, where the foreground between them is most
    central. Branches that pass each other side by side make no ring.

    kept: (n,) voxels on kept branches. central: (n,) from `centrality`. width: (n,) how far around
        it a kept voxel covers others; a voxel with less than that beyond it is at a branch's end.
    """
    owner = ends_of_chains(np.where(kept, np.arange(len(kept)), forest.parent))
    rows = np.flatnonzero(kept)
    small = np.full(len(kept), -1, np.int64)
    small[rows] = np.arange(len(rows))
    tree = PathForest(small[forest.parent[rows]], forest.length[rows], forest.hops[rows])
    at_end = farthest(tree) - tree.length <= width[rows]
    touch = _touching(foreground, small[owner], tree, at_end)
    pair = small[owner[touch]]
    ring = _apart(tree, pair[:, 0], pair[:, 1])
    long = ring > _LEAST * width[rows[pair]].sum(axis=1)
    pair, touch = pair[long], touch[long]
    branch = _branch_of(tree)[pair]
    taken: set[int] = set()
    beyond = np.zeros(len(rows), bool)
    kept, closures = kept.copy(), []
    for number in np.argsort(-central[touch].min(axis=1), kind="stable").tolist():
        ends = [side for side in (0, 1) if at_end[pair[number, side]]]
        if any(int(branch[number, side]) in taken for side in ends):
            continue
        taken.update(int(branch[number, side]) for side in ends)
        beyond[pair[number, ends]] = True
        closure = [
            touch[number, side] if side in ends else rows[pair[number, side]]
            for side in sorted((0, 1), key=lambda side: side not in ends)
        ]
        closures.append(closure)
    # What lay beyond the turn to the other branch was the rest of a cap.
    kept[rows[at_or_beyond(tree, beyond)[tree.parent] & (tree.hops > 0)]] = False
    for end in np.ravel(closures).astype(int).tolist():
        while not kept[end]:
            kept[end] = True
            end = int(forest.parent[end])
    return Rings(kept, np.reshape(closures, (-1, 2)).astype(np.int64))


def _touching(
    foreground: Foreground,
    owner: NDArray[np.int64],
    tree: PathForest,
    at_end: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Rows (p, 2) of neighbouring voxels with different owners, one of them at a branch's end."""
    found = []
    for first, second in foreground.neighbours:
        one, other = owner[first], owner[second]
        use = (one != other) & (at_end[one] | at_end[other])
        use &= (tree.parent[one] != other) & (tree.parent[other] != one)
        found.append(np.stack([first[use], second[use]], axis=1))
    return np.concatenate(found)


def _branch_of(tree: PathForest) -> NDArray[np.int64]:
    """(n,) the voxel at the far end, tip or fork, of the branch that each voxel is on."""
    rows = np.arange(len(tree.parent))
    child = rows[tree.parent != rows]
    count = np.bincount(tree.parent[child], minlength=len(rows))
    onward = rows.copy()
    inner = child[count[tree.parent[child]] == 1]
    onward[tree.parent[inner]] = inner
    return ends_of_chains(onward)


def _apart(
    tree: PathForest, one: NDArray[np.int64], other: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Path lengths (p,) between voxels of one tree; infinite between trees."""
    above = [tree.parent]
    while (above[-1][above[-1]] != above[-1]).any():
        above.append(above[-1][above[-1]])
    low = np.where(tree.hops[one] >= tree.hops[other], one, other)
    high = np.where(tree.hops[one] >= tree.hops[other], other, one)
    rise = tree.hops[low] - tree.hops[high]
    for level, ancestor in enumerate(above):
        low = np.where(rise >> level & 1, ancestor[low], low)
    for ancestor in reversed(above):
        differ = ancestor[low] != ancestor[high]
        low = np.where(differ, ancestor[low], low)
        high = np.where(differ, ancestor[high], high)
    meet = np.where(low == high, low, tree.parent[low])
    length = tree.length[one] + tree.length[other] - 2.0 * tree.length[meet]
    same = (low == high) | (tree.parent[low] == tree.parent[high])
    return np.where(same, length, np.inf)
