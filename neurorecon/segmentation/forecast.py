"""What a segmentation will take, told before it starts."""

from __future__ import annotations

import math
from dataclasses import dataclass

from neurorecon.model.config import StudentConfig
from neurorecon.segmentation.blocks import plan_blocks
from neurorecon.segmentation.plan import WindowPlan

# Feature maps at full resolution that live at once in a forward pass, those of the lower levels
# counted in; measured as peak memory over batches of 4 and 8 windows of 64^3.
_LIVE_MAPS = 6
# What torch and the scaling of intensities take whatever the stack; measured on whole runs.
_RUNTIME_BYTES = 180 * 2**20
_FLOAT_BYTES = 4


@dataclass(frozen=True)
class Forecast:
    """A run of the network over a stack.

    window_zyx: voxels of a window. windows: how many. batch_size: how many at once.
    host_bytes: peak memory beyond the program itself: stack, result, blending buffer, and on a CPU
        weights and feature maps too. device_bytes: the latter on a GPU, 0 on a CPU.
    """

    window_zyx: tuple[int, int, int]
    windows: int
    batch_size: int
    host_bytes: int
    device_bytes: int


def forecast(
    plan: WindowPlan,
    config: StudentConfig,
    weight_bytes: int,
    stack_itemsize: int,
    batch_size: int,
    on_cpu: bool,
) -> Forecast:
    """Windows and memory of segmenting a stack that is held in memory, within about a quarter.

    weight_bytes: of the network. stack_itemsize: bytes of one stored voxel.
    """
    buffer = plan_blocks(plan).most_voxels * 2 * _FLOAT_BYTES
    batch = min(batch_size, plan.window_count)
    maps = batch * plan.window_voxels * config.channels[0] * _FLOAT_BYTES * _LIVE_MAPS
    network = weight_bytes + maps + _RUNTIME_BYTES
    stack_and_result = math.prod(plan.shape_zyx) * (stack_itemsize + 1)
    return Forecast(
        window_zyx=plan.window_zyx,
        windows=plan.window_count,
        batch_size=batch,
        host_bytes=stack_and_result + buffer + (network if on_cpu else 0),
        device_bytes=0 if on_cpu else network,
    )
