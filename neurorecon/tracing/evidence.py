"""What the voxels say about a gap: the best path through it, and how far it stands out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.graph import MCP_Geometric

from neurorecon.tracing.foreground import Probability
from neurorecon.volume import LazyVoxels

_MARGIN = 3  # voxels around the two ends in which the path may run
_DARK_COST = 10.0  # of a step in the dark, against one in the light: detours stay short
_ROUNDS = 4  # of smoothing, which remove the steps between voxels
_SAMPLES = 2  # a voxel, of a straight line
_BOX = 3  # voxels; one bright voxel of noise is no neurite


@dataclass(frozen=True)
class GapPath:
    """The best path through a gap.

    point_zyx: (p, 3) from end to end, both included.
    contrast: mean over what is missing, 0 as dark as what lies around, 1 as bright as neurite;
        None where the voxels cannot tell.
    """

    point_zyx: NDArray[np.float64]
    contrast: float | None


@dataclass(frozen=True)
class GapEvidence:
    """Where to look.

    probability, image: (Z, Y, X); image may be None.
    threshold: probability from which voxels are neurite.
    soft: whether the segmentation is no mask, so that a probability of 0 means something.
    """

    probability: Probability
    image: NDArray[Any] | LazyVoxels | None
    threshold: float
    soft: bool
    voxel_size_zyx: NDArray[np.float64]

    def path(self, start_zyx: NDArray[np.float64], end_zyx: NDArray[np.float64]) -> GapPath:
        """The best path between two points, in units of the voxel size, from voxel (0, 0, 0)."""
        straight = np.stack([start_zyx, 0.5 * (start_zyx + end_zyx), end_zyx])
        index = np.rint(straight[[0, -1]] / self.voxel_size_zyx).astype(np.int64)
        index = np.clip(index, 0, np.asarray(self.probability.shape) - 1)
        low = np.maximum(index.min(axis=0) - _MARGIN, 0)
        high = np.minimum(index.max(axis=0) + _MARGIN + 1, self.probability.shape)
        box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        contrast, dark = self._contrast(box, index - low)
        if contrast is None:
            return GapPath(straight, None)
        search = MCP_Geometric(
            1.0 / (1.0 / _DARK_COST + contrast), sampling=tuple(self.voxel_size_zyx)
        )
        search.find_costs([tuple(index[0] - low)], [tuple(index[1] - low)])
        voxels = np.array(search.traceback(tuple(index[1] - low)))
        missing = contrast[tuple(voxels.T)][dark[tuple(voxels.T)]]
        mean = float(missing.mean()) if len(missing) else 1.0
        inner = (voxels[1:-1] + low) * self.voxel_size_zyx
        return GapPath(_smooth(np.concatenate([straight[:1], inner, straight[2:]])), mean)

    def dark_length(
        self, start_zyx: NDArray[np.float64], end_zyx: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """How much (c,) of straight lines between points (c, 3) is no neurite."""
        line = end_zyx - start_zyx
        steps = np.linalg.norm(line / self.voxel_size_zyx, axis=1).max(initial=0.0) * _SAMPLES
        along = (np.arange(np.ceil(steps) + 1) + 0.5) / (np.ceil(steps) + 1)
        point = start_zyx[:, None] + along[:, None] * line[:, None]
        index = (point / self.voxel_size_zyx).reshape(-1, 3)
        dark = (
            probability_at(self.probability, index).reshape(len(line), len(along)) < self.threshold
        )
        length: NDArray[np.float64] = dark.mean(axis=1) * np.linalg.norm(line, axis=1)
        return length

    def _contrast(
        self, box: tuple[slice, ...], ends: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64] | None, NDArray[np.bool_]]:
        """How far each voxel of a box stands out, 0 to 1, and which voxels are not neurite."""
        probability = np.asarray(self.probability[box], np.float64)
        if self.probability.dtype == np.uint8:
            probability = probability / 255.0
        dark = probability < self.threshold
        if not dark.any():
            return np.ones(probability.shape), dark
        contrast = None
        if self.soft or (probability[dark] > 0).any():
            contrast = _between(probability, float(np.median(probability[dark])), self.threshold)
        if self.image is not None:
            image = ndimage.uniform_filter(np.asarray(self.image[box], np.float64), _BOX)
            bright = float(image[tuple(ends.T)].mean())
            seen = _between(image, float(np.median(image[dark])), bright)
            contrast = seen if contrast is None else np.maximum(contrast, seen)
        if contrast is not None:
            contrast[~dark] = 1.0
        return contrast, dark


def probability_at(
    probability: Probability, index_zyx: NDArray[np.float64] | NDArray[np.int64]
) -> NDArray[np.float64]:
    """Probability (n,), 0 to 1, of the voxels nearest to (n, 3) voxel indices."""
    last = np.asarray(probability.shape) - 1
    index = np.clip(np.rint(index_zyx).astype(np.int64), 0, last)
    found = np.asarray(probability[tuple(index.T)], np.float64)
    return found / 255.0 if probability.dtype == np.uint8 else found


def _between(value: NDArray[np.float64], dark: float, bright: float) -> NDArray[np.float64]:
    """0 at `dark` and 1 at `bright`; 0 throughout where the ends are no brighter."""
    if bright <= dark:
        return np.zeros(value.shape)
    return np.clip((value - dark) / (bright - dark), 0.0, 1.0)


def _smooth(point: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points (p, 3) averaged with their neighbours; both ends stay."""
    point = point.copy()
    for _ in range(_ROUNDS):
        point[1:-1] = 0.5 * point[1:-1] + 0.25 * (point[:-2] + point[2:])
    return point
