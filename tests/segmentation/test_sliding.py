import math
import tracemalloc
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from neurorecon.errors import InputError
from neurorecon.model.intensity import IntensityScale
from neurorecon.segmentation import plan as plan_module
from neurorecon.segmentation.plan import WindowPlan, plan_windows
from neurorecon.segmentation.predictor import Predictor
from neurorecon.segmentation.sliding import blend_windows
from neurorecon.segmentation.stack import segment_array

SIDES = st.tuples(*[st.integers(1, 70)] * 3)
CPU = torch.device("cpu")


def _identity(windows: Any) -> Any:
    return windows


def _blend(array: Any, plan: WindowPlan, predict: Any = _identity, batch_size: int = 3) -> Any:
    result = np.full(array.shape, np.nan, np.float32)
    seen = np.zeros(array.shape, int)
    for box, values in blend_windows(plan, lambda box: array[box], predict, batch_size):
        result[box] = values
        seen[box] += 1
    assert (seen == 1).all()
    return result


@given(shape=SIDES, overlap=st.floats(0, 0.9), batch_size=st.integers(1, 5), seed=st.integers(0, 9))
def test_an_identity_network_gives_the_stack_back(
    shape: tuple[int, int, int], overlap: float, batch_size: int, seed: int
) -> None:
    array = np.random.default_rng(seed).random(shape, np.float32)
    plan = plan_windows(shape, (8, 8, 8), (24, 32, 16), overlap)
    np.testing.assert_allclose(_blend(array, plan, batch_size=batch_size), array, atol=1e-5)


def test_blocks_join_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    array = np.random.default_rng(0).random((20, 61, 75), np.float32)
    plan = plan_windows(array.shape, (8, 8, 8), (16, 16, 16))

    def by_position(windows: Any) -> Any:  # unlike the identity, tells one window from another
        return windows * np.linspace(0, 1, windows.shape[-1], dtype=np.float32)

    whole = _blend(array, plan, by_position)
    monkeypatch.setattr(plan_module, "BLOCK_YX", 32)
    np.testing.assert_allclose(_blend(array, plan, by_position), whole, atol=1e-6)


@given(shape=SIDES, overlap=st.floats(0, 0.9))
def test_weights_sum_to_one_at_every_voxel(shape: tuple[int, int, int], overlap: float) -> None:
    plan = plan_windows(shape, (8, 8, 8), (24, 32, 16), overlap)
    axes = zip(plan.starts_zyx, plan.weights_zyx, plan.window_zyx, shape, strict=True)
    for starts, weights, window, size in axes:
        total = np.zeros(max(size, window))
        for start, weight in zip(starts, weights, strict=True):
            total[start : start + window] += weight
        np.testing.assert_allclose(total[:size], 1, atol=1e-6)
        assert (weights > 0).all()


@given(shape=SIDES)
def test_windows_fit_the_network_and_stay_inside_larger_stacks(
    shape: tuple[int, int, int],
) -> None:
    plan = plan_windows(shape, (8, 16, 8), (24, 32, 16))
    for starts, window, size, multiple in zip(
        plan.starts_zyx, plan.window_zyx, shape, (8, 16, 8), strict=True
    ):
        assert window % multiple == 0
        assert starts[0] == 0
        assert starts[-1] + window == max(size, window)


def test_a_stack_a_little_deeper_than_a_window_takes_one_window() -> None:
    plan = plan_windows((66, 64, 64), (8, 8, 8))
    assert (plan.window_zyx, plan.window_count) == ((72, 64, 64), 1)


@pytest.mark.parametrize("overlap", [-0.1, 0.95, math.nan])
def test_an_overlap_out_of_range_is_refused(overlap: float) -> None:
    with pytest.raises(InputError, match=r"0 to 0\.9"):
        plan_windows((9, 9, 9), (8, 8, 8), overlap=overlap)


def test_probabilities_become_bytes_and_every_voxel_is_reported() -> None:
    array = np.array([0.0, 0.2, 0.5, 1.0], np.float32).repeat(100).reshape(4, 10, 10)
    done: list[int] = []
    plan = plan_windows(array.shape, (8, 8, 8))
    result = segment_array(array, IntensityScale(0, 1), plan, _identity, 2, done.append)
    assert result[:, 0, 0].tolist() == [0, 51, 128, 255]
    assert sum(done) == array.size


class _Fragile(torch.nn.Module):
    """Runs out of memory above two windows."""

    def __init__(self, error: type[Exception]) -> None:
        super().__init__()
        self.error = error
        self.sizes: list[int] = []

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        self.sizes.append(len(windows))
        if len(windows) > 2:
            raise self.error("too much")
        return windows


def test_a_batch_that_does_not_fit_is_halved_for_good() -> None:
    network = _Fragile(torch.OutOfMemoryError)
    predict = Predictor(network, CPU, torch.float32)
    windows = np.random.default_rng(0).random((8, 2, 3, 4), np.float32)
    for _ in range(2):
        np.testing.assert_allclose(predict(windows), 1 / (1 + np.exp(-windows)), rtol=1e-5)
    assert network.sizes == [8, 4, *[2] * 8]


def test_another_error_is_not_taken_for_lack_of_memory() -> None:
    network = _Fragile(RuntimeError)
    with pytest.raises(RuntimeError, match="too much"):
        Predictor(network, CPU, torch.float32)(np.zeros((4, 2, 2, 2), np.float32))
    assert network.sizes == [4]


def test_a_single_window_gives_what_it_gives_in_a_batch() -> None:
    torch.manual_seed(0)
    predict = Predictor(torch.nn.Conv3d(1, 1, 3, padding=1), CPU, torch.float32)
    windows = np.random.default_rng(0).random((3, 8, 8, 8), np.float32)
    np.testing.assert_allclose(predict(windows[:1]), predict(windows)[:1], atol=1e-6)


def test_memory_does_not_grow_with_the_depth_of_the_stack() -> None:
    def peak_bytes(depth: int) -> int:
        plan = plan_windows((depth, 48, 56), (8, 8, 8), (16, 16, 16))
        tracemalloc.start()
        for _ in blend_windows(
            plan, lambda box: np.zeros([s.stop - s.start for s in box], np.float32), _identity, 4
        ):
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert peak_bytes(640) < 1.2 * peak_bytes(64)
