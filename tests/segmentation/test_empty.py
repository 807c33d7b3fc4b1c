import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurorecon.segmentation.blocks import plan_blocks
from neurorecon.segmentation.crops import Crops, Part, batches
from neurorecon.segmentation.empty import CELL, Cells, crops_to_run, zones
from neurorecon.segmentation.plan import WindowPlan, plan_windows

SHAPE = (40, 100, 130)


def _neurite(value: float = 250.0, noise: float = 3.0) -> np.ndarray:
    array = np.random.default_rng(0).normal(20, noise, SHAPE)
    array[18:20, 50:52, :] = value
    return array.clip(0, 255).astype(np.uint8)


def _signal(array: np.ndarray, invert: bool = False) -> np.ndarray:
    cells = Cells(array.shape, array.dtype, invert)
    cells.add(tuple(slice(0, size) for size in array.shape), array)
    return cells.hold_signal(float(np.median(array)))


def test_cells_with_a_thin_neurite_hold_signal_and_others_do_not() -> None:
    signal = _signal(_neurite())
    expected = np.zeros(signal.shape, bool)
    expected[1, 3] = True
    np.testing.assert_array_equal(signal, expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_dark_neurites_hold_signal_as_bright_ones_do(dtype: type) -> None:
    array = _neurite().astype(dtype)
    np.testing.assert_array_equal(_signal(255 - array, invert=True), _signal(array))


def test_hot_pixels_and_specks_are_no_signal() -> None:
    array = _neurite()
    array[5, 90, 20] = 255
    array[36, 4:7, 100:103] = 255
    np.testing.assert_array_equal(_signal(array), _signal(_neurite()))


def test_a_crowded_stack_is_run_as_a_whole() -> None:
    array = np.random.default_rng(0).integers(0, 255, SHAPE).astype(np.uint8)
    assert _signal(array).all()


@settings(max_examples=15)
@given(step_z=st.integers(1, 40), cells_y=st.integers(1, 7), cells_x=st.integers(1, 9))
def test_the_size_of_slabs_changes_nothing(step_z: int, cells_y: int, cells_x: int) -> None:
    array = _neurite()
    cells = Cells(SHAPE, array.dtype, invert=False)
    steps = (step_z, cells_y * CELL, cells_x * CELL)
    for start in np.ndindex(*(-(-size // step) for size, step in zip(SHAPE, steps, strict=True))):
        z, y, x = (
            slice(i * step, min((i + 1) * step, size))
            for i, step, size in zip(start, steps, SHAPE, strict=True)
        )
        cells.add((z, y, x), array[z, y, x])
    np.testing.assert_array_equal(cells.hold_signal(20.0), _signal(array))


def test_windows_run_where_they_see_a_cell_best() -> None:
    plan = plan_windows((40, 90, 120), (8, 8, 8), (40, 16, 32))
    start = (0, 10, 10)  # of the part of the stack that the plan is of
    run = crops_to_run(plan, _signal(_neurite()), start).runs
    rows = np.flatnonzero(run.any((0, 2)))
    first, last = (plan.starts_zyx[1][row] + 10 for row in rows[[0, -1]])
    assert run[:, rows].all() and len(rows) < run.shape[1]
    assert first <= 48 and last + 16 >= 64  # the row of cells that holds the neurite


@settings(max_examples=40)
@given(
    shape=st.tuples(*[st.integers(10, 150)] * 3),
    share=st.sampled_from((0.02, 0.2, 0.9)),
    seed=st.integers(0, 99),
)
def test_a_cell_with_signal_is_run_with_its_surroundings_by_the_window_that_sees_it_best(
    shape: tuple[int, int, int], share: float, seed: int
) -> None:
    start = (5, 0, 20)
    plan = plan_windows(shape, (8, 16, 8), (40, 48, 64))
    cells = [-(-(size + first) // CELL) for size, first in zip(shape, start, strict=True)]
    signal = np.random.default_rng(seed).random(cells) < share
    grid = plan_blocks(plan, 48)
    crops = crops_to_run(plan, signal, start)
    for found in (crops, crops.grouped(grid)):
        bright = np.kron(signal, np.ones([CELL] * 3, bool))[
            tuple(slice(first, first + size) for first, size in zip(start, shape, strict=True))
        ]
        for part in found.parts(np.ndindex(found.runs.shape)):
            _assert_whole(plan, part, bright)
        best = [zones(*axis) for axis in zip(plan.starts_zyx, plan.window_zyx, shape, strict=True)]
        for window in np.argwhere(~found.runs):
            zone = tuple(slice(*best[axis][n]) for axis, n in enumerate(window))
            assert not bright[zone].any()


def _assert_whole(plan: WindowPlan, part: Part, bright: np.ndarray) -> None:
    """A part fits the network, and holds what is bright in its zone with 8 voxels around it."""
    for axis, side in enumerate(part.box):
        assert (side.stop - side.start) % plan.multiple_zyx[axis] == 0
        assert side.start >= 0 and side.stop <= plan.window_zyx[axis]
    zone = tuple(
        slice(*zones(starts, window, size)[n])
        for starts, window, size, n in zip(
            plan.starts_zyx, plan.window_zyx, plan.shape_zyx, part.window, strict=True
        )
    )
    for axis, voxels in enumerate(np.nonzero(bright[zone])):
        first = zone[axis].start - int(plan.starts_zyx[axis][part.window[axis]])
        window = plan.window_zyx[axis]
        assert part.box[axis].start <= max(first + voxels.min() - 8, 0)
        assert part.box[axis].stop >= min(first + voxels.max() + 1 + 8, window)


def test_boxes_that_are_alone_in_their_shape_grow_where_that_saves_work() -> None:
    plan = plan_windows((64, 64, 256), (8, 8, 8), (64, 64, 64), overlap=0.0)
    low = np.zeros((1, 1, 4, 3), np.int16)
    high = np.array([[[[64, 64, 64], [16, 64, 64], [64, 64, 56], [0, 0, 0]]]], np.int16)
    grown = Crops(low, high).grouped(plan_blocks(plan, 1000))
    # Two that are nearly alike make a pair. The third runs twice, alone: less than a large one.
    assert grown.high[0, 0].tolist() == [[64, 64, 64], [16, 64, 64], [64, 64, 64], [0, 0, 0]]
    parts = grown.parts(np.ndindex(1, 1, 4))
    shapes = [[part.shape_zyx for part in batch] for batch in batches(parts, 64**3)]
    assert shapes == [[(64, 64, 64)], [(64, 64, 64)], [(16, 64, 64)]]  # of one window's voxels
