import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurorecon.segmentation.empty import CELL, Cells, windows_to_run
from neurorecon.segmentation.plan import plan_windows

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
    run = windows_to_run(plan, _signal(_neurite()), start)
    rows = np.flatnonzero(run.any((0, 2)))
    first, last = (plan.starts_zyx[1][row] + 10 for row in rows[[0, -1]])
    assert run[:, rows].all() and len(rows) < run.shape[1]
    assert first <= 48 and last + 16 >= 64  # the row of cells that holds the neurite
