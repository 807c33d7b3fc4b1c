"""`neurorecon.segment`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurorecon.api.stacks import (
    Triple,
    array_folder,
    check_choice,
    check_number,
    grid_of,
    warn_of,
    write_array,
)
from neurorecon.commands.segment import Progress, SegmentRequest
from neurorecon.commands.segment import segment as run
from neurorecon.io.stack import read_volume
from neurorecon.volume import Grid

Precision = Literal["auto", "fp32", "bf16", "fp16"]


def segment(
    array: ArrayLike,
    *,
    voxel_size_um: Triple | None = None,
    model: str | Path = "default",
    invert: bool = False,
    device: str = "auto",
    precision: Precision = "auto",
    batch_size: int | None = None,
    overlap: float = 0.25,
    tta: bool = False,
    on_progress: Callable[[float], None] | None = None,
) -> NDArray[np.uint8]:
    """Mark the neurites of a raw stack, as `neurorecon segment` does.

    array: (Z, Y, X) real numbers.
    voxel_size_um: along z, y and x, or one number for all.
    model: a shipped model's name, or a file that `train` wrote.
    invert: neurites are dark on a bright background.
    device: auto, cpu, cuda, mps, or cuda:0,cuda:1 (several GPUs share the work).
    precision: arithmetic; auto is fp32 on a CPU, and what is fastest on a GPU.
    batch_size: windows at once; None: chosen by device. overlap: least share of a window that its
        neighbour covers too.
    tta: average over the mirror images of every window.
    on_progress: told the share that is done, from 0 to 1.

    Returns the probability of neurite (Z, Y, X), 255 = certain.

    Raises InputError for what cannot be segmented, NeuroreconError where the work fails.
    """
    check_choice("precision", precision, get_args(Precision))
    check_number("batch_size", batch_size, 1, whole=True)
    check_number("overlap", overlap, 0, 0.9)
    with array_folder() as folder:
        request = SegmentRequest(
            stack=write_array(folder / "stack.tif", array),
            target=folder / "probability.tif",
            model=str(model),
            voxel_size_zyx_um=(grid_of(voxel_size_um, None) or Grid()).voxel_size_zyx,
            channel=None,
            invert=invert,
            roi=None,
            device=device,
            precision=precision,
            batch_size=None if batch_size is None else int(batch_size),
            overlap=overlap,
            overwrite=False,
            tta=tta,
            resumable=False,
        )
        run(request, warn_of(folder), _told(on_progress))
        return read_volume(folder / "probability.tif", allow_uniform=True).array


def _told(on_progress: Callable[[float], None] | None) -> Progress:
    """Progress in voxels as the commands tell it, told on as a share."""

    @contextmanager
    def progress(total: int) -> Iterator[Callable[[int], None]]:
        done = 0

        def advance(voxels: int) -> None:
            nonlocal done
            done += voxels
            if on_progress is not None:
                on_progress(done / total)

        yield advance

    return progress
