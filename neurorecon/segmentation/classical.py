"""Neurites in a raw stack without a network: what stands out from its surroundings.

A difference of Gaussians takes away the background and the halo of the microscope's blur; where
structures are too thick for it (cell bodies, trunks), what is left of the stack after a
morphological opening stands in. The threshold is Otsu's, on the logarithm of what stands out, as
brightness falls off along a neurite by orders of magnitude. The reach of the filters follows the
voxel size, so that structures are judged by their physical shape.

It finds neurites on a dark background about as well as the tracers of the field that start from a
threshold; on an uneven, crowded background it drowns, as they do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import threshold_otsu

BYTES_PER_VOXEL = 12  # that `brightened` takes at its peak, beyond the stack

# In smallest voxel sizes.
_FINE = 1.0  # blurs noise away, and hardly the thinnest neurites
_WIDE = 5.0  # neurites are thinner
_THICK = 9  # edge of what an opening keeps
_AROUND = 61  # edge of the box that is the surroundings of thick structures
_SIGMAS = 4.0  # of the noise; what lies below is not looked at
_CERTAIN = 255.0
_FAINTEST = 0.005  # part of the brightest response; below it a black background has no noise


def brightened(array: NDArray[Any], voxel_size_zyx: Sequence[float]) -> NDArray[np.uint8]:
    """How likely each voxel of a raw stack is neurite, 0 to 255, half way at the threshold.

    array: (Z, Y, X), neurites bright, any real dtype; of no use if all values are equal.

    Takes `BYTES_PER_VOXEL` of memory.
    """
    response = _stands_out(array.astype(np.float32), voxel_size_zyx)
    threshold = _threshold(response)
    np.maximum(response, 0.0, out=response)
    response /= response + threshold
    response *= _CERTAIN
    return np.rint(response, out=response).astype(np.uint8)


def _stands_out(stack: NDArray[np.float32], voxel_size_zyx: Sequence[float]) -> NDArray[np.float32]:
    """How much brighter each voxel is than its surroundings."""
    reach = min(voxel_size_zyx) / np.asarray(voxel_size_zyx)  # voxels along each axis
    # No more than three arrays at a time: the stack may be large.
    fine = ndimage.gaussian_filter(stack, _FINE * reach, truncate=3.0)
    thin = ndimage.gaussian_filter(stack, _WIDE * reach, truncate=2.0)
    del stack
    np.subtract(fine, thin, out=thin)
    thick = ndimage.uniform_filter(fine, _odd(_AROUND * reach))
    np.subtract(fine, thick, out=thick)
    del fine
    thick = ndimage.grey_erosion(thick, _odd(_THICK * reach))
    thick = ndimage.grey_dilation(thick, _odd(_THICK * reach))
    response: NDArray[np.float32] = np.maximum(thin, thick, out=thin)
    return response


def _odd(size: NDArray[np.float64]) -> tuple[int, ...]:
    """Whole sizes of windows that have a middle."""
    return tuple(int(2 * (edge // 2) + 1) for edge in size)


def _threshold(response: NDArray[np.float32]) -> float:
    """The value that parts faint from bright among what stands out."""
    sample = response.ravel()[:: max(response.size // 4_000_000, 1)]
    noise = 1.4826 * float(np.median(np.abs(sample - np.median(sample))))
    least = max(_SIGMAS * noise, _FAINTEST * float(response.max()))
    above = response[response > least]
    if above.size == 0 or above.min() == above.max():
        return max(least, float(np.finfo(np.float32).tiny))
    return float(np.exp(threshold_otsu(np.log(above))))
