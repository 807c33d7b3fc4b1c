"""Centrelines between voxels: pulled to the middle of the neurite, smooth, evenly sampled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial import KDTree

from neurorecon.morphology import Morphology


def branch_average(
    morphology: Morphology, closures: NDArray[np.int64] | None = None
) -> sparse.csr_array:
    """(n, n) matrix that replaces each node by the mean of its neighbours; tips stay themselves.

    closures: (k, 2) further edges.
    """
    n = len(morphology)
    edges = morphology.edges
    if closures is not None:
        edges = np.concatenate([edges, closures])
    degree = np.bincount(edges.ravel(), minlength=n)
    one, other = edges.T
    inner = degree >= 2
    row = np.concatenate([one, other, np.flatnonzero(~inner)])
    column = np.concatenate([other, one, np.flatnonzero(~inner)])
    value = np.where(inner[row], 1.0 / np.maximum(degree[row], 1), row == column)
    return sparse.coo_array((value, (row, column)), shape=(n, n)).tocsr()


def smoothed(
    morphology: Morphology,
    values: NDArray[np.float64],
    rounds: NDArray[np.int64],
    closures: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """Node values (n,) or (n, 3), averaged along branches by (1/4, 1/2, 1/4).

    rounds: (n,) how often each node is averaged; k rounds blur by the root of k / 2 nodes.
    closures: (k, 2) further edges.
    """
    average = branch_average(morphology, closures)
    for done in range(int(rounds.max(initial=0))):
        active = rounds > done
        values = values.copy()
        values[active] = 0.5 * (values[active] + average[active] @ values)
    return values


def rounds_for(
    radius: NDArray[np.float64], spacing: float, least: int, most: int
) -> NDArray[np.int64]:
    """Rounds (n,) that blur nodes `spacing` apart by about their radius."""
    wanted = np.round(np.square(radius / spacing))
    return np.clip(wanted, least, most).astype(np.int64)


def recentred(
    morphology: Morphology,
    tree_of_node: NDArray[np.int64],
    voxel_zyx: NDArray[np.float64],
    weight: NDArray[np.float32],
    tree_of_voxel: NDArray[np.int64],
    reach: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Points (n, 3) moved to the mean of the foreground that is nearest to each.

    One step towards a principal curve (Hastie and Stuetzle 1989).

    tree_of_node, tree_of_voxel: a voxel counts only for nodes of its own piece.
    voxel_zyx, weight: foreground voxel centres (m, 3) and their probabilities (m,).
    reach: (m,) a voxel farther than this from its node does not count (it is on a side branch).
    """
    point = morphology.point_zyx
    apart = 4.0 * (np.ptp(voxel_zyx, axis=0).max() + 1.0)  # farther than any two voxels
    nodes = np.column_stack([point, apart * tree_of_node])
    tree = KDTree(nodes, balanced_tree=False)
    distance, nearest = tree.query(np.column_stack([voxel_zyx, apart * tree_of_voxel]))
    use = distance <= reach
    nearest, weight, voxel_zyx = nearest[use], weight[use], voxel_zyx[use]
    total = np.bincount(nearest, weight, len(point))
    mean = (
        np.stack([np.bincount(nearest, weight * axis, len(point)) for axis in voxel_zyx.T], axis=1)
        / np.maximum(total, np.finfo(float).tiny)[:, None]
    )
    return np.where(total[:, None] > 0, mean, point)
