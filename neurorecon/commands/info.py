"""What a stack holds, and what `segment` would do with it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurorecon.errors import InputError
from neurorecon.io.checkpoint import load_checkpoint
from neurorecon.io.models import DEFAULT_MODEL, find_model
from neurorecon.io.stack import (
    StackDescription,
    check_values,
    describe_stack,
    open_stack,
    unknown_voxel_size,
)
from neurorecon.model.runtime import choose_device, choose_precision
from neurorecon.model.segmenter import build_segmenter, size_multiple_zyx
from neurorecon.segmentation.forecast import Forecast, forecast
from neurorecon.segmentation.plan import plan_windows
from neurorecon.segmentation.predictor import default_batch_size

PERCENTILES = (1.0, 50.0, 99.0, 99.9)
# Larger stacks are judged by planes spread evenly over z: `info` answers in a second or two.
_MOST_VOXELS = 100_000_000


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
        plan = _segment_plan(description.shape_zyx, sample.dtype.itemsize)
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


def _segment_plan(shape_zyx: tuple[int, int, int], itemsize: int) -> SegmentPlan:
    model_file = find_model(DEFAULT_MODEL)
    network = build_segmenter(*load_checkpoint(model_file), source=str(model_file))
    device = choose_device()
    return SegmentPlan(
        model=DEFAULT_MODEL,
        device=str(device),
        precision=str(choose_precision("auto", device)).removeprefix("torch."),
        forecast=forecast(
            plan_windows(shape_zyx, size_multiple_zyx(network.config)),
            network.config,
            weight_bytes=sum(weight.nbytes for weight in network.parameters()),
            stack_itemsize=itemsize,
            batch_size=default_batch_size(device),
            on_cpu=device.type == "cpu",
        ),
    )
