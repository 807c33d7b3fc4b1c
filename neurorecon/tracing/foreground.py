"""The voxels that may be neurite, and which of them touch: all that tracing looks at.

Everything here is as large as the foreground, not as the stack, after one pass over the stack.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from neurorecon.errors import NeuroreconError
from neurorecon.volume import LazyVoxels, blocks_of

Probability = NDArray[np.float32] | NDArray[np.uint8] | LazyVoxels
Box = tuple[slice, slice, slice]

# One of each pair of opposite neighbours: 13 steps (z, y, x) that lead forward in memory order.
FORWARD_STEPS = [step for step in product((-1, 0, 1), repeat=3) if step > (0, 0, 0)]


class TooMuchForegroundError(NeuroreconError):
    """More foreground than is traced at once. share: of the stack."""

    def __init__(self, count: int, size: int, most: int) -> None:
        self.share = count / size
        super().__init__(
            f"{count:,} voxels ({self.share:.0%} of the stack) look like neurite, at most {most:,} "
            "can be traced; raise --threshold"
        )


@dataclass(frozen=True)
class Foreground:
    """Foreground voxels in memory order.

    index_zyx: (n, 3) int64 voxel indices.
    probability: (n,) float32, 0 to 1.
    shape_zyx: of the stack.
    """

    index_zyx: NDArray[np.int64]
    probability: NDArray[np.float32]
    shape_zyx: tuple[int, int, int]

    def __len__(self) -> int:
        return len(self.index_zyx)

    @cached_property
    def _key(self) -> NDArray[np.int64]:
        """(n,) rank in memory order, with a margin so that no row wraps into the next."""
        return self._keys(self.index_zyx)

    def _keys(self, index_zyx: NDArray[np.int64]) -> NDArray[np.int64]:
        _, height, width = self.shape_zyx
        z, y, x = (index_zyx + 1).T
        key: NDArray[np.int64] = (z * (height + 2) + y) * (width + 2) + x
        return key

    def find(self, index_zyx: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows (m,) of the voxels `index_zyx` (m, 3), -1 for those that are not foreground."""
        key = self._keys(index_zyx)
        row = np.minimum(np.searchsorted(self._key, key), len(self) - 1)
        return np.where(self._key[row] == key, row, -1)

    @cached_property
    def neighbours(self) -> list[tuple[NDArray[np.int32], NDArray[np.int32]]]:
        """For each of `FORWARD_STEPS` the rows (m,) of voxels and of their neighbours that way.

        Of all that tracing holds this is the most, hence 32 bits.
        """
        pairs = []
        for step in FORWARD_STEPS:
            other = self.find(self.index_zyx + step)
            first = np.flatnonzero(other >= 0)
            pairs.append((first.astype(np.int32), other[first].astype(np.int32)))
        return pairs

    def take(self, rows: NDArray[np.int64]) -> Foreground:
        """The voxels `rows` (ascending)."""
        return Foreground(self.index_zyx[rows], self.probability[rows], self.shape_zyx)


@dataclass(frozen=True)
class Found:
    """What is neurite in one box of a stack.

    index_zyx: (n, 3) voxel indices in the stack. value: (n,) as stored. highest: in the box, as
        stored.
    """

    index_zyx: NDArray[np.int64]
    value: NDArray[np.float32] | NDArray[np.uint8]
    highest: float


def found_in(block: NDArray[Any], box: Box, low: float) -> Found:
    """The voxels of one box that have at least probability `low` (0 to 1). block: its values."""
    level = lowest_stored(block.dtype, low)
    highest = float(block.max())
    if highest < level:
        return Found(np.zeros((0, 3), np.int64), np.zeros(0, block.dtype), highest)
    inside = np.unravel_index(np.flatnonzero(block >= level), block.shape)
    index = np.stack(inside, axis=1) + [side.start for side in box]
    return Found(index, block[inside], highest)


def lowest_stored(dtype: np.dtype[Any], low: float) -> Any:
    """The lowest value, of the type that is stored, that stands for a probability of `low`."""
    return dtype.type(np.ceil(low * 255.0)) if dtype == np.uint8 else np.float32(low)


def find_foreground(probability: Probability, low: float, most: int | None = None) -> Foreground:
    """Voxels of at least `low` (0 to 1), found in one pass, block by block.

    probability: (Z, Y, X) float32 0..1 or uint8 0..255.
    most: largest number of voxels that is accepted; memory never grows beyond it.

    Raises NeuroreconError where no voxel is found, TooMuchForegroundError for more than `most`.
    """
    found = (found_in(probability[box], box, low) for box in blocks_of(probability))
    return joined_foreground(found, probability, low, most)


def joined_foreground(
    parts: Iterable[Found], probability: Probability, low: float, most: int | None = None
) -> Foreground:
    """What was found in boxes that cover the stack once, in any order; else as above."""
    scale = 255.0 if probability.dtype == np.uint8 else 1.0
    indices, values, count, highest = [], [], 0, 0.0
    for part in parts:
        highest = max(highest, part.highest / scale)
        count += len(part.value)
        if len(part.value) and (most is None or count <= most):
            indices.append(part.index_zyx)
            values.append(part.value / np.float32(scale))
    if most is not None and count > most:
        raise TooMuchForegroundError(count, math.prod(probability.shape), most)
    if count == 0:
        raise NeuroreconError(
            f"no voxel reaches the threshold {low:g}: the highest probability is "
            f"{highest:.3g}; check the segmentation, or lower --threshold"
        )
    depth, height, width = probability.shape
    # Blocks need not come in memory order.
    return in_memory_order(np.concatenate(indices), np.concatenate(values), (depth, height, width))


def in_memory_order(
    index: NDArray[np.int64], probability: NDArray[np.float32], shape: tuple[int, int, int]
) -> Foreground:
    """Foreground of voxels (n, 3) in any order, each once."""
    found = Foreground(index, probability, shape)
    if (np.diff(found._key) > 0).all():
        return found
    return found.take(np.argsort(found._key))


def label_pieces(foreground: Foreground) -> NDArray[np.int64]:
    """Number (n,) of the 26-connected piece that each foreground voxel is in."""
    first = np.concatenate([pair[0] for pair in foreground.neighbours])
    second = np.concatenate([pair[1] for pair in foreground.neighbours])
    n = len(foreground)
    graph = sparse.coo_array((np.ones(len(first), np.int8), (first, second)), shape=(n, n))
    _, piece = csgraph.connected_components(graph.tocsr(), directed=False)
    return np.asarray(piece, np.int64)
