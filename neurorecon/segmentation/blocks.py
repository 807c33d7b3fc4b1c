"""A segmentation in blocks that can be computed anywhere, in any order, and always come out alike.

Every window of a plan belongs to one block, and none runs twice. At the far faces of a block its
windows reach into the next blocks: what they add there (the `spill`, an overlap thick) is set
aside, and whoever finishes those blocks adds it to their own windows' sums. So

    finished core of a block = sums of its own windows + spills of up to seven lower neighbours,

which is what blending the whole stack at once gives, without a seam. The sums are whole numbers
(`SUM_SCALE` = certain), so the order in which they are added does not matter: a run in one process,
one that was stopped and resumed, and one on many machines end with the same bytes.

The other ways, and why not: blocks that run all windows which touch them need no spills but repeat
42 % of the work at 8 windows an axis, 20 % at 16; blocks that end in the middle of an overlap
repeat nothing but leave a step in the probability at every face. Spills cost disk: about a quarter
of the voxels of a block, 2 bytes each, until the neighbours are done.

The grid depends on the shape of the stack, windows and overlap, never on timing or memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from neurorecon.segmentation.plan import Box, WindowPlan

Index = tuple[int, int, int]

# A block's edge, about: small enough that a block is seconds of work on a CPU and that several fit
# into any memory, large enough that its spills and files stay few.
CORE_EDGE = 192
# What the core of one block and its upper neighbours are to each other along z, y and x.
DIRECTIONS: tuple[Index, ...] = tuple(
    (z, y, x) for z, y, x in product((0, 1), repeat=3) if z + y + x
)


@dataclass(frozen=True)
class Block:
    """The windows that are run together, and the voxels that they concern.

    number: place in the grid's order. index_zyx: the same along each axis.
    core: voxels that this block finishes; the cores of all blocks cover the stack once.
    reach: voxels of the stack that its windows see: what to read, and what they add to. Starts
        where the core starts.
    windows: numbers of its windows along each axis, in the plan's order.
    """

    number: int
    index_zyx: Index
    core: Box
    reach: Box
    windows: tuple[range, range, range]

    @property
    def core_shape(self) -> Index:
        """Voxels of the core along each axis."""
        return _shape(self.core)

    @property
    def reach_shape(self) -> Index:
        """Voxels of the reach along each axis."""
        return _shape(self.reach)

    def window_indices(self) -> list[Index]:
        """Its windows in the order in which they run."""
        return list(product(*self.windows))


@dataclass(frozen=True)
class BlockGrid:
    """All blocks of a plan, numbered along x, then y, then z.

    windows_zyx: windows of a block along each axis; the last block of an axis may have fewer, and
        its core goes on to the border of the stack.
    """

    plan: WindowPlan
    windows_zyx: Index

    @cached_property
    def counts_zyx(self) -> Index:
        """Blocks along each axis."""
        z, y, x = (
            int(starts[-1]) // edge + 1
            for starts, edge in zip(self.plan.starts_zyx, self._edge_zyx, strict=True)
        )
        return z, y, x

    @property
    def chunk_zyx(self) -> Index:
        """A chunk, half a block along each axis that has several: no two blocks share one."""
        z, y, x = (
            edge // 2 if count > 1 else min(size, CORE_EDGE // 2)
            for edge, count, size in zip(
                self._edge_zyx, self.counts_zyx, self.plan.shape_zyx, strict=True
            )
        )
        return z, y, x

    @property
    def edges_zyx(self) -> tuple[list[int], list[int], list[int]]:
        """Where the cores begin along each axis, and where the last one ends."""
        z, y, x = (
            [*range(0, count * edge, edge), size]
            for edge, count, size in zip(
                self._edge_zyx, self.counts_zyx, self.plan.shape_zyx, strict=True
            )
        )
        return z, y, x

    @property
    def most_voxels(self) -> int:
        """Voxels of the largest reach."""
        return math.prod(
            max(
                self._side(axis, index)[1].stop - index * self._edge_zyx[axis] for index in range(n)
            )
            for axis, n in enumerate(self.counts_zyx)
        )

    def __len__(self) -> int:
        return math.prod(self.counts_zyx)

    def __iter__(self) -> Iterator[Block]:
        return (self[number] for number in range(len(self)))

    def __getitem__(self, number: int) -> Block:
        if not 0 <= number < len(self):
            raise IndexError(number)
        z, y, x = (int(i) for i in np.unravel_index(number, self.counts_zyx))
        sides = [self._side(axis, i) for axis, i in enumerate((z, y, x))]
        core, reach, windows = zip(*sides, strict=True)
        return Block(number, (z, y, x), core, reach, windows)

    def neighbour(self, block: Block, direction: Index, sign: int) -> int | None:
        """Number of the block that lies `sign * direction` from this one; None at the border."""
        index = tuple(i + sign * d for i, d in zip(block.index_zyx, direction, strict=True))
        if not all(0 <= i < count for i, count in zip(index, self.counts_zyx, strict=True)):
            return None
        return int(np.ravel_multi_index(index, self.counts_zyx))

    def lower(self, block: Block) -> list[tuple[Index, int]]:
        """The blocks whose spills this one needs: direction from there to here, and number."""
        found = ((direction, self.neighbour(block, direction, -1)) for direction in DIRECTIONS)
        return [(direction, number) for direction, number in found if number is not None]

    def upper(self, block: Block) -> list[tuple[Index, int]]:
        """The blocks that need this one's spills: direction from here to there, and number."""
        found = ((direction, self.neighbour(block, direction, 1)) for direction in DIRECTIONS)
        return [(direction, number) for direction, number in found if number is not None]

    @property
    def _edge_zyx(self) -> Index:
        z, y, x = (
            windows * stride
            for windows, stride in zip(self.windows_zyx, self.plan.stride_zyx, strict=True)
        )
        return z, y, x

    def _side(self, axis: int, index: int) -> tuple[slice, slice, range]:
        """Core, reach and window numbers of the blocks with this index along an axis."""
        edge, size = self._edge_zyx[axis], self.plan.shape_zyx[axis]
        starts, window = self.plan.starts_zyx[axis], self.plan.window_zyx[axis]
        first, stop = (int(n) for n in np.searchsorted(starts, [index * edge, (index + 1) * edge]))
        last = index + 1 == self.counts_zyx[axis]
        core = slice(index * edge, size if last else (index + 1) * edge)
        reach = slice(core.start, min(int(starts[stop - 1]) + window, size))
        return core, reach, range(first, stop)


def plan_blocks(plan: WindowPlan, core_edge: int = CORE_EDGE) -> BlockGrid:
    """Blocks with cores of about `core_edge` voxels along each axis, of two windows at least.

    An axis of few windows is one block. A block spans at least one window, so that it reaches no
    further than its neighbours.
    """
    z, y, x = (
        _block_windows(len(starts), window, stride, core_edge)
        for starts, window, stride in zip(
            plan.starts_zyx, plan.window_zyx, plan.stride_zyx, strict=True
        )
    )
    return BlockGrid(plan, (z, y, x))


def _block_windows(count: int, window: int, stride: int, core_edge: int) -> int:
    least = math.ceil(window / stride)
    half = max(round(core_edge / stride / 2), math.ceil(least / 2), 1)
    return 2 * half if count > 2 * half else count


def _shape(box: Box) -> Index:
    z, y, x = (side.stop - side.start for side in box)
    return z, y, x
