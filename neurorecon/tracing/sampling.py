"""Nodes evenly spaced along each branch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neurorecon.morphology import Morphology


def branches(morphology: Morphology) -> list[NDArray[np.int64]]:
    """Rows along each branch, from a tip or fork up to the next fork or the root, both included."""
    parent = morphology.parent.tolist()
    ends = (morphology.child_count != 1) | (morphology.parent < 0)
    stops = ends.tolist()
    found = []
    for row in np.flatnonzero(ends & (morphology.parent >= 0)).tolist():
        path = [row, parent[row]]
        while not stops[path[-1]]:
            path.append(parent[path[-1]])
        found.append(np.asarray(path, np.int64))
    return found


def resampled(morphology: Morphology, spacing: float) -> Morphology:
    """Roots, forks and tips as they are, and nodes about `spacing` apart along branches between."""
    ends = np.flatnonzero((morphology.child_count != 1) | (morphology.parent < 0))
    new_row = np.full(len(morphology), -1, np.int64)
    new_row[ends] = np.arange(len(ends))
    point, radius = [morphology.point_zyx[ends]], [morphology.radius[ends]]
    parent, count = np.full(len(ends), -1, np.int64), len(ends)
    inner_parent = []
    for path in branches(morphology):
        line = np.column_stack([morphology.point_zyx[path], morphology.radius[path]])
        step = np.linalg.norm(np.diff(line[:, :3], axis=0), axis=1)
        arc = np.concatenate([[0.0], np.cumsum(step)])
        pieces = max(round(float(arc[-1]) / spacing), 1)
        at = np.linspace(0.0, arc[-1], pieces + 1)[1:-1]
        inner = np.column_stack([np.interp(at, arc, column) for column in line.T])
        point.append(inner[:, :3])
        radius.append(inner[:, 3])
        rows = np.arange(count, count + len(at))
        chain = np.concatenate([[new_row[path[0]]], rows, [new_row[path[-1]]]])
        parent[chain[0]] = chain[1]
        inner_parent.append(chain[2:])
        count += len(at)
    total = np.concatenate([parent, *inner_parent]).astype(np.int64)
    kind = np.concatenate([morphology.kind[ends], np.zeros(count - len(ends), np.int64)])
    return Morphology(np.concatenate(point), np.concatenate(radius), total, kind, morphology.unit)
