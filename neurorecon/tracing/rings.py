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
    chosen = _one_for_each_end(_branch_of(tree)[pair], at_end[pair], central[touch].min(axis=1))
    beyond = np.zeros(len(rows), bool)
    closures = np.zeros((len(chosen), 2), np.int64)
    for place, (number, ends) in enumerate(chosen):
        beyond[pair[number, ends]] = True
        # At a branch's end the voxel that touches, elsewhere the one of the branch; the end first.
        closure = np.where(np.isin((0, 1), ends), touch[number], rows[pair[number]])
        closures[place] = closure if 0 in ends else closure[::-1]
    # What lay beyond the turn to the other branch was the rest of a cap.
    kept = kept.copy()
    kept[rows[at_or_beyond(tree, beyond)[tree.parent] & (tree.hops > 0)]] = False
    for end in closures.ravel().tolist():
        while not kept[end]:
            kept[end] = True
            end = int(forest.parent[end])
    return Rings(kept, closures)


def _one_for_each_end(
    branch: NDArray[np.int64], at_end: NDArray[np.bool_], central: NDArray[np.float64]
) -> list[tuple[int, list[int]]]:
    """The most central meetings (p,) of which no branch's end has two, and their sides at an end.

    branch: (p, 2) number of the branch on each side. at_end: (p, 2) whether it ends there.
    """
    taken: set[int] = set()
    chosen = []
    for number in np.argsort(-central, kind="stable").tolist():
        ends = [side for side in (0, 1) if at_end[number, side]]
        meeting = {int(branch[number, side]) for side in ends}
        if not taken & meeting:
            taken |= meeting
            chosen.append((number, ends))
    return chosen


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
