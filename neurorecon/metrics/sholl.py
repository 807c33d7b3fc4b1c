"""Sholl profile: how many neurites cross spheres around a centre."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neurorecon.morphology import SOMA, Morphology


def sholl_centre(morphology: Morphology) -> NDArray[np.float64]:
    """(3,) middle of the nodes of type soma; without any, the root of the longest tree."""
    soma = morphology.kind == SOMA
    if soma.any():
        return np.asarray(morphology.point_zyx[soma].mean(axis=0))
    child = morphology.edges[:, 0]
    length = np.bincount(
        morphology.tree_of[child], morphology.edge_length, minlength=len(morphology.roots)
    )
    root: NDArray[np.float64] = morphology.point_zyx[morphology.roots[int(length.argmax())]]
    return root


def sholl_profile(
    morphology: Morphology, centre_zyx: NDArray[np.float64], radii: NDArray[np.float64]
) -> NDArray[np.int64]:
    """(r,) crossings of the edges with the spheres of the ascending radii (r,) around a centre.

    Exact for straight edges: an edge that comes nearer and leaves again crosses twice, so a profile
    does not depend on how finely a tree is divided into nodes.
    """
    child, parent = morphology.edges.T
    start = morphology.point_zyx[child] - centre_zyx
    along = morphology.point_zyx[parent] - centre_zyx - start
    squared = np.einsum("ij,ij->i", along, along)
    fraction = -np.einsum("ij,ij->i", start, along) / np.where(squared > 0, squared, 1.0)
    nearest = start + np.clip(fraction, 0.0, 1.0)[:, None] * along
    near = np.linalg.norm(nearest, axis=1)
    crossings = np.zeros(len(radii) + 1, np.int64)
    for end in (start, start + along):  # from its nearest point an edge only moves away
        first = np.searchsorted(radii, near, side="right")
        last = np.searchsorted(radii, np.maximum(np.linalg.norm(end, axis=1), near), side="right")
        crossings += np.bincount(first, minlength=len(crossings))
        crossings -= np.bincount(last, minlength=len(crossings))
    return np.cumsum(crossings)[:-1]
