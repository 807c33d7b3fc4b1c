"""SWC files whose rows do not make trees, read as the trees that they most likely were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurorecon.io.swc import read_swc_header
from neurorecon.io.swc_table import COLUMNS, read_extra_columns, read_table
from neurorecon.morphology import Morphology
from neurorecon.volume import Unit


def read_swc_repaired(path: Path, unit: Unit = "voxel") -> tuple[Morphology, list[str]]:
    """As `read_swc`, but where a file contradicts itself, with what was made of it in words.

    A missing parent and a node that is its own parent make a root. In a ring, its first row becomes
    the root. A repeated row is dropped. Where different rows share an id, as in files that were put
    one after the other, a parent is the last row of that id above, or else the first below.

    Raises InputError for a file that cannot be read, is not text, has no nodes, too few columns, or
    text, NaN or infinity in a column: what these meant, nobody can tell.
    """
    table = read_table(path)
    repairs: list[str] = []
    _, first = np.unique(table, axis=0, return_index=True)
    if len(first) < len(table):
        repairs.append(f"dropped {told(len(table) - len(first), 'repeated row')}")
        table = table[np.sort(first)]
    node, kind, parent_id = (
        table[:, COLUMNS.index(name)].astype(np.int64) for name in ("id", "type", "parent")
    )
    parent = _parent_rows(node, parent_id, repairs)
    late = int((parent > np.arange(len(parent))).sum())
    if late:
        repairs.append(f"sorted: {told(late, 'node')} stood above the parent")
    if not np.array_equal(node, np.arange(1, len(node) + 1)):
        repairs.append("numbered from 1")
    if extra := read_extra_columns(path):
        repairs.append(f"left out {told(extra, 'column')} beyond the {len(COLUMNS)} of SWC")
    morphology = Morphology(
        point_zyx=np.ascontiguousarray(table[:, [4, 3, 2]]),
        radius=table[:, 5].copy(),
        parent=parent,
        kind=kind,
        unit=read_swc_header(path).unit or unit,
    )
    return morphology, repairs


def told(number: int, thing: str) -> str:
    """A number of things in words."""
    return f"{number:,} {thing}{'s' * (number != 1)}"


def _parent_rows(
    node: NDArray[np.int64], parent_id: NDArray[np.int64], repairs: list[str]
) -> NDArray[np.int64]:
    """(n,) row of each node's parent, -1 for roots; what was repaired is added to `repairs`."""
    order = np.argsort(node, kind="stable")
    ids = node[order]
    shared = int((ids[1:] == ids[:-1]).sum())
    if shared:
        repairs.append(f"{told(shared, 'id')} used again: parents taken from the last row above")
    start, end = np.searchsorted(ids, parent_id), np.searchsorted(ids, parent_id, side="right")
    exists = (parent_id >= 0) & (start < end)
    rows = np.arange(len(node))
    parent = np.where(exists, order[np.minimum(start, len(node) - 1)], -1)
    for row in np.flatnonzero(exists & (end - start > 1)).tolist():
        among = order[start[row] : end[row]]
        above = among[among < row]
        parent[row] = above[-1] if len(above) else among[0]
    missing = int(((parent_id >= 0) & ~exists).sum())
    if missing:
        repairs.append(f"{told(missing, 'node')} without the parent that it names: now a root")
    own = parent == rows
    if own.any():
        repairs.append(f"{told(int(own.sum()), 'node')} named as its own parent: now a root")
        parent = np.where(own, -1, parent)
    return _without_rings(parent, repairs)


def _without_rings(parent: NDArray[np.int64], repairs: list[str]) -> NDArray[np.int64]:
    """The same parents, with the first row of every ring a root."""
    state = [0] * len(parent)  # 0 not seen, 1 on the way up that is being walked, 2 done
    above, rings = parent.tolist(), 0
    for start in range(len(above)):
        path, row = [], start
        while row >= 0 and state[row] == 0:
            state[row] = 1
            path.append(row)
            row = above[row]
        if row >= 0 and state[row] == 1:
            ring = path[path.index(row) :]
            above[min(ring)] = -1
            rings += 1
        for row in path:
            state[row] = 2
    if rings:
        repairs.append(f"opened {told(rings, 'ring')}: the first node of each is a root")
    return np.array(above, np.int64)
