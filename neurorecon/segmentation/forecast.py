"""What a segmentation will take, told before it starts."""

from __future__ import annotations

import math
from dataclasses import dataclass

from neurorecon.segmentation.plan import WindowPlan

MOST_IN_MEMORY = 512 * 2**20  # bytes; a stack up to this size is read once and kept
# Feature maps at full resolution that live at once in a forward pass, those of the lower levels
# counted in; measured as peak memory over batches of 2 and 4 windows of 64^3.
_LIVE_MAPS = 9
_FLOAT_BYTES = 4
# Times of whole runs against those of their windows, on dense and on sparse stacks.
_BESIDE_NETWORK = 1.08  # scaling, blending, and what of reading and writing does not overlap
_SECONDS_TO_START = 3.0  # the libraries and the network
_SECONDS_A_VOXEL = 6e-9  # looked at once before the first block, and written


@dataclass(frozen=True)
class Forecast:
    """A run of the network over a stack.

    window_zyx: voxels of a window. windows: of the whole stack. runs: how many of them are run, the
        rest being empty. batch_size: how many at once. seconds: of the whole command.
    host_bytes: peak memory of the process. device_bytes: of a GPU, 0 on a CPU.
    """

    window_zyx: tuple[int, int, int]
    windows: int
    runs: int
    batch_size: int
    seconds: float
    host_bytes: int
    device_bytes: int


@dataclass(frozen=True)
class Calibration:
    """What was measured before.

    held_bytes: memory of the process whatever the batch: program, network, blocks, and the stack
        if it is held.
    window_seconds: of the network for one window. share: of the windows that are run.
    voxel_share: of their voxels that are, since of many only a part is.
    """

    held_bytes: int
    window_seconds: float
    share: float
    voxel_share: float


def forecast(
    plan: WindowPlan,
    channels: int,
    weight_bytes: int,
    batch_size: int,
    on_cpu: bool,
    measured: Calibration,
) -> Forecast:
    """Time and memory of segmenting a stack.

    channels: feature maps of the network at full resolution.
    """
    voxels = math.prod(plan.shape_zyx)
    batch = min(batch_size, plan.window_count)
    runs = min(max(round(measured.share * plan.window_count), 1), plan.window_count)
    full_windows = max(measured.voxel_share * plan.window_count, 1.0)
    maps = batch_bytes(plan, channels, batch)
    return Forecast(
        window_zyx=plan.window_zyx,
        windows=plan.window_count,
        runs=runs,
        batch_size=batch,
        seconds=_SECONDS_TO_START
        + _BESIDE_NETWORK * full_windows * measured.window_seconds
        + voxels * _SECONDS_A_VOXEL,
        host_bytes=measured.held_bytes + (maps if on_cpu else 0),
        device_bytes=0 if on_cpu else weight_bytes + maps,
    )


def batch_bytes(plan: WindowPlan, channels: int, batch_size: int) -> int:
    """What the feature maps of a batch take. channels: at full resolution."""
    return batch_size * plan.window_voxels * channels * _FLOAT_BYTES * _LIVE_MAPS
