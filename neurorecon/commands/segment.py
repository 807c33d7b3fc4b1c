"""A raw stack to a probability stack on disk or on a stream."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from neurorecon.errors import InputError
from neurorecon.io.address import split_address
from neurorecon.io.atomic import refuse_existing
from neurorecon.io.checkpoint import load_checkpoint
from neurorecon.io.models import find_model
from neurorecon.io.roi import parse_roi
from neurorecon.io.stack import default_folder, open_stack, read_volume, stack_stem, stack_warnings
from neurorecon.io.tiff_writer import write_probability
from neurorecon.model.intensity import estimate_scale
from neurorecon.model.runtime import (
    DeviceName,
    Precision,
    choose_device,
    choose_precision,
    prepared_cpu,
)
from neurorecon.model.segmenter import build_segmenter, size_multiple_zyx
from neurorecon.segmentation.augmented import mirrored
from neurorecon.segmentation.plan import plan_windows
from neurorecon.segmentation.predictor import Predictor, default_batch_size
from neurorecon.segmentation.sliding import Predict
from neurorecon.segmentation.stack import segment_array

# (total voxels) -> a context whose value is told how many more voxels are done.
Progress = Callable[[int], AbstractContextManager[Callable[[int], None]]]


@dataclass(frozen=True)
class SegmentRequest:
    """What to segment, with which model, and how.

    stack: as `io.stack.read_volume` takes it.
    target: a path, or a stream for the bytes of the TIFF.
    model: a shipped model's name or a checkpoint's path.
    roi: as `io.roi` reads it; the scale of intensities is always that of the whole stack.
    batch_size: windows at once; None chooses by device. overlap: least share of a window.
    tta: average over the mirror images of each window.
    """

    stack: Path
    target: Path | BinaryIO
    model: str
    voxel_size_zyx_um: tuple[float, float, float] | None
    channel: int | None
    invert: bool
    roi: str | None
    device: DeviceName
    precision: Precision
    batch_size: int | None
    overlap: float
    overwrite: bool
    tta: bool = False


@prepared_cpu()
def segment(request: SegmentRequest, warn: Callable[[str], None], progress: Progress) -> None:
    """Segment one stack and write the result; errors as the parts raise them."""
    if isinstance(request.target, Path):
        _refuse_same_file(request.stack, request.target)
        refuse_existing(request.target, request.overwrite)
    device = choose_device(request.device)
    dtype = choose_precision(request.precision, device)
    model_file = find_model(request.model)
    tensors, metadata = load_checkpoint(model_file)
    if metadata.get("provenance", {}).get("command") == "distill":
        raise InputError(
            f"{model_file} is a student that `distill` wrote: it has not learnt to segment yet; "
            "train it first, `neurorecon train --init`"
        )
    network = build_segmenter(tensors, metadata, source=str(model_file))

    size, channel = request.voxel_size_zyx_um, request.channel
    with open_stack(request.stack, voxel_size_zyx=size, channel=channel) as stack:
        for warning in stack_warnings(stack, request.invert):
            warn(warning)
    volume = read_volume(request.stack, voxel_size_zyx=size, channel=channel)
    array, grid = volume.array, volume.grid
    scale = estimate_scale(array, request.invert)
    if request.roi is not None:
        box = parse_roi(request.roi, array.shape)
        array, grid = array[box], grid.shifted([side.start for side in box])
        if min(array.shape) < 2:
            raise InputError(f"--roi {request.roi} is flat; give at least 2 voxels along each axis")

    z, y, x = array.shape
    plan = plan_windows((z, y, x), size_multiple_zyx(network.config), overlap=request.overlap)
    predict: Predict = Predictor(network, device, dtype)
    if request.tta:
        predict = mirrored(predict)
    batch_size = request.batch_size or default_batch_size(device)
    with progress(array.size) as on_voxels:
        result = segment_array(array, scale, plan, predict, batch_size, on_voxels)
    write_probability(request.target, result, grid, overwrite=request.overwrite)


def default_target(stack: Path) -> Path:
    """`<stack>_seg.tif` beside the stack, or in the current directory if that is read-only."""
    return default_folder(stack) / f"{stack_stem(stack)}_seg.tif"


def _refuse_same_file(stack: Path, target: Path) -> None:
    file = split_address(stack)[0]
    if target.exists() and file.exists() and target.samefile(file):
        raise InputError(f"{target} is the stack itself; choose another name for the output")
