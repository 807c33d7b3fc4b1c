"""Nodes along branches moved or replaced; roots, forks, tips and cell bodies stay as they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from neurorecon.morphology import SOMA, Morphology

_SAMPLES_PER_SIGMA = 4
_REACH_SIGMA = 4
_SAMPLES_PER_NODE = 32  # at most: what is finer than the nodes moves none of them


def resampled(morphology: Morphology, step: float) -> Morphology:
    """Nodes about `step` apart along each branch: as many as fit evenly between its ends.

    Radii are those between the two old nodes, types that of the one below.
    """
    kept = _fixed(morphology)
    rows = np.flatnonzero(kept)
    new_row = np.full(len(morphology), -1, np.int64)
    new_row[rows] = np.arange(len(rows))
    above = np.full(len(rows), -1, np.int64)
    old = np.column_stack([morphology.point_zyx, morphology.radius])
    tables, kinds, parents, count = [old[rows]], [morphology.kind[rows]], [], len(rows)
    for branch in _branches(morphology, kept):
        arc = _arc(morphology.point_zyx[branch])
        # Within a cell body there is no neurite to put nodes on.
        in_soma = (morphology.kind[branch] == SOMA).all()
        pieces = 1 if in_soma else max(round(float(arc[-1]) / step), 1)
        at = np.linspace(0.0, arc[-1], pieces + 1)[1:-1]
        columns = [np.interp(at, arc, column) for column in old[branch].T]
        tables.append(np.column_stack(columns).reshape(-1, 4))
        lower = np.maximum(np.searchsorted(arc, at, side="right") - 1, 0)
        kinds.append(morphology.kind[branch[lower]])
        chain = np.concatenate(
            [[new_row[branch[0]]], np.arange(count, count + len(at)), [new_row[branch[-1]]]]
        )
        above[chain[0]] = chain[1]
        parents.append(chain[2:])
        count += len(at)
    table = np.concatenate(tables)
    return Morphology(
        table[:, :3],
        table[:, 3],
        np.concatenate([above, *parents]).astype(np.int64),
        np.concatenate(kinds),
        morphology.unit,
    )


def smoothed(morphology: Morphology, length: float) -> Morphology:
    """Nodes moved to the Gaussian mean of their branch, of standard deviation `length` along it.

    The branch goes on beyond its ends as its own point reflection, so that ends and straight
    branches stay where they are.
    """
    point = morphology.point_zyx.copy()
    for branch in _branches(morphology, _fixed(morphology)):
        line = morphology.point_zyx[branch]
        arc = _arc(line)
        if len(branch) < 3 or arc[-1] == 0:
            continue
        wanted = np.ceil(arc[-1] / length * _SAMPLES_PER_SIGMA)
        samples = int(np.clip(wanted, 2, _SAMPLES_PER_NODE * len(branch)))
        at = np.linspace(0.0, arc[-1], samples + 1)
        sigma = length * samples / arc[-1]
        if sigma > samples:  # as straight as it can get
            sigma = float(samples)
        even = np.column_stack([np.interp(at, arc, column) for column in line.T])
        beyond = int(np.ceil(_REACH_SIGMA * sigma))
        longer = np.pad(even, ((beyond, beyond), (0, 0)), "reflect", reflect_type="odd")
        mean = gaussian_filter1d(longer, sigma, axis=0, truncate=_REACH_SIGMA)[beyond:-beyond]
        inner = np.column_stack([np.interp(arc[1:-1], at, column) for column in mean.T])
        point[branch[1:-1]] = inner
    return replace(morphology, point_zyx=point)


def _fixed(morphology: Morphology) -> NDArray[np.bool_]:
    """(n,) roots, forks, tips, and cell bodies with what hangs on them."""
    fixed = (morphology.child_count != 1) | (morphology.parent < 0) | (morphology.kind == SOMA)
    at_soma = (morphology.parent >= 0) & (morphology.kind[morphology.parent] == SOMA)
    return np.asarray(fixed | at_soma)


def _branches(morphology: Morphology, fixed: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """Rows from each fixed node up to the next fixed one, both included."""
    parent, stops = morphology.parent.tolist(), fixed.tolist()
    found = []
    for row in np.flatnonzero(fixed & (morphology.parent >= 0)).tolist():
        path = [row, parent[row]]
        while not stops[path[-1]]:
            path.append(parent[path[-1]])
        found.append(np.asarray(path, np.int64))
    return found


def _arc(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) distance of each point of a line from its first, along the line."""
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
