"""A tree made ready for drawing: in µm, in short edges, with calibre and brightness that vary."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from neurorecon.morphology import SOMA, Morphology
from neurorecon.simulation.config import SimulationConfig

SWELLING_ONSET = 1.3  # standard deviations; a varicosity is where the calibre noise exceeds it
BOUTON_UM = 1.5  # length of the swelling at the end of a neurite
UNKNOWN_RADIUS_VOXELS = 1.0  # in the plane, where the file tells no radius at all


def to_micrometres(
    morphology: Morphology, voxel_size_zyx_um: tuple[float, float, float]
) -> Morphology:
    """The same tree in µm; voxel coordinates are multiplied by the voxel size.

    Radii are measured in the plane, where the resolution is, so they scale with its voxel size.
    """
    if morphology.unit == "um":
        return morphology
    return replace(
        morphology,
        point_zyx=morphology.point_zyx * np.asarray(voxel_size_zyx_um),
        radius=morphology.radius * voxel_size_zyx_um[2],
        unit="um",
    )


def known_radii(morphology: Morphology, fallback: float) -> Morphology:
    """Radii of 0 or less (unknown) replaced by the median of the known ones, else `fallback`."""
    known = morphology.radius > 0
    middle = float(np.median(morphology.radius[known])) if known.any() else fallback
    return replace(morphology, radius=np.where(known, morphology.radius, middle))


def subdivide(morphology: Morphology, step: float) -> Morphology:
    """The same tree with no edge longer than `step`; the old nodes keep their rows.

    Radii are interpolated, except on the edge between a soma and a neurite: the neurite keeps its
    calibre up to the centre of the soma and does not flare into a cone.
    """
    child, parent = morphology.edges.T
    inserted = np.maximum(np.ceil(morphology.edge_length / step).astype(np.int64) - 1, 0)
    edge = np.repeat(np.arange(len(inserted)), inserted)
    first = np.cumsum(inserted) - inserted
    place = np.arange(len(edge)) - first[edge]
    fraction = (place + 1) / (inserted[edge] + 1)

    start, end = child[edge], parent[edge]
    points = morphology.point_zyx
    radius = morphology.radius
    soma = morphology.kind == SOMA
    start_radius = np.where(soma[start] & ~soma[end], radius[end], radius[start])
    end_radius = np.where(soma[end] & ~soma[start], radius[start], radius[end])

    new_row = len(morphology) + np.arange(len(edge))
    is_last = place == inserted[edge] - 1
    new_parent = np.where(is_last, end, new_row + 1)
    old_parent = morphology.parent.copy()
    split = inserted > 0
    old_parent[child[split]] = len(morphology) + first[split]
    return Morphology(
        np.concatenate([points, points[start] + fraction[:, None] * (points[end] - points[start])]),
        np.concatenate([radius, start_radius + fraction * (end_radius - start_radius)]),
        np.concatenate([old_parent, new_parent]),
        np.concatenate(
            [morphology.kind, np.where(soma[start], morphology.kind[end], morphology.kind[start])]
        ),
        morphology.unit,
    )


def vary(
    morphology: Morphology, config: SimulationConfig, rng: np.random.Generator
) -> tuple[Morphology, NDArray[np.float64]]:
    """The tree with the calibre that is drawn, and the brightness (n,) of each node.

    Somas keep their radius and have no gaps.
    """
    calibre = _wander(morphology, config.calibre_length_um, rng)
    bulge = _wander(morphology, config.calibre_length_um, rng)
    glow = _wander(morphology, config.brightness_length_um, rng)
    fading = _wander(morphology, config.brightness_length_um, rng)

    factor = np.exp(config.calibre_variation * calibre)
    swollen = np.clip(bulge - SWELLING_ONSET, 0.0, 1.5)
    swollen[_near_tips(morphology, config.bouton_share, rng)] = 1.0
    factor *= 1.0 + config.swelling * swollen
    brightness = np.exp(config.brightness_variation * glow)
    if config.gap_share > 0 and len(morphology):
        onset = np.quantile(fading, 1.0 - config.gap_share)
        depth = 1.0 - config.gap_brightness
        brightness *= 1.0 - depth / (1.0 + np.exp((onset - fading) / 0.1))  # soft edges
    soma = morphology.kind == SOMA
    radius = np.where(soma, morphology.radius, morphology.radius * factor)
    return replace(morphology, radius=radius), np.where(soma, 1.0, brightness)


def _near_tips(morphology: Morphology, share: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows within `BOUTON_UM` of a tip, for a share of the tips."""
    rows = []
    for tip in morphology.tips[rng.uniform(size=len(morphology.tips)) < share].tolist():
        row = tip
        while row >= 0:
            if np.linalg.norm(morphology.point_zyx[row] - morphology.point_zyx[tip]) > BOUTON_UM:
                break
            rows.append(row)
            row = int(morphology.parent[row])
    return np.array(rows, np.int64)


def _wander(
    morphology: Morphology, correlation_length: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Unit normal noise (n,) along the tree, correlated over `correlation_length`.

    An Ornstein-Uhlenbeck process that starts at each root and runs down every branch.
    """
    noise = rng.normal(size=len(morphology))
    child = morphology.edges[:, 0]
    memory = np.zeros(len(morphology))
    memory[child] = np.exp(-morphology.edge_length / correlation_length)
    fresh = np.sqrt(1.0 - memory**2) * noise
    value = fresh.tolist()
    share = memory.tolist()
    above = morphology.parent.tolist()
    for row in morphology.parent_first.tolist():
        if above[row] >= 0:
            value[row] += share[row] * value[above[row]]
    return np.array(value, np.float64)
