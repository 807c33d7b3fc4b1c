"""Substantial spatial distance (SSD) and the share of points that are substantially apart.

Peng et al. (Nature Biotechnology 2010, doi 10.1038/nbt.1612) call a point substantially apart from
the other tree from 2 voxels on. Vaa3D's `neuron_distance` measures this to the nearest *edge* and
calls it DSA and PDS (`metrics.tree`); PyNeval (Frontiers in Neuroinformatics 2021, doi
10.3389/fninf.2021.767936) divides both trees into short pieces and measures from *node to node*.
This is PyNeval's: at most half a step above the distance to the edge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from neurorecon.errors import InputError
from neurorecon.metrics.pair import check_pair
from neurorecon.metrics.ratio import Agreement, Directed
from neurorecon.morphology import Morphology

_ROUNDING = 1e-9  # of a step: an edge of three steps stays one wherever rounding puts it


@dataclass(frozen=True, slots=True)
class SubstantialScoring:
    """Limits, in the unit of the trees, meant as voxels.

    threshold: from here on a distance counts; Peng's 2 voxels show to the eye.
    step: edges are divided into pieces no shorter than this; PyNeval's up-sampling.
    """

    threshold: float = 2.0
    step: float = 1.0

    def __post_init__(self) -> None:
        """Refuse lengths that cannot be compared with a distance."""
        for name in ("threshold", "step"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise InputError(f"{name} is {value}; give a length above 0, in voxels")


@dataclass(frozen=True, slots=True)
class SubstantialScores:
    """ssd: mean of the substantial distances, in the unit of the trees; 0 in a direction without.

    share: of the points that are substantially apart, from 0 to 1.
    """

    ssd: Directed
    share: Directed

    @property
    def agreement(self) -> Agreement:
        """Precision and recall of points that are not substantially apart."""
        return Agreement(1.0 - self.share.test_to_gold, 1.0 - self.share.gold_to_test)


def compare_substantial(
    test: Morphology, gold: Morphology, scoring: SubstantialScoring | None = None
) -> SubstantialScores:
    """SSD of a pair of trees in the same unit; each may be of several trees, or one node.

    Raises InputError where a tree has no nodes or the units differ.
    """
    check_pair(test, gold)
    scoring = scoring or SubstantialScoring()
    test_point, gold_point = (divided(tree, scoring.step) for tree in (test, gold))
    out = _one_way(test_point, gold_point, scoring.threshold)
    back = _one_way(gold_point, test_point, scoring.threshold)
    return SubstantialScores(Directed.of(out[0], back[0]), Directed.of(out[1], back[1]))


def _one_way(
    point: NDArray[np.float64], other: NDArray[np.float64], threshold: float
) -> tuple[float, float]:
    """Mean of the substantial distances from points (n, 3) to points (m, 3), and their share."""
    distance, _ = cKDTree(other).query(point, workers=-1)
    far = distance[distance >= threshold]
    return (float(far.mean()) if len(far) else 0.0), len(far) / len(distance)


def divided(morphology: Morphology, step: float) -> NDArray[np.float64]:
    """(p, 3) all nodes, and points that cut each edge into the most pieces of at least `step`."""
    child, parent = morphology.edges.T
    pieces = np.floor(morphology.edge_length / step + _ROUNDING).astype(np.int64)
    inner = np.maximum(pieces - 1, 0)
    edge = np.repeat(np.arange(len(inner)), inner)
    place = np.arange(len(edge)) - np.repeat(np.cumsum(inner) - inner, inner) + 1
    start, end = morphology.point_zyx[child[edge]], morphology.point_zyx[parent[edge]]
    between = start + (place / pieces[edge])[:, None] * (end - start)
    return np.concatenate([morphology.point_zyx, between])
