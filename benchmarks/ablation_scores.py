"""Scores of one network on one stack that it did not see."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from neurorecon.errors import NeuroreconError
from neurorecon.io.swc import read_swc
from neurorecon.metrics.surface import hd95
from neurorecon.metrics.tree import compare_trees
from neurorecon.metrics.voxel import cldice, dice
from neurorecon.model.runtime import Compute
from neurorecon.model.segmenter import size_multiple_zyx
from neurorecon.segmentation.empty import Cells, crops_to_run
from neurorecon.segmentation.plan import plan_windows
from neurorecon.segmentation.predictor import Predictor, default_batch_size
from neurorecon.segmentation.stack import segment_array
from neurorecon.tracing import TraceConfig, trace_volume
from neurorecon.training.patches import TrainingStack
from neurorecon.volume import Grid

TOLERANCE_VOXELS = 4.0
MIDDLE_LOGIT, LOGITS_PER_UNIT = 6.0, 3.0


def probability(network: nn.Module, stack: TrainingStack, compute: Compute) -> NDArray[np.uint8]:
    """The whole stack through the network as `segment` does, empty windows left out.

    Networks trained on crops near neurite find it too likely, and too wide, since the shell around
    labels does not count. `train` corrects that at its end. Here the logits are moved and squeezed,
    so that the 255 levels lie where the best threshold of any row may be.
    """
    plan = plan_windows(stack.array.shape, size_multiple_zyx(network.config))
    cells = Cells(stack.array.shape, stack.array.dtype, invert=False)
    cells.add(tuple(slice(0, size) for size in stack.array.shape), np.asarray(stack.array))
    crops = crops_to_run(plan, cells.hold_signal(stack.scale.low))
    predict = Predictor(_Squeezed(network), compute.device, compute.dtype)
    batch = default_batch_size(compute.device)
    return segment_array(
        stack.array, stack.scale, plan, predict, batch, on_voxels=lambda count: None, crops=crops
    )


class _Squeezed(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, stack: torch.Tensor) -> torch.Tensor:
        return (self.network(stack) - MIDDLE_LOGIT) / LOGITS_PER_UNIT


def best_threshold(
    maps: list[NDArray[np.uint8]], truths: list[NDArray[np.bool_]]
) -> tuple[float, float]:
    """The threshold with the best Dice, mean over stacks, and that Dice."""
    curves = []
    for values, truth in zip(maps, truths, strict=True):
        found = np.bincount(values[truth], minlength=256)[::-1].cumsum()[::-1]
        marked = np.bincount(values.ravel(), minlength=256)[::-1].cumsum()[::-1]
        curves.append(2 * found / (marked + truth.sum()))
    mean = np.mean(curves, axis=0)
    level = 1 + int(mean[1:].argmax())
    return level / 255, float(mean[level])


def score_mask(
    values: NDArray[np.uint8], truth: NDArray[np.bool_], threshold: float
) -> dict[str, float]:
    """Dice, HD95 in voxels and clDice of the whole stack."""
    mask = values >= np.ceil(threshold * 255)
    return {"dice": dice(mask, truth), "hd95": hd95(mask, truth), "cldice": cldice(mask, truth)}


def score_tree(
    values: NDArray[np.uint8], folder: Path, threshold: float, rooted: bool
) -> dict[str, float]:
    """F1 at 4 voxels and ESA after tracing; the diagonal and 0 where nothing can be traced."""
    gold = read_swc(folder / "gold.swc", orphans_are_roots=True)
    root = gold.point_zyx[gold.roots[0]] if rooted else None
    try:
        result = trace_volume(values, Grid(), TraceConfig(threshold=threshold), root)
    except NeuroreconError:
        return {"f1": 0.0, "esa": float(np.linalg.norm(values.shape))}
    scores = compare_trees(result.neurons[0], gold, TOLERANCE_VOXELS)
    return {"f1": scores.f1, "esa": scores.esa.mean}
