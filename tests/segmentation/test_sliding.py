import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neurorecon.errors import InputError, NeuroreconError
from neurorecon.model.intensity import IntensityScale
from neurorecon.segmentation.blocks import plan_blocks
from neurorecon.segmentation.crops import Crops
from neurorecon.segmentation.devices import BatchSize
from neurorecon.segmentation.plan import plan_windows
from neurorecon.segmentation.predictor import Predictor
from neurorecon.segmentation.run import Lane, Work, computed
from neurorecon.segmentation.sliding import OWN, Pieces
from neurorecon.segmentation.stack import segment_array

SIDES = st.tuples(*[st.integers(1, 70)] * 3)
CPU = torch.device("cpu")


def _identity(windows: torch.Tensor) -> torch.Tensor:
    return windows


@settings(max_examples=30)
@given(shape=SIDES, overlap=st.floats(0, 0.9), batch_size=st.integers(1, 5), seed=st.integers(0, 9))
def test_an_identity_network_gives_the_stack_back(
    shape: tuple[int, int, int], overlap: float, batch_size: int, seed: int
) -> None:
    array = np.random.default_rng(seed).random(shape, np.float32)
    plan = plan_windows(shape, (8, 8, 8), (24, 32, 16), overlap)
    done: list[int] = []
    scale = IntensityScale(0, 1)
    result = segment_array(array, scale, plan, _identity, batch_size, done.append)
    np.testing.assert_allclose(result / 255, array, atol=0.51 / 255)
    assert sum(done) == array.size


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


def test_probabilities_become_bytes() -> None:
    array = np.array([0.0, 0.2, 0.5, 1.0], np.float32).repeat(100).reshape(4, 10, 10)
    plan = plan_windows(array.shape, (8, 8, 8))
    result = segment_array(array, IntensityScale(0, 1), plan, _identity, 2, lambda count: None)
    assert result[:, 0, 0].tolist() == [0, 51, 128, 255]


class _Fragile(torch.nn.Module):
    """Runs out of memory above two windows."""

    def __init__(self, error: type[Exception]) -> None:
        super().__init__()
        self.error = error
        self.sizes: list[int] = []
        self.most = 2

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        self.sizes.append(len(windows))
        if len(windows) > self.most:
            raise self.error("too much")
        return windows


def _computed(network: _Fragile, batch: BatchSize) -> Pieces:
    plan = plan_windows((8, 8, 50), (8, 8, 8), (8, 8, 8))
    grid = plan_blocks(plan, 1000)
    array = np.zeros((8, 8, 50), np.uint8)
    work = Work(grid, array.__getitem__, IntensityScale(0, 1), Crops.whole(plan), batch)
    lane = Lane(Predictor(network, CPU, torch.float32), CPU)
    return computed(work, grid[0], lane, work.values(grid[0], CPU))


def test_a_batch_that_does_not_fit_is_halved_for_good_and_its_block_begun_again() -> None:
    network, halved = _Fragile(torch.OutOfMemoryError), list[int]()
    batch = BatchSize(8, halved.append)
    for _ in range(2):
        assert (_computed(network, batch)[OWN] == 32768).all()  # the sigmoid of 0
    # eight windows: all at once, then 4 and 4, then 2, 2, 2 and 2
    assert network.sizes == [8, 4, *[2] * 8]
    assert (batch.size, halved) == (2, [4, 2])


def test_one_window_that_does_not_fit_ends_with_the_cure() -> None:
    network = _Fragile(torch.OutOfMemoryError)
    network.most = 0
    with pytest.raises(NeuroreconError, match="--device cpu"):
        _computed(network, BatchSize(2))


def test_another_error_is_not_taken_for_lack_of_memory() -> None:
    network = _Fragile(RuntimeError)
    with pytest.raises(RuntimeError, match="too much"):
        _computed(network, BatchSize(8))
    assert network.sizes == [8]


def test_a_single_window_gives_what_it_gives_in_a_batch() -> None:
    torch.manual_seed(0)
    predict = Predictor(torch.nn.Conv3d(1, 1, 3, padding=1), CPU, torch.float32)
    windows: Any = torch.rand(3, 8, 8, 8)
    torch.testing.assert_close(predict(windows[:1]), predict(windows)[:1])
