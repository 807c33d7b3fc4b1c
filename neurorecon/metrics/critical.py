"""Critical nodes: forks and tips together, one to one.

As PyNeval defines it (Frontiers in Neuroinformatics 2021, doi 10.3389/fninf.2021.767936): the most
pairs of a node of the test with a node of the gold, no pair farther apart than a radius; forks and
tips may be paired with each other, and a lone node is a tip.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neurorecon.metrics.matching import PointMatch, match_points
from neurorecon.metrics.pair import check_pair
from neurorecon.morphology import Morphology


def compare_critical_nodes(test: Morphology, gold: Morphology, radius: float) -> PointMatch:
    """Match the forks and tips of two trees, in the same unit as `radius`.

    PyNeval returns any of the matchings with the most pairs; this is the one of them with the
    smallest sum of distances, so that its mean distance does not depend on the order of rows.

    Raises InputError where a tree has no nodes or the units differ.
    """
    check_pair(test, gold)
    return match_points(
        test.point_zyx[critical_rows(test)], gold.point_zyx[critical_rows(gold)], radius
    )


def critical_rows(morphology: Morphology) -> NDArray[np.int64]:
    """Rows of forks, tips and lone nodes: all but the nodes that two edges meet at."""
    return np.flatnonzero(morphology.degree != 2)
