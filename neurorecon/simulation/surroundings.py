"""Everything in a stack that is not the neuron: glow, other cells, other neurites, debris."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neurorecon.simulation.config import SimulationConfig
from neurorecon.simulation.growth import STEP_UM, random_walk
from neurorecon.simulation.optics import splat

GLOW_LENGTH_UM = 30.0  # uneven staining and illumination
TEXTURE_LENGTH_UM = 2.5  # about the size of nuclei and of the holes between fibres
CELL_RADIUS_UM = (2.5, 5.0)
CELLS_IN_CLUSTER = 12
CLUSTER_SPREAD_UM = 10.0
FRAGMENT_LENGTH_UM = (4.0, 25.0)
FRAGMENT_RADIUS_UM = 0.3
FRAGMENT_TURN = 0.25
PUNCTUM_RADIUS_UM = (0.1, 0.6)
POINTS_PER_PUNCTUM = 24


def add_bodies(
    light: NDArray[np.float32], config: SimulationConfig, rng: np.random.Generator
) -> None:
    """Add other cells, fragments of other neurites and debris to `light`, before the blur."""
    _add_cells(light, config, rng)
    _add_fragments(light, config, rng)
    _add_debris(light, config, rng)


def background(
    shape_zyx: tuple[int, ...], config: SimulationConfig, rng: np.random.Generator
) -> NDArray[np.float32]:
    """The glow of the tissue: a mean, slow unevenness, and a texture. It is blurred already."""
    size = config.voxel_size_zyx_um
    slow = _smooth_noise(shape_zyx, np.divide(GLOW_LENGTH_UM, size), rng)
    texture = _smooth_noise(shape_zyx, np.divide(TEXTURE_LENGTH_UM, size), rng)
    slow *= config.background_variation
    np.exp(slow, out=slow)
    texture *= config.texture
    texture += 1.0
    slow *= np.maximum(texture, 0.0, out=texture)
    slow *= config.background
    return slow


def _smooth_noise(
    shape_zyx: tuple[int, ...], length_zyx: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Unit normal noise that varies over about `length_zyx` voxels.

    Random values on coarse knots, spread by a Gaussian along one axis after the other; each
    voxel's weights have unit norm, so that the variance is 1 everywhere.
    """
    weights = []
    for extent, length in zip(shape_zyx, length_zyx, strict=True):
        spacing = max(float(length), 1.0)
        knots = np.arange(-2.0, extent / spacing + 2.0) * spacing
        away = (np.arange(extent)[:, None] - knots) / spacing
        kernel = np.exp(-0.5 * (away / 0.7) ** 2)
        kernel /= np.linalg.norm(kernel, axis=1, keepdims=True)
        weights.append(kernel.astype(np.float32))
    z, y, x = weights
    values = rng.standard_normal((z.shape[1], y.shape[1], x.shape[1]), np.float32)
    values = np.tensordot(z, values, axes=(1, 0))  # (Z, b, c)
    return np.asarray((y @ values) @ x.T, np.float32)  # (Z, Y, c) @ (c, X)


def _count(
    per_million_cubic_um: float,
    shape: tuple[int, ...],
    config: SimulationConfig,
    rng: np.random.Generator,
) -> int:
    volume = float(np.prod(shape) * np.prod(config.voxel_size_zyx_um))
    return int(rng.poisson(per_million_cubic_um * volume / 1e6))


def _add_cells(
    light: NDArray[np.float32], config: SimulationConfig, rng: np.random.Generator
) -> None:
    """Ellipsoids, from filled (stained cytoplasm) to hollow (stained membrane), in clusters."""
    size = np.asarray(config.voxel_size_zyx_um)
    count = _count(config.cell_density, light.shape, config, rng)
    clusters = rng.uniform(size=(count // CELLS_IN_CLUSTER + 1, 3)) * light.shape
    for cluster in rng.integers(len(clusters), size=count):
        centre = clusters[cluster] + rng.normal(0.0, CLUSTER_SPREAD_UM, 3) / size
        semi_axes = rng.uniform(*CELL_RADIUS_UM) * rng.uniform(0.75, 1.3, 3) / size
        fill, rim = rng.uniform(0.0, 1.0, 2)
        brightness = config.cell_brightness * rng.uniform(0.2, 1.0)
        low = np.clip(np.floor(centre - 1.4 * semi_axes), 0, light.shape).astype(int)
        high = np.clip(np.ceil(centre + 1.4 * semi_axes) + 1, 0, light.shape).astype(int)
        z, y, x = (
            ((np.arange(a, b) - c) / r).astype(np.float32)
            for a, b, c, r in zip(low, high, centre, semi_axes, strict=True)
        )
        away = np.sqrt(z[:, None, None] ** 2 + y[:, None] ** 2 + x**2)
        shape = fill * np.clip((1.0 - away) / 0.15, 0.0, 1.0)
        shape += rim * np.exp(-(((away - 0.95) / 0.12) ** 2))
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        light[box] += (brightness * shape).astype(np.float32)


def _add_fragments(
    light: NDArray[np.float32], config: SimulationConfig, rng: np.random.Generator
) -> None:
    """Short stretches of neurites of other cells."""
    size = np.asarray(config.voxel_size_zyx_um)
    volume_per_um = np.pi * FRAGMENT_RADIUS_UM**2 / float(size.prod())
    for _ in range(_count(config.fragment_density, light.shape, config, rng)):
        start = rng.uniform(size=3) * light.shape * size
        steps = int(rng.uniform(*FRAGMENT_LENGTH_UM) / STEP_UM)
        corners = random_walk(start, rng.normal(size=3), steps, FRAGMENT_TURN, rng)
        place = rng.uniform(0.0, steps, 24 * steps)
        whole = place.astype(np.int64)
        points = corners[whole] + (place - whole)[:, None] * (corners[whole + 1] - corners[whole])
        points += rng.normal(0.0, FRAGMENT_RADIUS_UM / 2, points.shape)
        brightness = config.fragment_brightness * rng.uniform(0.3, 1.0)
        mass = brightness * volume_per_um * steps * STEP_UM / len(points)
        splat(light, points / size, np.full(len(points), mass))


def _add_debris(
    light: NDArray[np.float32], config: SimulationConfig, rng: np.random.Generator
) -> None:
    """Puncta: small balls, most of them dim, a few very bright."""
    size = np.asarray(config.voxel_size_zyx_um)
    count = _count(config.debris_density, light.shape, config, rng)
    centre = rng.uniform(size=(count, 3)) * light.shape * size
    radius = rng.uniform(*PUNCTUM_RADIUS_UM, count)
    brightness = config.debris_brightness * np.exp(rng.normal(size=count))
    # As bright once blurred as `brightness` says, whether or not the optics resolve it.
    axial, lateral = config.psf_sigma_um
    spread = (2 * np.pi) ** 1.5 * np.sqrt(radius**2 / 5 + axial**2)
    spread *= radius**2 / 5 + lateral**2
    mass = brightness * spread / float(size.prod()) / POINTS_PER_PUNCTUM
    away = rng.normal(size=(count, POINTS_PER_PUNCTUM, 3)) * radius[:, None, None] / np.sqrt(5)
    points = (centre[:, None] + away).reshape(-1, 3)
    splat(light, points / size, np.repeat(mass, POINTS_PER_PUNCTUM))
