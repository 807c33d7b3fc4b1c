"""The way round in which a neuron is traced: its own, so that the stack's does not matter.

In a mask thousands of voxels are equally deep and thousands of paths equally long, and the first in
memory is taken. So memory is laid out in a way that the foreground itself tells: the axis along
which it spreads farthest first, and each from where it is densest. A flipped or axis-swapped stack
is then the same to tracing, ties included.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurorecon.tracing.foreground import Foreground, in_memory_order


@dataclass(frozen=True)
class Pose:
    """Axes of a neuron and their directions, against those of the stack (z, y, x).

    axes: (3,) the stack's axis that each of them is. mirrored: (3,) which run against the stack's.
    last: (3,) the highest index along each.
    """

    axes: NDArray[np.int64]
    mirrored: NDArray[np.bool_]
    last: NDArray[np.int64]

    @classmethod
    def of(cls, foreground: Foreground, voxel_size_zyx: NDArray[np.float64]) -> Pose:
        """The pose of a neuron; along an axis on which it is symmetric, the stack's."""
        moments = [_moments(index) for index in foreground.index_zyx.T]
        spread = np.array([float(second) for second, _ in moments]) * voxel_size_zyx**2
        axes = np.argsort(-spread, kind="stable")
        mirrored = np.array([third < 0 for _, third in moments])[axes]
        return cls(axes, mirrored, np.asarray(foreground.shape_zyx)[axes] - 1)

    @property
    def axial(self) -> int:
        """Which of its axes is the stack's z."""
        return int(np.flatnonzero(self.axes == 0)[0])

    def posed(self, foreground: Foreground) -> Foreground:
        """The foreground in this pose."""
        index = foreground.index_zyx[:, self.axes]
        index = np.where(self.mirrored, self.last - index, index)
        first, second, third = (self.last + 1).tolist()
        return in_memory_order(index, foreground.probability, (first, second, third))

    def in_stack(
        self, point: NDArray[np.float64], voxel_size: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Points (n, 3) of the pose in the stack. voxel_size: (3,) along the axes of the pose."""
        found = np.empty_like(point)
        found[:, self.axes] = np.where(self.mirrored, self.last * voxel_size - point, point)
        return found

    def index_in_stack(self, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """Voxel indices (n, 3) of the pose in the stack."""
        found = np.empty_like(index)
        found[:, self.axes] = np.where(self.mirrored, self.last - index, index)
        return found


def _moments(index: NDArray[np.int64]) -> tuple[int, int]:
    """Second and third central moment of whole numbers times powers of their count: exact."""
    count = np.bincount(index - index.min()).tolist()
    total, first, second, third = (
        sum(many * value**power for value, many in enumerate(count)) for power in range(4)
    )
    return (
        total * second - first**2,
        total**2 * third - 3 * total * first * second + 2 * first**3,
    )
