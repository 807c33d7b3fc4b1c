"""Which part of each window runs, and how those parts make batches.

A window of a sparse stack seldom holds signal all over: what runs of it is a box around its cells
with signal, with the context that the network wants around them, and nothing at all where there are
none. On a CPU and on a GPU a voxel takes the same time in a small box as in a large one.

Boxes of one shape make a batch. A box that is the only one of its shape in its block grows to the
shape of others where that is less work than a batch of one, for which torch takes as long as for
two. So the boxes depend on the plan, the signal and the blocks, never on the batch size.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from neurorecon.segmentation.blocks import Block, BlockGrid, Index
from neurorecon.segmentation.plan import Box, WindowPlan


@dataclass(frozen=True)
class Part:
    """A box of a window. window: its place in the plan. box: in the window's own frame."""

    window: Index
    box: Box

    @property
    def shape_zyx(self) -> Index:
        """Voxels along each axis."""
        z, y, x = (side.stop - side.start for side in self.box)
        return z, y, x


@dataclass(frozen=True)
class Crops:
    """The part of every window that runs.

    low, high: (windows along z, y, x, 3) its first voxel and its end, in the window's own frame;
        `low` = `high` = 0 where nothing of it does.
    """

    low: NDArray[np.int16]
    high: NDArray[np.int16]

    @classmethod
    def whole(cls, plan: WindowPlan) -> Crops:
        """Every window, all of it."""
        counts = [len(starts) for starts in plan.starts_zyx]
        low = np.zeros((*counts, 3), np.int16)
        return cls(low, low + np.array(plan.window_zyx, np.int16))

    @property
    def runs(self) -> NDArray[np.bool_]:
        """Which windows run at all, (windows along z, y, x)."""
        return np.asarray(self.high[..., 0] > 0)

    def voxels(self) -> int:
        """Voxels that run, those of windows that overlap counted for each."""
        return int(np.prod(self.high - self.low, axis=-1, dtype=np.int64).sum())

    def parts(self, windows: Iterable[Index]) -> list[Part]:
        """What runs of some windows, in their order."""
        found = []
        for window in windows:
            low, high = self.low[window].tolist(), self.high[window].tolist()
            if high[0]:
                z, y, x = (slice(a, b) for a, b in zip(low, high, strict=True))
                found.append(Part(window, (z, y, x)))
        return found

    def grouped(self, grid: BlockGrid) -> Crops:
        """The same, where boxes that are alone in their shape have grown to that of others."""
        grown = Crops(self.low.copy(), self.high.copy())
        runs = self.runs
        for block in grid:
            if runs[np.ix_(*block.windows)].any():
                for part in _grouped(self.parts(block.window_indices()), grid.plan.window_zyx):
                    grown.low[part.window] = [side.start for side in part.box]
                    grown.high[part.window] = [side.stop for side in part.box]
        return grown


def batches(parts: Sequence[Part], most_voxels: int) -> Iterator[Sequence[Part]]:
    """Parts of one shape each, as equal in number as they can be: one alone takes as long as two.

    most_voxels: of a batch.
    """
    for shape, some in _by_shape(parts).items():
        at_once = max(most_voxels // math.prod(shape), 1)
        count = -(-len(some) // at_once)
        edges = [number * len(some) // count for number in range(count + 1)]
        yield from (some[a:b] for a, b in pairwise(edges))


def part_box(plan: WindowPlan, block: Block, part: Part) -> Box:
    """A part of a window in the block's own frame."""
    starts = (
        int(starts[n]) - side.start
        for starts, n, side in zip(plan.starts_zyx, part.window, block.reach, strict=True)
    )
    z, y, x = (
        slice(start + side.start, start + side.stop)
        for start, side in zip(starts, part.box, strict=True)
    )
    return z, y, x


def _by_shape(parts: Sequence[Part]) -> dict[Index, list[Part]]:
    groups: dict[Index, list[Part]] = {}
    for part in parts:
        groups.setdefault(part.shape_zyx, []).append(part)
    return groups


def _grouped(parts: Sequence[Part], window_zyx: Index) -> list[Part]:
    groups = _by_shape(parts)
    while pairs := [
        (_more(alone, other, len(groups[other])), alone, other)
        for alone in groups
        for other in groups
        if len(groups[alone]) == 1 and other != alone
    ]:
        more, alone, other = min(pairs)
        if more >= 0:
            break
        larger = _enclosing(alone, other)
        joined = [*groups.pop(alone), *groups.pop(other)]
        groups.setdefault(larger, []).extend(_grown(one, larger, window_zyx) for one in joined)
    return [part for some in groups.values() for part in some]


def _more(alone: Index, other: Index, count: int) -> int:
    """Voxels that run more if a box joins `count` of another shape; what is alone runs twice."""
    before = 2 * math.prod(alone) + max(count, 2) * math.prod(other)
    return (1 + count) * math.prod(_enclosing(alone, other)) - before


def _enclosing(one: Index, other: Index) -> Index:
    z, y, x = (max(a, b) for a, b in zip(one, other, strict=True))
    return z, y, x


def _grown(part: Part, shape_zyx: Index, window_zyx: Index) -> Part:
    """The part in the middle of a larger box, or beside the middle where the window ends."""
    sides = []
    for side, size, window in zip(part.box, shape_zyx, window_zyx, strict=True):
        start = side.start - (size - (side.stop - side.start)) // 2
        start = min(max(start, 0), window - size)
        sides.append(slice(start, start + size))
    z, y, x = sides
    return Part(part.window, (z, y, x))
