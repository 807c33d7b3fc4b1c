"""Which steps of which blocks can be done next, where blocks are done in any order.

A block can be completed when it and its lower neighbours are computed (see `run`). Nothing is kept
of a block that is finished and whose upper neighbours are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from neurorecon.segmentation.blocks import BlockGrid


@dataclass(frozen=True)
class Step:
    """One of a block's two steps.

    completes: whether it is the second. needs: blocks that have left pieces which it reads.
    """

    number: int
    completes: bool = False
    needs: tuple[int, ...] = ()


class Front:
    """The state of a run whose steps are done elsewhere.

    finished: numbers of the blocks that were finished before.
    left_pieces: those of them of which pieces are kept.
    """

    def __init__(self, grid: BlockGrid, finished: set[int], left_pieces: set[int]) -> None:
        self._grid = grid
        self._finished, self._computed = set(finished), set(finished)
        self._left = set(left_pieces)

    def first(self) -> Iterator[Step]:
        """The steps that wait for nothing, in the order in which most others become possible."""
        yield from (Step(n) for n in range(len(self._grid)) if n not in self._finished)

    def computed(self, number: int, left_pieces: bool) -> list[Step]:
        """The steps that are possible now that this block is computed."""
        self._computed.add(number)
        if left_pieces:
            self._left.add(number)
        around = [number, *(upper for _, upper in self._grid.upper(self._grid[number]))]
        return [self._completing(one) for one in around if self._can_be_completed(one)]

    def finished(self, number: int) -> list[int]:
        """The blocks whose pieces nobody needs any more now that this block is finished."""
        self._finished.add(number)
        return [one for one in self._with_lower(number) if self._is_past(one)]

    def _with_lower(self, number: int) -> list[int]:
        return [number, *(lower for _, lower in self._grid.lower(self._grid[number]))]

    def _can_be_completed(self, number: int) -> bool:
        return number not in self._finished and self._computed.issuperset(self._with_lower(number))

    def _completing(self, number: int) -> Step:
        needs = tuple(one for one in self._with_lower(number) if one in self._left)
        return Step(number, True, needs)

    def _is_past(self, number: int) -> bool:
        upper = (upper for _, upper in self._grid.upper(self._grid[number]))
        return self._finished.issuperset([number, *upper])
