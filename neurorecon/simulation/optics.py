"""From light in tissue to numbers in a file: drawing, blur, depth, detector."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from neurorecon.morphology import SOMA, Morphology
from neurorecon.simulation.config import SimulationConfig

POINTS_PER_VOXEL = 12  # enough that, once blurred, a tube looks solid
POINTS_AT_ONCE = 1_000_000  # bounds the memory that a huge soma takes
BRIGHTEST = 2.5  # where drawn parts overlap, a cell is not brighter than its label can be


def draw_neuron(
    light: NDArray[np.float32],
    morphology: Morphology,
    brightness: NDArray[np.float64],
    config: SimulationConfig,
    rng: np.random.Generator,
) -> None:
    """Add the light of a tree to `light`, as tubes between nodes and balls at somas.

    Points are strewn through each tube and spread over the eight voxels around them, so that a
    tube far thinner than a voxel, or between two slices, keeps its light and its place.
    """
    size = np.asarray(config.voxel_size_zyx_um)
    voxel_volume = float(size.prod())
    child, parent = morphology.edges.T
    radius = _edge_radius(morphology)
    length = morphology.edge_length
    volume = np.pi * radius**2 * length
    # Blurred across its axis by both sigmas, a tube in the plane peaks at radius^2 / (2 s_z s_xy).
    resolved = np.minimum(radius / np.sqrt(2.0 * np.prod(config.psf_sigma_um)), 1.0)
    unresolved_gain = resolved ** (config.thin_exponent - 2.0)
    glow = 0.5 * (brightness[child] + brightness[parent])
    count = np.ceil(POINTS_PER_VOXEL * volume / voxel_volume + 4 * length / size.min())
    count = count.astype(np.int64)
    mass = volume / voxel_volume * unresolved_gain * glow / np.maximum(count, 1)
    for edges in _batches(count):
        rows = np.repeat(edges, count[edges])
        start, end = morphology.point_zyx[child[rows]], morphology.point_zyx[parent[rows]]
        axis = (end - start) / np.maximum(length[rows], 1e-9)[:, None]
        inside = start + _along(count[edges], rng)[:, None] * (end - start)
        inside += radius[rows, None] * _in_disc(axis, rng)
        splat(light, inside / size, mass[rows])
    for row in np.flatnonzero((morphology.kind == SOMA) | (morphology.degree == 0)):
        _draw_ball(light, morphology.point_zyx[row], float(morphology.radius[row]), size, rng)


def splat(
    light: NDArray[np.float32], index_zyx: NDArray[np.float64], mass: NDArray[np.float64]
) -> None:
    """Add point masses to `light`, each shared among the eight voxels around it (trilinear).

    index_zyx: (p, 3) fractional voxel indices; what falls outside is lost.
    """
    base = np.floor(index_zyx).astype(np.int64)
    part = index_zyx - base
    for corner in np.ndindex(2, 2, 2):
        voxel = base + corner
        inside = ((voxel >= 0) & (voxel < light.shape)).all(axis=1)
        weight = mass * np.where(corner, part, 1.0 - part).prod(axis=1)
        z, y, x = voxel[inside].T
        np.add.at(light, (z, y, x), weight[inside].astype(np.float32))


def blur(light: NDArray[np.float32], config: SimulationConfig) -> NDArray[np.float32]:
    """What the point spread function makes of `light`."""
    axial, lateral = config.psf_sigma_um
    sigma = np.array([axial, lateral, lateral]) / config.voxel_size_zyx_um
    blurred: NDArray[np.float32] = ndimage.gaussian_filter(
        light, sigma, mode="constant", truncate=3.0
    )
    return np.minimum(blurred, BRIGHTEST, out=blurred)


def dim_with_depth(light: NDArray[np.float32], config: SimulationConfig) -> None:
    """Attenuate slices by their depth, in place; the first slice lies nearest the objective."""
    depth = np.arange(len(light)) * config.voxel_size_zyx_um[0]
    light *= np.exp(-depth / config.attenuation_length_um).astype(np.float32)[:, None, None]


def detect(
    light: NDArray[np.float32], config: SimulationConfig, rng: np.random.Generator
) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Photon and read noise, gain, offset and digitisation; slice by slice to save memory."""
    top = 2**config.bit_depth - 1
    gain = config.exposure * top / config.photons
    kind = np.uint8 if config.bit_depth == 8 else np.uint16
    counted = np.empty(light.shape, kind)
    for slice_light, slice_out in zip(light, counted, strict=True):
        photons = rng.poisson(np.maximum(slice_light, 0.0) * config.photons)
        read = rng.standard_normal(photons.shape, np.float32) * np.float32(config.read_noise)
        value = np.rint((photons + read) * gain - config.black_level * top)
        slice_out[...] = np.clip(value, 0, top)
    return counted


def _edge_radius(morphology: Morphology) -> NDArray[np.float64]:
    """Radius (m,) of each edge's tube; where one end is a soma, that of the neurite."""
    child, parent = morphology.edges.T
    soma, radius = morphology.kind == SOMA, morphology.radius
    middle = 0.5 * (radius[child] + radius[parent])
    one_end = soma[child] != soma[parent]
    chosen: NDArray[np.float64] = np.where(
        one_end, np.where(soma[child], radius[parent], radius[child]), middle
    )
    return chosen


def _batches(count: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Groups of edges that hold about `POINTS_AT_ONCE` points together."""
    group = np.cumsum(count) // POINTS_AT_ONCE
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    yield from np.split(np.arange(len(count)), starts[1:])


def _along(count: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Places between 0 and 1 along edges, `count` of each, one in every equal part of the edge."""
    first = np.repeat(np.cumsum(count) - count, count)
    place = np.arange(len(first)) - first
    return (place + rng.uniform(size=len(first))) / np.repeat(count, count)


def _in_disc(axis: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Points (p, 3), uniform in the unit disc across each axis (p, 3)."""
    helper = np.where(np.abs(axis[:, :1]) < 0.9, [[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]])
    first = np.cross(axis, helper)
    first /= np.maximum(np.linalg.norm(first, axis=1, keepdims=True), 1e-9)
    second = np.cross(axis, first)
    away = np.sqrt(rng.uniform(size=(len(axis), 1)))
    angle = 2 * np.pi * rng.uniform(size=(len(axis), 1))
    across: NDArray[np.float64] = away * (np.cos(angle) * first + np.sin(angle) * second)
    return across


def _draw_ball(
    light: NDArray[np.float32],
    centre: NDArray[np.float64],
    radius: float,
    size: NDArray[np.float64],
    rng: np.random.Generator,
) -> None:
    """A full ball: a soma, or a node without edges."""
    volume = 4.0 / 3.0 * np.pi * radius**3 / float(size.prod())
    count = int(np.clip(np.ceil(POINTS_PER_VOXEL * volume), 8, POINTS_AT_ONCE))
    direction = rng.normal(size=(count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    away = radius * np.cbrt(rng.uniform(size=(count, 1)))
    away = away * rng.uniform(0.85, 1.1, 3)  # no cell is a perfect ball
    splat(light, (centre + away * direction) / size, np.full(count, volume / count))
