"""What a stack holds, and what `segment` would do with it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurorecon.errors import InputError
from neurorecon.io.checkpoint import load_checkpoint
from neurorecon.io.models import DEFAULT_MODEL, find_model
from neurorecon.io.stack import (
    OpenStack,
    StackDescription,
    check_values,
    describe_stack,
    open_stack,
    unknown_voxel_size,
)
from neurorecon.model.runtime import choose_device, choose_precision, resident_bytes
from neurorecon.model.segmenter import build_segmenter, size_multiple_zyx
from neurorecon.segmentation.blocks import plan_blocks
from neurorecon.segmentation.devices import fitting_batch
from neurorecon.segmentation.empty import CELL, Cells, crops_to_run
from neurorecon.segmentation.forecast import MOST_IN_MEMORY, Calibration, Forecast, forecast
from neurorecon.segmentation.plan import WindowPlan, plan_windows
from neurorecon.segmentation.predictor import Predictor
from neurorecon.segmentation.run import block_bytes
from neurorecon.segmentation.timing import seconds_a_window

PERCENTILES = (1.0, 50.0, 99.0, 99.9)
# Larger stacks are judged by planes spread evenly over z: `info` answers in a second or two.
_MOST_VOXELS = 100_000_000
# Of larger stacks so many boxes tell how much is empty, each of so many windows along an axis.
_BOXES, _BOX_WINDOWS = 8, 3


@dataclass(frozen=True)
class Intensity:
    """Range of the voxels that were looked at.

    percentiles: one for each of PERCENTILES. planes: how many z planes were read, of the stack's.
    """

    minimum: float
    maximum: float
    percentiles: tuple[float, ...]
    planes: int


@dataclass(frozen=True)
class SegmentPlan:
    """What `segment` would do with its defaults, on this machine."""

    model: str
    device: str
    precision: str
    forecast: Forecast


@dataclass(frozen=True)
class StackReport:
    """Everything `info` tells.

    intensity, segment: None where `problem` says why `segment` would stop.
    warnings: what the user should know although the work would go on.
    """

    description: StackDescription
    intensity: Intensity | None
    segment: SegmentPlan | None
    problem: str | None
    warnings: list[str]


def info(
    stack: Path, voxel_size_zyx: tuple[float, float, float] | None, channel: int | None
) -> StackReport:
    """Describe one stack; InputError only where it cannot be opened."""
    description = describe_stack(stack, voxel_size_zyx=voxel_size_zyx, channel=channel)
    if description.shape_zyx is None or description.grid is None:
        return StackReport(description, None, None, description.problem, [])
    unknown = unknown_voxel_size(description.grid)
    warnings = [*description.remarks, *([unknown] if unknown else [])]
    intensity = None
    try:
        sample = _sample(stack, channel)
        intensity = _intensity(sample)
        check_values(str(stack), sample)
        with open_stack(stack, channel=channel) as opened:
            plan = _segment_plan(opened, sample)
    except InputError as error:
        return StackReport(description, intensity, None, str(error), warnings)
    return StackReport(description, intensity, plan, None, warnings)


def _sample(stack: Path, channel: int | None) -> NDArray[Any]:
    """The whole stack, or evenly spread planes of a large one: (planes, Y, X)."""
    with open_stack(stack, channel=channel) as opened:
        step = math.ceil(math.prod(opened.shape_zyx) / _MOST_VOXELS)
        if step == 1:
            return opened.read()
        whole = slice(None)
        planes = range(0, opened.shape_zyx[0], step)
        return np.concatenate([opened.read((slice(z, z + 1), whole, whole)) for z in planes])


def _intensity(sample: NDArray[Any]) -> Intensity | None:
    finite = sample[np.isfinite(sample)] if sample.dtype.kind == "f" else sample
    if not finite.size:
        return None
    return Intensity(
        minimum=float(finite.min()),
        maximum=float(finite.max()),
        percentiles=tuple(float(value) for value in np.percentile(finite, PERCENTILES)),
        planes=len(sample),
    )


def _segment_plan(opened: OpenStack, sample: NDArray[Any]) -> SegmentPlan:
    """What a run would do and take; the network runs on a few windows of noise for that.

    sample: as `_sample` gives it.
    """
    model_file = find_model(DEFAULT_MODEL)
    network = build_segmenter(*load_checkpoint(model_file), source=str(model_file))
    device = choose_device()
    dtype = choose_precision("auto", device)
    plan = plan_windows(opened.shape_zyx, size_multiple_zyx(network.config))
    batch = min(fitting_batch(device, plan, network.config), plan.window_count)
    predict = Predictor(network, device, dtype)
    held = resident_bytes() - sample.nbytes
    held += block_bytes(plan_blocks(plan), 1, opened.dtype)
    size = math.prod(opened.shape_zyx) * opened.dtype.itemsize
    held += size if size <= MOST_IN_MEMORY else 0
    window_seconds = seconds_a_window(predict, plan, batch, device)
    measured = Calibration(held, window_seconds, *_shares_that_run(opened, sample, plan))
    weights = sum(weight.nbytes for weight in network.parameters())
    return SegmentPlan(
        model=DEFAULT_MODEL,
        device=str(device),
        precision=str(dtype).removeprefix("torch."),
        forecast=forecast(
            plan, network.config.channels[0], weights, batch, device.type == "cpu", measured
        ),
    )


def _shares_that_run(
    opened: OpenStack, sample: NDArray[Any], plan: WindowPlan
) -> tuple[float, float]:
    """Part of the windows that may hold signal, and of their voxels, in all or in a few boxes."""
    if sample.shape == opened.shape_zyx:
        return _shares_in([sample], plan)
    side = [
        min(size, max(_BOX_WINDOWS * window // CELL * CELL, CELL))
        for size, window in zip(opened.shape_zyx, plan.window_zyx, strict=True)
    ]
    spots = np.linspace(0.0, 1.0, _BOXES + 2)[1:-1]
    # Spread over each axis in an order of its own, so that they lie all over the stack.
    rng = np.random.default_rng(0)
    orders = [rng.permutation(_BOXES) for _ in range(3)]
    boxes = []
    for number in range(_BOXES):
        starts = [
            int((size - edge) * spots[order[number]])
            for size, edge, order in zip(opened.shape_zyx, side, orders, strict=True)
        ]
        z, y, x = (slice(a, a + edge) for a, edge in zip(starts, side, strict=True))
        boxes.append(opened.read((z, y, x)))
    return _shares_in(boxes, plan)


def _shares_in(boxes: list[NDArray[Any]], whole: WindowPlan) -> tuple[float, float]:
    """Both shares in boxes of one shape, judged against each other. whole: plan of the stack."""
    depth, height, width = boxes[0].shape
    cells = Cells((depth * len(boxes), height, width), boxes[0].dtype, False)
    for number, box in enumerate(boxes):
        planes = slice(number * depth, (number + 1) * depth)
        cells.add((planes, slice(0, height), slice(0, width)), box)
    signal = cells.hold_signal(float(np.median(np.stack(boxes)[..., ::4, ::4])))
    plan = replace(whole, shape_zyx=(depth, height, width))
    starts = [(number * depth, 0, 0) for number in range(len(boxes))]
    crops = [crops_to_run(plan, signal, start).grouped(plan_blocks(plan)) for start in starts]
    count = len(boxes) * plan.window_count
    run = sum(int(one.runs.sum()) for one in crops)
    voxels = sum(one.voxels() for one in crops)
    return run / count, voxels / (count * plan.window_voxels)
