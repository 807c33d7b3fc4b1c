"""NBLAST: how alike two neurons lie and run (Costa et al., Neuron 2016), computed by navis."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurorecon.errors import InputError
from neurorecon.metrics.labelling import subdivided
from neurorecon.metrics.pair import check_pair
from neurorecon.metrics.ratio import Directed
from neurorecon.morphology import Morphology

# navis's own default for skeletons: enough points for a direction, few enough to follow a bend
NEIGHBOURS = 5


@dataclass(frozen=True, slots=True)
class NblastScores:
    """score: 1 for the same neuron, 0 and below for strangers.

    points: of test and gold that were compared.
    """

    score: Directed
    test_points: int
    gold_points: int


def nblast(test: Morphology, gold: Morphology, um_per_unit: float = 1.0) -> NblastScores:
    """NBLAST similarity of two neurons, normalised, in both directions.

    um_per_unit: what one unit of the coordinates is in µm. The scoring matrix was made for µm and
        neurons with a point for each µm: both trees are divided to that. Where the voxel size is
        not known, 1 takes a voxel for a µm, and the score compares methods on one image only.

    Raises InputError where a tree has no nodes, the units differ, or a neuron is too short for the
    directions that NBLAST compares (fewer than two points).
    """
    check_pair(test, gold)
    if not (np.isfinite(um_per_unit) and um_per_unit > 0):
        raise InputError(f"a unit is {um_per_unit} µm; give a size above 0")
    points = [_points_um(tree, um_per_unit) for tree in (test, gold)]
    for name, point in zip(("test", "gold"), points, strict=True):
        if len(point) < 2:
            raise InputError(f"the {name} is a single point; NBLAST needs a neuron of some length")
    with _quiet_navis() as navis:
        clouds = [navis.make_dotprops(point, k=min(NEIGHBOURS, len(point))) for point in points]
        for cloud in clouds:
            cloud.units = "micrometer"
        forward, back = (
            float(navis.nblast(*pair, normalized=True, progress=False).to_numpy().item())
            for pair in (clouds, clouds[::-1])
        )
    return NblastScores(Directed.of(forward, back), *(len(point) for point in points))


def _points_um(tree: Morphology, um_per_unit: float) -> NDArray[np.float64]:
    """(p, 3) different points along a tree, at most 1 µm apart, in µm."""
    point = subdivided(tree, 1.0 / um_per_unit).point_zyx * um_per_unit
    return np.unique(point, axis=0)


@contextmanager
def _quiet_navis() -> Iterator[Any]:
    """navis, without the warnings of it and of what it imports, and without its log."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import navis

        before = navis.config.logger.level
        navis.config.logger.setLevel(logging.ERROR)
        try:
            yield navis
        finally:
            navis.config.logger.setLevel(before)
