"""A tree in, a labelled stack out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neurorecon.errors import InputError
from neurorecon.geometry import tree_distance
from neurorecon.morphology import Morphology
from neurorecon.simulation.branches import (
    UNKNOWN_RADIUS_VOXELS,
    known_radii,
    subdivide,
    to_micrometres,
    vary,
)
from neurorecon.simulation.config import SimulationConfig
from neurorecon.simulation.optics import blur, detect, dim_with_depth, draw_neuron
from neurorecon.simulation.surroundings import add_bodies, background
from neurorecon.volume import Grid

NEARBY_UM = 5.0  # of a patch: what lies farther outside sends no light into it
LABEL = 255  # of a voxel in the neuron, so that the mask shows as white everywhere


@dataclass(frozen=True)
class SimulatedStack:
    """A stack with its exact truth.

    array: (Z, Y, X) uint8 or uint16.
    label: (Z, Y, X) uint8, 255 inside the neuron, 0 outside.
    morphology: the tree as it was drawn, calibre included, in µm in the frame of the stack.
    grid: voxel size in µm, origin 0.
    """

    array: NDArray[np.uint8] | NDArray[np.uint16]
    label: NDArray[np.uint8]
    morphology: Morphology
    grid: Grid


def simulate_stack(
    morphology: Morphology, config: SimulationConfig, seed: int | Sequence[int]
) -> SimulatedStack:
    """Image a tree as a confocal microscope would.

    morphology: one or more trees, in µm or in voxels of `config.voxel_size_zyx_um`.
    seed: the same seed, tree and settings give the same bytes.

    Raises InputError where the tree has no nodes.
    """
    rng = np.random.default_rng(seed)
    tree, shape = _place(morphology, config, rng)
    drawn, brightness = vary(tree, config, rng)
    light = np.zeros(shape, np.float32)
    draw_neuron(light, drawn, brightness, config, rng)
    add_bodies(light, config, rng)
    light = blur(light, config)
    light += background(shape, config, rng)
    dim_with_depth(light, config)
    return SimulatedStack(
        array=detect(light, config, rng),
        label=draw_label(drawn, shape, config.voxel_size_zyx_um),
        morphology=drawn if config.shape_zyx is None else _inside(drawn, shape, config, 0.0),
        grid=Grid(config.voxel_size_zyx_um, unit="um", source="simulated"),
    )


def stack_shape(morphology: Morphology, config: SimulationConfig) -> tuple[int, int, int]:
    """Size in voxels (Z, Y, X) of the stack that the tree will need, without making it.

    Raises InputError where the tree has no nodes.
    """
    if config.shape_zyx is not None:
        return config.shape_zyx
    low, high = _bounds(to_micrometres(morphology, config.voxel_size_zyx_um), config)
    z, y, x = (math.ceil(extent) + 1 for extent in (high - low) / config.voxel_size_zyx_um)
    return z, y, x


def draw_label(
    morphology: Morphology,
    shape_zyx: Sequence[int],
    voxel_size_zyx: tuple[float, float, float],
) -> NDArray[np.uint8]:
    """The mask of a tree: its tubes, nowhere thinner than a voxel so that they never break.

    With a radius of half a voxel's diagonal, the voxel nearest to each point of the centreline
    is in the mask.
    """
    floor = 0.5 * float(np.linalg.norm(voxel_size_zyx))
    radius = np.maximum(morphology.radius, floor)
    inside = tree_distance(morphology, radius, shape_zyx, voxel_size_zyx) <= 0
    return inside.astype(np.uint8) * np.uint8(LABEL)


def _place(
    morphology: Morphology, config: SimulationConfig, rng: np.random.Generator
) -> tuple[Morphology, tuple[int, int, int]]:
    """The tree in µm in the frame of the stack, in edges of about a voxel; the stack's shape."""
    size = np.asarray(config.voxel_size_zyx_um)
    shape = stack_shape(morphology, config)
    tree = to_micrometres(morphology, config.voxel_size_zyx_um)
    tree = known_radii(tree, UNKNOWN_RADIUS_VOXELS * float(size[2]))
    tree = subdivide(tree, float(size.min()))
    if config.shape_zyx is None:
        origin = _bounds(tree, config)[0]
    else:
        centre = tree.point_zyx[rng.integers(len(tree))]
        origin = centre - rng.uniform(0.25, 0.75, 3) * size * shape
    tree = replace(tree, point_zyx=tree.point_zyx - origin)
    if config.shape_zyx is not None:
        tree = _inside(tree, shape, config, NEARBY_UM + float(tree.radius.max()))
    return tree, shape


def _bounds(
    tree: Morphology, config: SimulationConfig
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Corners of the box, in µm, that holds the tree with its calibre and the margin."""
    if not len(tree):
        raise InputError("a tree without nodes cannot be simulated; give an SWC that has some")
    reach = np.maximum(tree.radius, 0.0)[:, None] + config.margin_um
    return (tree.point_zyx - reach).min(axis=0), (tree.point_zyx + reach).max(axis=0)


def _inside(
    tree: Morphology, shape: tuple[int, int, int], config: SimulationConfig, margin_um: float
) -> Morphology:
    """The part of the tree whose nodes lie in the stack, or in a margin around it."""
    index = tree.point_zyx / config.voxel_size_zyx_um
    reach = 0.5 + margin_um / np.asarray(config.voxel_size_zyx_um)
    inside = ((index >= -reach) & (index <= np.asarray(shape) - 1 + reach)).all(axis=1)
    return tree.take(np.flatnonzero(inside))
