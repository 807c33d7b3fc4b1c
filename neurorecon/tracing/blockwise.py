"""Centrelines of more foreground than fits into memory: block by block, joined at the faces.

Each block is traced with what lies around it, so that two blocks see the neurites at their common
face alike. In a strip behind it the centrelines of the earlier block stay; those of the later one
go where they run along them, and are tied to them where they leave. The result depends on the grid
of blocks, not on who traces them in which order.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from neurorecon.errors import NeuroreconError
from neurorecon.tracing.config import TraceConfig
from neurorecon.tracing.foreground import (
    Box,
    Probability,
    TooMuchForegroundError,
    find_foreground,
    lowest_stored,
)
from neurorecon.tracing.network import Network
from neurorecon.tracing.skeleton import Skeleton

_MOST_NEURITE = 0.05  # of a stack; neurons fill less than 1 % of theirs, and more is noise
_HALO = 32  # voxels around a block; several times the calibre of a neurite
_STRIP = 4  # voxels behind its upper faces in which the centrelines of a block go on
_ALIKE = 1.5  # largest voxel sizes; two centrelines of one neurite lie this near to each other

Number = tuple[int, int, int]


@dataclass(frozen=True)
class BlockGrid:
    """Cubes of `edge` voxels that cover a stack of `shape_zyx` once."""

    shape_zyx: tuple[int, int, int]
    edge: int

    def numbers(self) -> Iterator[Number]:
        """The blocks, by their place along z, y and x."""
        counts = [range(math.ceil(size / self.edge)) for size in self.shape_zyx]
        yield from product(*counts)

    def box(self, number: Number, around: int = 0) -> Box:
        """The voxels of a block, and so many around it as far as they are in the stack."""
        z, y, x = (
            slice(max(place * self.edge - around, 0), min((place + 1) * self.edge + around, size))
            for place, size in zip(number, self.shape_zyx, strict=True)
        )
        return z, y, x


@dataclass(frozen=True)
class Part:
    """The centrelines in a block and in a strip around it; points count from voxel (0, 0, 0).

    own: (n,) nodes that lie in the block or behind its upper faces.
    """

    number: Number
    skeleton: Skeleton
    own: NDArray[np.bool_]


def find_skeleton(
    probability: Probability, voxel_size: NDArray[np.float64], config: TraceConfig
) -> Skeleton:
    """The centrelines of a segmentation, block by block where there is much foreground.

    Raises NeuroreconError where there is none, or far more than can be neurite.
    """
    try:
        foreground = find_foreground(probability, config.threshold, config.max_foreground)
    except TooMuchForegroundError as error:
        grid = grid_for(error, probability, config)
        numbers = grid.numbers()
        parts = (part_in(probability, grid, number, voxel_size, config) for number in numbers)
        return joined_parts(parts, voxel_size)
    return Skeleton.of(foreground, probability, voxel_size, config)


def grid_for(
    error: TooMuchForegroundError, probability: Probability, config: TraceConfig
) -> BlockGrid:
    """The blocks to trace what was too much at once; raises the error where it is noise."""
    if error.share > _MOST_NEURITE:
        raise error
    return BlockGrid(probability.shape, config.block_edge)


def part_in(
    probability: Probability,
    grid: BlockGrid,
    number: Number,
    voxel_size: NDArray[np.float64],
    config: TraceConfig,
) -> Part | None:
    """The centrelines in one block, None where there is no foreground.

    Raises NeuroreconError where the block has more foreground than can be traced at once.
    """
    core, seen = grid.box(number), grid.box(number, _HALO)
    start, stop = (np.array([getattr(side, end) for side in core]) for end in ("start", "stop"))
    first = np.array([side.start for side in seen])
    values = np.asarray(probability[seen])
    inner = tuple(map(slice, start - first, stop - first))
    if values[inner].max() < lowest_stored(values.dtype, config.threshold):
        return None
    try:
        foreground = find_foreground(values, config.threshold, config.max_foreground)
    except TooMuchForegroundError as error:
        where = " ".join(map(str, first))
        raise NeuroreconError(
            f"{error.share:.0%} of the voxels from {where} (z y x) on look like neurite, more than "
            f"the {config.max_foreground:,} that can be traced at once; raise --threshold"
        ) from error
    found = Skeleton.of(foreground, values, voxel_size, config)
    point = found.network.point_zyx + first * voxel_size
    place = np.clip(np.floor(point / voxel_size + 0.5), 0, np.array(grid.shape_zyx) - 1)
    rows = np.flatnonzero(((place >= start - _STRIP) & (place < stop + _STRIP)).all(axis=1))
    network = replace(found.network, point_zyx=point).take(rows)
    own = np.asarray((place[rows] >= start).all(axis=1))
    return Part(number, replace(found, network=network), own)


def joined_parts(parts: Iterable[Part | None], voxel_size: NDArray[np.float64]) -> Skeleton:
    """The parts of all blocks of a grid, in any order, as one; there is at least one."""
    ordered = sorted((part for part in parts if part), key=lambda part: part.number)
    kept: dict[Number, _Nodes] = {}
    edges = []
    count = 0
    for part in ordered:
        network = part.skeleton.network
        row_of = _rows_along(network, _before(part.number, kept), voxel_size)
        stays = part.own & (row_of < 0)
        rows = np.flatnonzero(stays)
        row_of[rows] = count + np.arange(len(rows))
        count += len(rows)
        kept[part.number] = _Nodes(network.take(rows), row_of[rows])
        edges.append(row_of[network.edges[stays[network.edges].any(axis=1)]])
    every = np.sort(np.concatenate(edges), axis=1)
    every = np.unique(every[every[:, 0] >= 0], axis=0)
    margin = float(np.median([part.skeleton.margin for part in ordered]))
    soft = any(part.skeleton.soft for part in ordered)
    return Skeleton(_as_one(kept.values()).with_edges(every), margin, soft)


@dataclass(frozen=True)
class _Nodes:
    """Nodes of a block that stay, and their rows (n,) in the whole."""

    network: Network
    row: NDArray[np.int64]


def _before(number: Number, kept: dict[Number, _Nodes]) -> list[_Nodes]:
    """The nodes of the blocks around one that came before it."""
    z, y, x = number
    around = [(z + a, y + b, x + c) for a, b, c in product((-1, 0, 1), repeat=3)]
    return [kept[one] for one in around if one in kept]


def _rows_along(
    network: Network, before: list[_Nodes], voxel_size: NDArray[np.float64]
) -> NDArray[np.int64]:
    """The rows (n,), in the whole, of nodes of earlier blocks that nodes lie along; -1 for none."""
    row_of = np.full(len(network), -1, np.int64)
    if not before or not len(network):
        return row_of
    point = np.concatenate([nodes.network.point_zyx for nodes in before])
    radius = np.concatenate([nodes.network.radius for nodes in before])
    row = np.concatenate([nodes.row for nodes in before])
    reach = np.maximum(radius, _ALIKE * voxel_size.max())
    low, high = network.point_zyx.min(axis=0), network.point_zyx.max(axis=0)
    near = ((point >= low - reach[:, None]) & (point <= high + reach[:, None])).all(axis=1)
    if not near.any():
        return row_of
    distance, nearest = KDTree(point[near]).query(network.point_zyx)
    along = distance <= reach[near][nearest]
    row_of[along] = row[near][nearest[along]]
    return row_of


def _as_one(parts: Iterable[_Nodes]) -> Network:
    """All nodes, without edges."""
    networks = [part.network for part in parts]
    return Network(
        np.concatenate([network.point_zyx for network in networks]),
        np.concatenate([network.radius for network in networks]),
        np.zeros((0, 2), np.int64),
        np.concatenate([network.probability for network in networks]),
        np.concatenate([network.kind for network in networks]),
    )
