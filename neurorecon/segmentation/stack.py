"""A stack in memory to its segmentation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurorecon.model.intensity import IntensityScale
from neurorecon.segmentation.plan import Box, WindowPlan
from neurorecon.segmentation.sliding import Predict, blend_windows
from neurorecon.volume import LazyVoxels

CERTAIN = 255


def segment_array(
    array: NDArray[Any] | LazyVoxels,
    scale: IntensityScale,
    plan: WindowPlan,
    predict: Predict,
    batch_size: int,
    on_voxels: Callable[[int], None],
) -> NDArray[np.uint8]:
    """Probability of neurite for each voxel of a (Z, Y, X) stack, 255 = certain.

    on_voxels: told the number of voxels of the stack that were finished since the last call.
    """
    result = np.empty(array.shape, np.uint8)

    def read(box: Box) -> NDArray[np.float32]:
        return scale(array[box])

    for box, probability in blend_windows(plan, read, predict, batch_size):
        result[box] = np.rint(np.clip(probability, 0.0, 1.0) * CERTAIN).astype(np.uint8)
        on_voxels(probability.size)
    return result
