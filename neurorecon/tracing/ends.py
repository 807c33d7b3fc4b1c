"""What the ends of branches show: where they point, how sure that is, and how thick they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurorecon.morphology import Morphology
from neurorecon.tracing.rooting import branch_ends, tree_lengths

# Parts below are smallest voxel sizes.
_END = 8.0  # the end of a branch that tells its direction and calibre
_SURE = 4.0  # an end at least as long tells its direction; a shorter one is half guessed
_BEAD = 12.0  # a piece as short is a varicosity, as long across as along its neurite
_CAP = 2.0  # nodes as near to a tip belong to it: their sides are not sides of the neurite
_GUESS = 0.6  # cosine of the angle by which an end without a direction is thought to be off
_TANGENT_HOPS = 3


@dataclass(frozen=True)
class Ends:
    """What each node (n,) shows of the end that it belongs to.

    tip: the tip that a node belongs to, -1 for none. at_tip: whether it shows no side.
    direction: (n, 3) out of the tip for nodes at a tip, 0 elsewhere. sure: how far it is known.
    tangent: (n, 3) along the branch. calibre: mean radius around.
    bead: whether the whole piece is no longer than it may be thick.
    """

    direction: NDArray[np.float64]
    sure: NDArray[np.float64]
    tangent: NDArray[np.float64]
    calibre: NDArray[np.float64]
    tip: NDArray[np.int64]
    at_tip: NDArray[np.bool_]
    bead: NDArray[np.bool_]

    def towards(
        self, rows: NDArray[np.int64], vector: NDArray[np.float64], trust: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Cosine (c,) between each end's direction and a unit vector (c, 3), as far as known.

        trust: (c,) how sure it is that what lies there is not there by chance.
        """
        cosine = (self.direction[rows] * vector).sum(axis=1)
        guess = _GUESS + (1.0 - _GUESS) * trust
        score: NDArray[np.float64] = np.clip(
            self.sure[rows] * cosine + (1.0 - self.sure[rows]) * guess, 0.0, 1.0
        )
        return score


def ends_of(morphology: Morphology, smallest: float) -> Ends:
    """Directions and calibres of the ends of all branches. smallest: the smallest voxel size."""
    n, point = len(morphology), morphology.point_zyx
    direction, sure, tip = np.zeros((n, 3)), np.zeros(n), np.full(n, -1)
    calibre = morphology.radius.copy()
    tips = morphology.tips
    tree = morphology.tree_of
    long = np.minimum(tree_lengths(morphology, tree) / (_BEAD * smallest), 1.0)
    for rows in branch_ends(morphology, tips, _END * smallest):
        length = float(np.linalg.norm(point[rows[0]] - point[rows[-1]]))
        # Between the halves' middles: the very end is the least certain point of a centreline.
        half = len(rows) // 2
        out = point[rows[: half + 1]].mean(axis=0) - point[rows[half:]].mean(axis=0)
        near = rows[np.linalg.norm(point[rows] - point[rows[0]], axis=1) <= _CAP * smallest]
        tip[near] = rows[0]
        direction[near] = out / max(float(np.linalg.norm(out)), 1e-12)
        sure[near] = min(length / (_SURE * smallest), 1.0) * long[tree[rows[0]]]
        calibre[near] = morphology.radius[rows].mean()
    bead = (long < 1.0)[tree]
    return Ends(direction, sure, _tangents(morphology), calibre, tip, bead | (tip >= 0), bead)


def _tangents(morphology: Morphology) -> NDArray[np.float64]:
    """(n, 3) unit vector along the branch at each node, 0 at a lone node."""
    ahead = np.arange(len(morphology))
    for _ in range(_TANGENT_HOPS):
        ahead = np.where(morphology.parent[ahead] >= 0, morphology.parent[ahead], ahead)
    along = morphology.point_zyx[ahead] - morphology.point_zyx
    tangent: NDArray[np.float64] = along / np.maximum(
        np.linalg.norm(along, axis=1, keepdims=True), 1e-12
    )
    return tangent
