"""How much longer neurites look along z than they are: the blur of the microscope.

A light microscope smears along its axis, so that a round neurite has an upright ellipse for a cross
section, 2 to 4 times as high as wide. Measured as it looks, everything on it that is as
long as the ellipse is high would have to pass as surface. Tracing measures calibres and
branches in a frame in which z is shrunk so that cross sections are round.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from neurorecon.tracing.branches import significant_paths
from neurorecon.tracing.paths import PathForest

_WIDE = 6.0  # times the depth; what sticks out farther is a branch whatever the elongation
_LONG = 10.0  # smallest voxel sizes
_TANGENT_HOPS = 5
_FLAT = 0.5  # sine of the steepest slope at which a cross section shows its height
_FEWEST = 500  # voxels below which the mean says little
_HIGHEST = 6.0
_TYPICAL = 2.0  # times the median depth


def axial_elongation(
    forest: PathForest,
    point_zyx: NDArray[np.float64],
    depth: NDArray[np.float64],
    smallest: float,
    axial: int,
) -> float:
    """Height over width of the cross sections of long, flat branches.

    point_zyx: (n, 3) foreground voxel centres. depth: (n,) their distance to the boundary.
    smallest: the smallest voxel size. axial: which axis of the points is the microscope's.

    Returns 1 where too little foreground tells.
    """
    long = significant_paths(forest, point_zyx, _WIDE * depth, 0.0, _LONG * smallest)
    path = np.flatnonzero(long.kept)
    ahead = path
    for _ in range(_TANGENT_HOPS):
        ahead = forest.parent[ahead]
    tangent = point_zyx[ahead] - point_zyx[path]
    run = np.linalg.norm(tangent, axis=1)
    flat = (run > 0) & (np.abs(tangent[:, axial]) < _FLAT * run)
    flat &= depth[path] <= _TYPICAL * np.median(depth[path])  # a cell body tells nothing
    if not flat.any():
        return 1.0
    tangent = tangent / np.maximum(run, np.finfo(float).tiny)[:, None]
    _, nearest = KDTree(point_zyx[path], balanced_tree=False).query(point_zyx)
    use = flat[nearest]
    if np.count_nonzero(use) < _FEWEST:
        return 1.0
    off = point_zyx[use] - point_zyx[path][nearest[use]]
    ratio = _height_over_width(off, tangent[nearest[use]], nearest[use], axial, smallest)
    return float(np.clip(np.median(ratio), 1.0 / _HIGHEST, _HIGHEST))


def _height_over_width(
    off: NDArray[np.float64],
    along: NDArray[np.float64],
    section: NDArray[np.int64],
    axial: int,
    smallest: float,
) -> NDArray[np.float64]:
    """For each cross section the mean height of its voxels over their mean width.

    off: (m, 3) of voxels from the middle. along: (m, 3) unit vectors of the neurite.
    section: (m,) number of each voxel's cross section.
    """
    off = off - (off * along).sum(axis=1, keepdims=True) * along
    sideways = np.cross(along, np.eye(3)[axial])
    sideways /= np.linalg.norm(sideways, axis=1, keepdims=True)
    width = np.abs((off * sideways).sum(axis=1))
    height = np.abs((off * np.cross(sideways, along)).sum(axis=1))
    told = np.bincount(section) > 0
    total = [np.bincount(section, part)[told] for part in (height, width)]
    ratio: NDArray[np.float64] = total[0] / np.maximum(total[1], smallest)
    return ratio
