"""The voxels that a tracing looks at: probabilities, read from disk or made from a raw stack."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurorecon.commands.trace.request import TraceRequest
from neurorecon.errors import InputError, NeuroreconError
from neurorecon.io.ondisk import VoxelsOnDisk
from neurorecon.io.roi import Box
from neurorecon.io.stack import OpenStack, check_values, open_stack, stack_warnings
from neurorecon.segmentation.classical import BYTES_PER_VOXEL, brightened
from neurorecon.segmentation.reading import Reading, Survey, converter, survey, tell
from neurorecon.tracing.foreground import Probability
from neurorecon.volume import Grid, LazyVoxels

Voxels = NDArray[Any] | LazyVoxels
Say = Callable[[str], None]

_OTHER_WAYS = "if that is wrong, say --input mask, probability or raw"


@dataclass(frozen=True)
class Evidence:
    """What there is to trace.

    reading: how the source was read. single: the value of a mask that holds one besides 0.
    probability: of neurite, in memory or on disk.
    image: the raw stack with bright neurites, where there is one. picture: what a preview shows.
    """

    reading: Reading
    probability: Probability
    grid: Grid
    image: Voxels | None
    picture: Voxels
    single: float | None = None


@contextmanager
def open_evidence(request: TraceRequest, warn: Say, note: Say) -> Iterator[Evidence]:
    """Open what is to be traced, and say on the way how it was understood.

    Errors as `open_stack`, and InputError where values have no meaning or the image does not fit.
    """
    channel = request.channel if request.image is None else None
    with open_stack(
        request.source, voxel_size_zyx=request.voxel_size_zyx, channel=channel
    ) as stack:
        for warning in stack_warnings(stack, request.invert is not None):
            warn(warning)
        voxels = VoxelsOnDisk(stack)
        reading, seen = _reading(request, stack, voxels, warn, note)
        if reading == Reading.raw:
            yield _from_raw(request, stack, seen or survey(voxels), note)
            return
        single = seen.single if seen is not None else None
        probability = probability_in(stack, reading, single)
        if request.image is None:
            yield Evidence(reading, probability, stack.grid, None, probability, single)
            return
        with _open_image(request, request.image, stack, note) as (image, picture):
            yield Evidence(reading, probability, stack.grid, image, picture, single)


def probability_in(stack: OpenStack, reading: Reading, single: float | None) -> VoxelsOnDisk:
    """A segmentation as uint8 0..255 or float32 0..1; arguments as of `converter`."""
    return VoxelsOnDisk(stack).converted(*converter(reading, stack.dtype, single))


def has_dark_neurites(request: TraceRequest, note: Say) -> bool:
    """Whether the neurites of a raw source are dark: as told by the user, or by the values."""
    if request.invert is not None:
        return request.invert
    with open_stack(request.source, channel=request.channel) as stack:
        for remark in stack.remarks:
            note(remark)
        seen = survey(VoxelsOnDisk(stack))
        return _is_dark(None, stack.name, seen, note)


def _reading(
    request: TraceRequest, stack: OpenStack, voxels: VoxelsOnDisk, warn: Say, note: Say
) -> tuple[Reading, Survey | None]:
    """As told by the user, by the file, or by the values; said where it is a guess."""
    if request.reading is not None:
        return request.reading, None
    if stack.is_probability:
        return Reading.probability, None
    seen = survey(voxels)
    reading, reason = tell(seen)
    if reading == Reading.raw:
        warn(
            f"{stack.name} is read as a raw stack ({reason}): traced without a network; "
            f"--segment does better. {_OTHER_WAYS[0].upper()}{_OTHER_WAYS[1:]}"
        )
    elif reading == Reading.probability:
        note(f"{stack.name} is read as a probability ({reason}); {_OTHER_WAYS}")
    return reading, seen


def _from_raw(request: TraceRequest, stack: OpenStack, seen: Survey, note: Say) -> Evidence:
    if request.image is not None:
        raise InputError(
            f"{stack.name} is a raw stack itself: --image goes with a segmentation of it"
        )
    _refuse_too_large(stack)
    array = stack.read()
    check_values(stack.name, array)
    array = _bright(array, _is_dark(request.invert, stack.name, seen, note), seen)
    probability = brightened(array, stack.grid.voxel_size_zyx)
    return Evidence(Reading.raw, probability, stack.grid, array, array)


def _refuse_too_large(stack: OpenStack) -> None:
    """Better said than killed by the system half an hour later."""
    needed = math.prod(stack.shape_zyx) * (BYTES_PER_VOXEL + stack.dtype.itemsize)
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > there:
        raise NeuroreconError(
            f"{stack.name} is a raw stack of {_by(stack.shape_zyx)} voxels: without a network that "
            f"takes {needed / 1e9:.0f} GB of memory, and this machine has {there / 1e9:.0f}; run "
            "`neurorecon segment` first and trace its segmentation, or, if it is one, say --input "
            "probability or mask"
        )


@contextmanager
def _open_image(
    request: TraceRequest, path: Path, segmentation: OpenStack, note: Say
) -> Iterator[tuple[Voxels, Voxels]]:
    """The raw stack of a segmentation, with bright neurites, and as it is."""
    with open_stack(path, channel=request.channel) as stack:
        picture = VoxelsOnDisk(stack, _part(stack, segmentation))
        seen = survey(picture)
        if not _is_dark(request.invert, stack.name, seen, note):
            yield picture, picture
            return
        yield picture.converted(lambda array: _bright(array, True, seen), stack.dtype), picture


def _part(image: OpenStack, segmentation: OpenStack) -> Box | None:
    """The part of a raw stack that was segmented (`segment --roi`), None for all of it."""
    if image.shape_zyx == segmentation.shape_zyx:
        return None
    start = np.zeros(3)
    if image.grid.unit == segmentation.grid.unit:
        start = image.grid.to_index(np.asarray(segmentation.grid.origin_zyx))
    low = np.rint(start).astype(int)
    high = low + segmentation.shape_zyx
    inside = (low >= 0).all() and (high <= image.shape_zyx).all()
    if not low.any() or not inside or np.abs(start - low).max() > 0.01:
        raise InputError(
            f"{image.name} has {_by(image.shape_zyx)} voxels, {segmentation.name} "
            f"{_by(segmentation.shape_zyx)}; give the stack that was segmented as --image"
        )
    z, y, x = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return z, y, x


def _is_dark(invert: bool | None, name: str, seen: Survey, note: Say) -> bool:
    if invert is None and seen.is_dark_on_bright:
        note(f"{name}: neurites look dark on a bright background; if not, give --no-invert")
        return True
    return bool(invert)


def _bright(array: NDArray[Any], dark: bool, seen: Survey) -> NDArray[Any]:
    """The array with bright neurites, in the range that it had."""
    if not dark:
        return array
    low, high = array.dtype.type(seen.low), array.dtype.type(seen.high)
    if array.dtype.kind == "f":
        return np.asarray((high - array) + low)
    # Values beyond those that the survey of a large stack met would wrap around.
    return np.asarray(high - np.clip(array, low, high) + low)


def _by(sizes: tuple[int, ...]) -> str:
    return " x ".join(map(str, sizes))
