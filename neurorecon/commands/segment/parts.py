"""What makes the blocks of a run, put together from a request: in this process, or in a worker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from neurorecon.commands.segment.request import SegmentRequest
from neurorecon.commands.segment.source import Voxels
from neurorecon.errors import InputError
from neurorecon.io.checkpoint import load_checkpoint
from neurorecon.io.roi import Box
from neurorecon.model.runtime import choose_precision
from neurorecon.model.segmenter import Segmenter, build_segmenter
from neurorecon.segmentation.augmented import mirrored
from neurorecon.segmentation.predictor import Predictor
from neurorecon.segmentation.run import Lane
from neurorecon.segmentation.sliding import Predict


def network_of(model_file: Path) -> Segmenter:
    """The network of a checkpoint; InputError for one that has not learnt to segment."""
    tensors, metadata = load_checkpoint(model_file)
    if metadata.get("provenance", {}).get("command") == "distill":
        raise InputError(
            f"{model_file} is a student that `distill` wrote: it has not learnt to segment yet; "
            "train it first, `neurorecon train --init`"
        )
    return build_segmenter(tensors, metadata, source=str(model_file))


def lane_of(request: SegmentRequest, network: Segmenter, device: torch.device) -> Lane:
    """The network on one device, as the request wants it to run."""
    dtype = choose_precision(request.precision, device)
    predict: Predict = Predictor(network, device, dtype)
    return Lane(mirrored(predict) if request.tta else predict, device)


def reader_of(voxels: Voxels, start_zyx: Sequence[int]) -> Callable[[Box], NDArray[Any]]:
    """What is stored in a box that counts from `start_zyx` of the stack."""

    def read(part: Box) -> NDArray[Any]:
        z, y, x = (
            slice(side.start + first, side.stop + first)
            for side, first in zip(part, start_zyx, strict=True)
        )
        return voxels[z, y, x]

    return read
