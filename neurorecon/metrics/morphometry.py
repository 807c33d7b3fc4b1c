"""What a neuron measures: length, branching, shape and calibre, and how two neurons differ."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from neurorecon.errors import InputError
from neurorecon.metrics.branching import branching
from neurorecon.metrics.pair import check_pair
from neurorecon.metrics.rooting import rooted_near
from neurorecon.metrics.sections import find_sections
from neurorecon.metrics.sholl import sholl_centre, sholl_profile
from neurorecon.morphology import Morphology

SHOLL_SPHERES = 50  # spheres that the farthest node of a pair is divided into, unless told


@dataclass(frozen=True, slots=True)
class Morphometry:
    """Sizes of a neuron, all its trees together; lengths in the unit of the trees.

    length: of all edges.
    trees, nodes, forks, tips, sections: numbers; a section is a stretch between forks and tips.
    branch_order, strahler: largest, seen from the root (`branching`).
    tortuosity: mean over sections of length along it by distance of its ends; None without any.
    mean_radius: over the length, of edges whose two radii are known (above 0); None without any.
    volume: of those edges as truncated cones, in the unit cubed; None without any.
    """

    length: float
    trees: int
    nodes: int
    forks: int
    tips: int
    sections: int
    branch_order: int
    strahler: int
    tortuosity: float | None
    mean_radius: float | None
    volume: float | None


@dataclass(frozen=True, slots=True)
class MorphometryPair:
    """Two neurons measured alike.

    radii: (r,) of the spheres of the Sholl profiles, around one centre, in the unit of the trees.
    test_sholl, gold_sholl: (r,) crossings at each.
    """

    test: Morphometry
    gold: Morphometry
    radii: NDArray[np.float64]
    test_sholl: NDArray[np.int64]
    gold_sholl: NDArray[np.int64]

    @property
    def difference(self) -> dict[str, float | None]:
        """Test less gold, by the name of the field; None where one of them has no value."""
        pairs = {
            each.name: (getattr(self.test, each.name), getattr(self.gold, each.name))
            for each in fields(Morphometry)
        }
        return {name: None if None in pair else pair[0] - pair[1] for name, pair in pairs.items()}

    @property
    def sholl_difference(self) -> float:
        """Mean over the spheres of the absolute difference of crossings."""
        return float(np.abs(self.test_sholl - self.gold_sholl).mean())


def compare_morphometry(
    test: Morphology, gold: Morphology, sholl_step: float | None = None
) -> MorphometryPair:
    """Measure both neurons from the same place: the gold's roots, and its soma or longest tree.

    sholl_step: distance between the spheres of the Sholl profile, in the unit of the trees; None:
        a fiftieth of the way to the node farthest from the centre, in either tree.

    Raises InputError where a tree has no nodes, the units differ, or the step is not above 0.
    """
    check_pair(test, gold)
    centre = sholl_centre(gold)
    reach = max(float(np.linalg.norm(t.point_zyx - centre, axis=1).max()) for t in (test, gold))
    radii = _sholl_radii(reach, sholl_step)
    return MorphometryPair(
        test=measure(rooted_near(test, gold)),
        gold=measure(gold),
        radii=radii,
        test_sholl=sholl_profile(test, centre, radii),
        gold_sholl=sholl_profile(gold, centre, radii),
    )


def _sholl_radii(reach: float, step: float | None) -> NDArray[np.float64]:
    if step is None:
        step = reach / SHOLL_SPHERES if reach > 0 else 1.0
    if not (np.isfinite(step) and step > 0):
        raise InputError(f"the Sholl step is {step}; give a length above 0")
    return np.asarray(step * np.arange(1.0, max(int(np.ceil(reach / step)), 1) + 1), np.float64)


def measure(morphology: Morphology) -> Morphometry:
    """Sizes of one neuron of at least one node, as it is rooted."""
    sections = find_sections(morphology)
    orders = branching(morphology)
    mean_radius, volume = _calibre(morphology)
    return Morphometry(
        length=morphology.length,
        trees=len(morphology.roots),
        nodes=len(morphology),
        forks=len(morphology.forks),
        tips=len(morphology.tips),
        sections=len(sections.ends),
        branch_order=orders.branch_order,
        strahler=orders.strahler,
        tortuosity=_tortuosity(morphology, sections.ends, sections.length),
        mean_radius=mean_radius,
        volume=volume,
    )


def _tortuosity(
    morphology: Morphology, ends: NDArray[np.int64], length: NDArray[np.float64]
) -> float | None:
    point = morphology.point_zyx
    direct = np.linalg.norm(point[ends[:, 0]] - point[ends[:, 1]], axis=1)
    apart = direct > 0
    return float((length[apart] / direct[apart]).mean()) if apart.any() else None


def _calibre(morphology: Morphology) -> tuple[float | None, float | None]:
    """Mean radius over the length, and volume, of the edges whose two radii are known."""
    child, parent = morphology.edges.T
    one, other = morphology.radius[child], morphology.radius[parent]
    known = (one > 0) & (other > 0)
    length = morphology.edge_length[known]
    if not length.any():
        return None, None
    one, other = one[known], other[known]
    volume = np.pi / 3 * length @ (one**2 + one * other + other**2)
    return float(length @ (one + other) / 2 / length.sum()), float(volume)
