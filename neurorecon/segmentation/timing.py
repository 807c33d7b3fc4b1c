"""How long the windows of a plan take here, from a few of them."""

from __future__ import annotations

import time

import torch

from neurorecon.model.runtime import prepared_cpu
from neurorecon.segmentation.plan import WindowPlan
from neurorecon.segmentation.sliding import Predict

# Timed after one batch that warms up. A machine that does other work at times is seen at its best
# and its worst, so that the mean is taken, and of more than an instant.
_LEAST_BATCHES, _LEAST_SECONDS = 2, 1.5


def seconds_a_window(
    predict: Predict, plan: WindowPlan, batch_size: int, device: torch.device
) -> float:
    """Seconds that the network takes for one window, in batches as a run makes them.

    predict: as in `sliding`; its results are ready on the host when it returns, or on `device`.
    """
    generator = torch.Generator().manual_seed(0)
    windows = torch.rand((batch_size, *plan.window_zyx), generator=generator).to(device)
    with prepared_cpu():
        _wait(predict(windows))
        batches, start = 0, time.perf_counter()
        while batches < _LEAST_BATCHES or time.perf_counter() - start < _LEAST_SECONDS:
            _wait(predict(windows))
            batches += 1
        return (time.perf_counter() - start) / (batches * batch_size)


def _wait(result: torch.Tensor) -> None:
    """Until a result is there: a GPU returns before it has computed it."""
    result.ravel()[-1].item()
