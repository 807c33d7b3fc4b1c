"""Re-rooting: the same edges, seen from another node.

Branch order, Strahler order, DIADEM and persistence depend on the root. So that they do not depend
on where the *test* happens to begin, its trees are rooted where they come nearest to the gold's
roots first.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from neurorecon.morphology import Morphology


def rerooted(morphology: Morphology, rows: NDArray[np.int64]) -> Morphology:
    """The same trees with the nodes `rows`, at most one for each tree, as roots."""
    parent = morphology.parent.copy()
    for row in rows:
        above, here = -1, int(row)
        while here >= 0:
            parent[here], above, here = above, here, int(parent[here])
    return replace(morphology, parent=parent)


def rooted_near(test: Morphology, gold: Morphology) -> Morphology:
    """Each tree of the test, rooted at its node nearest to any root of the gold.

    Of nodes at the same distance, the one with the smallest coordinates (z, then y, then x).
    """
    distance, _ = cKDTree(gold.point_zyx[gold.roots]).query(test.point_zyx)
    z, y, x = test.point_zyx.T
    order = np.lexsort((x, y, z, distance, test.tree_of))
    _, first = np.unique(test.tree_of[order], return_index=True)
    return rerooted(test, order[first])
