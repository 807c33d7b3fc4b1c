"""Centrelines of a segmentation as one network: all that tracing keeps of the foreground."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurorecon.tracing.centrelines import centrelines
from neurorecon.tracing.config import TraceConfig
from neurorecon.tracing.evidence import probability_at
from neurorecon.tracing.foreground import Foreground, Probability
from neurorecon.tracing.network import Network


@dataclass(frozen=True)
class Skeleton:
    """The centrelines, with their rings.

    margin: how far branches had to stick out of their parents, in the unit of the voxel size.
    soft: whether the segmentation is no mask, so that a probability of 0 means something.
    """

    network: Network
    margin: float
    soft: bool

    @classmethod
    def of(
        cls,
        foreground: Foreground,
        probability: Probability,
        voxel_size: NDArray[np.float64],
        config: TraceConfig,
    ) -> Skeleton:
        """Of all foreground at once; points in the unit of the voxel size, from voxel (0, 0, 0)."""
        found = centrelines(foreground, probability, voxel_size, config)
        strength = probability_at(probability, found.trees.point_zyx / voxel_size)
        network = Network.of(found.trees, found.closures, strength)
        return cls(network, found.margin, bool(np.ptp(foreground.probability) > 0))
