"""Branch ends moved from the surface of the neurite to the centre of its round cap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neurorecon.tracing.paths import PathForest, at_or_beyond, farthest

# On its way to the rim of a blunt end a path leaves the middle up to this many radii before it.
_CAP = 1.3
_OFF = 0.6  # of the depth one step further in; a voxel that is less deep is not on the middle
_STEP = 0.5  # smallest voxel sizes; a path is known to the voxel


def without_caps(
    forest: PathForest,
    kept: NDArray[np.bool_],
    depth: NDArray[np.float64],
    piece: NDArray[np.int64],
    smallest: float,
    going_on: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """The voxels (n,) of `kept` paths that do not lie in a cap.

    A path ends on the surface, often at a rim, while a centreline ends one radius before the
    surface: all beyond the innermost voxel that is as near to the end as it is deep goes. A piece
    that is nothing but caps keeps its deepest voxel.

    depth: (n,) distance to the boundary. piece: (n,) number of the connected piece.
    smallest: the smallest voxel size.
    going_on: rows of `kept` voxels at which the neurite goes on, though the path ends.
    """
    rows = np.flatnonzero(kept)
    row_of = np.full(len(kept), -1, np.int64)
    row_of[rows] = np.arange(len(rows))
    paths = PathForest(row_of[forest.parent[rows]], forest.length[rows], forest.hops[rows])
    radius = _CAP * depth[rows] + _STEP * smallest
    capped = at_or_beyond(paths, farthest(paths, row_of[going_on]) - paths.length < radius)
    source_cap = _source_caps(paths, radius, piece[rows])
    # Where a ring closes beside the source, the neurite goes on there too.
    closing = row_of[going_on]
    np.minimum.at(source_cap, piece[going_on], np.nextafter(paths.length[closing], -1.0))
    capped |= paths.length <= source_cap[piece[rows]]
    capped |= _off_the_middle(paths, depth[rows], capped, row_of[going_on])
    bare = np.bincount(piece[rows], ~capped) == 0
    order = np.lexsort((-depth[rows], piece[rows]))
    deepest = order[np.searchsorted(piece[rows][order], np.arange(len(bare)))]
    capped[deepest[bare]] = False
    return np.isin(np.arange(len(kept)), rows[~capped])


def _source_caps(
    paths: PathForest, radius: NDArray[np.float64], piece: NDArray[np.int64]
) -> NDArray[np.float64]:
    """For each piece the path length up to which its source's end is cap, -1 for none."""
    cap = np.full(int(piece.max()) + 1, -1.0)
    inner = np.flatnonzero(paths.hops > 0)
    child_count = np.bincount(paths.parent[inner], minlength=len(piece))
    child = np.full(len(piece), -1, np.int64)
    child[paths.parent[inner]] = inner
    here = np.flatnonzero(paths.hops == 0)
    while len(here):
        here = here[child_count[here] == 1]
        in_cap = here[paths.length[here] < radius[here]]
        cap[piece[in_cap]] = paths.length[in_cap]
        here = child[here]
    return cap


def _off_the_middle(
    paths: PathForest,
    depth: NDArray[np.float64],
    capped: NDArray[np.bool_],
    going_on: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Which (n,) voxels are the last of their paths, without caps, and a step to the side."""
    kept = ~capped
    inner = kept & (paths.hops > 0)
    is_end = inner.copy()
    is_end[paths.parent[inner]] = False
    is_end[going_on] = False
    return is_end & (depth < _OFF * depth[paths.parent])
