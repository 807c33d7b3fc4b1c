"""How a run fits into memory: the size of its blocks and batches, from a formula."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurorecon.errors import InputError
from neurorecon.segmentation.blocks import CORE_EDGE, plan_blocks
from neurorecon.segmentation.forecast import batch_bytes
from neurorecon.segmentation.plan import WindowPlan
from neurorecon.segmentation.run import block_bytes

_SMALLEST_EDGE = 32
_LEAST_BATCH = 2  # on a CPU, where one window alone is several times slower


@dataclass(frozen=True)
class Fit:
    """core_edge: of `plan_blocks`. batch_size: windows at once. peak_bytes: of the process."""

    core_edge: int
    batch_size: int
    peak_bytes: int


def fit_memory(
    plan: WindowPlan,
    dtype: np.dtype[Any],
    lanes: int,
    channels: int,
    batch_size: int,
    fixed_batch: bool,
    held_bytes: int,
    on_cpu: bool,
    limit: int | None,
) -> Fit:
    """The largest blocks and batches with a peak below the limit; blocks give way first.

    dtype: of the stack. channels: feature maps at full resolution.
    fixed_batch: the user chose the batch size. held_bytes: what the process holds whatever is done.

    Raises InputError that names the least that would do.
    """

    def fit_of(edge: int, batch: int) -> Fit:
        blocks = block_bytes(plan_blocks(plan, edge), lanes, dtype)
        network = batch_bytes(plan, channels, batch) if on_cpu else 0
        return Fit(edge, batch, held_bytes + blocks + network)

    tried = []
    for fit in (
        fit_of(edge, batch)
        for batch in _halved(batch_size, batch_size if fixed_batch else _LEAST_BATCH)
        for edge in _halved(CORE_EDGE, _SMALLEST_EDGE)
    ):
        if limit is None or fit.peak_bytes <= limit:
            return fit
        tried.append(fit)
    least = min(tried, key=lambda fit: fit.peak_bytes)
    raise InputError(
        f"--max-memory of {_size(limit or 0)} is too little: this run takes at least "
        f"{_size(least.peak_bytes)}, {_size(held_bytes)} of it for the program and its weights; "
        "give that much, or a smaller model"
    )


def _halved(most: int, least: int) -> Iterator[int]:
    yield most
    while most // 2 >= least:
        most //= 2
        yield most


def _size(count: int) -> str:
    if count < 1e9:
        return f"{math.ceil(count / 1e6)} MB"
    return f"{math.ceil(count / 1e8) / 10:.1f} GB"
