"""Blocks done in any order: each is completed once, as soon as it can be; nothing is kept long."""

import random

from hypothesis import given
from hypothesis import strategies as st

from neurorecon.segmentation.blocks import plan_blocks
from neurorecon.segmentation.front import Front, Step
from neurorecon.segmentation.plan import WindowPlan

GRID = plan_blocks(WindowPlan((64, 80, 64), (16, 16, 16), (8, 8, 8), 0.25), core_edge=16)


@given(seed=st.integers(0, 10**6), stop=st.integers(0, 60))
def test_any_order_and_a_stop_on_the_way(seed: int, stop: int) -> None:
    order = random.Random(seed)
    empty = {number for number in range(len(GRID)) if order.random() < 0.3}
    kept: set[int] = set()  # blocks whose pieces are on the shelf
    finished: list[int] = []

    def run(most: int) -> None:
        front = Front(GRID, set(finished), kept & set(finished))
        waiting = list(front.first())
        for _ in range(most):
            if not waiting:
                return
            step = waiting.pop(order.randrange(len(waiting)))
            if not step.completes:
                if step.number not in empty:
                    kept.add(step.number)
                waiting += front.computed(step.number, step.number not in empty)
                continue
            needed = {step.number, *(n for _, n in GRID.lower(GRID[step.number]))}
            assert set(step.needs) == needed - empty
            assert kept.issuperset(step.needs)
            finished.append(step.number)
            for number in front.finished(step.number):
                kept.discard(number)

    assert len(GRID) > 20
    run(stop)
    run(10**6)
    assert sorted(finished) == list(range(len(GRID)))
    assert not kept


def test_a_lone_block_is_computed_and_completed() -> None:
    grid = plan_blocks(WindowPlan((10, 10, 10), (16, 16, 16), (8, 8, 8), 0.25))
    front = Front(grid, set(), set())
    assert list(front.first()) == [Step(0)]
    assert front.computed(0, True) == [Step(0, True, (0,))]
    assert front.finished(0) == [0]
