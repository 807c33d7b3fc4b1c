"""From a request to the probability stack."""

from __future__ import annotations

import hashlib
import math
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from neurorecon import __version__
from neurorecon.commands.segment.memory import Fit, fit_memory
from neurorecon.commands.segment.output import Output, open_output
from neurorecon.commands.segment.parts import lane_of, network_of, reader_of
from neurorecon.commands.segment.request import Progress, SegmentRequest, refuse_target
from neurorecon.commands.segment.source import (
    SCRATCH,
    Source,
    keeps_in_memory,
    open_source,
)
from neurorecon.commands.segment.workers import Job, devices_of_workers, on_workers, run_on
from neurorecon.distributed import Cluster
from neurorecon.errors import InputError, NeuroreconError
from neurorecon.io.lock import locked
from neurorecon.io.models import find_model
from neurorecon.io.roi import Box, parse_roi
from neurorecon.io.stack import OpenStack, open_stack, stack_warnings
from neurorecon.io.unfinished import Unfinished, fresh_folder, unfinished_folder
from neurorecon.model.runtime import choose_precision, keep_freed_blocks, resident_bytes
from neurorecon.model.segmenter import Segmenter, size_multiple_zyx
from neurorecon.segmentation.blocks import Block, BlockGrid, plan_blocks
from neurorecon.segmentation.crops import Crops
from neurorecon.segmentation.devices import BatchSize, choose_devices, fitting_batch
from neurorecon.segmentation.empty import crops_to_run
from neurorecon.segmentation.forecast import MOST_IN_MEMORY
from neurorecon.segmentation.plan import WindowPlan, plan_windows
from neurorecon.segmentation.run import Lane, Work, run_blocks, tidy

Say = Callable[[str], None]


class InterruptedRunError(NeuroreconError):
    """Ctrl-C; what is finished is kept."""

    exit_code = 130


@dataclass(frozen=True)
class _Setting:
    """What stays the same from the first block to the last."""

    request: SegmentRequest
    network: Segmenter
    model_file: Path
    devices: list[torch.device]
    dtype: torch.dtype
    plan: WindowPlan
    box: Box

    @property
    def start_zyx(self) -> tuple[int, int, int]:
        """The first voxel of the part of the stack that is segmented."""
        z, y, x = (side.start for side in self.box)
        return z, y, x


def segment(
    request: SegmentRequest, warn: Say, progress: Progress, cluster: Cluster | None = None
) -> None:
    """Segment one stack and write the result; errors as the parts raise them.

    cluster: whose workers do it, instead of this process.
    """
    keep_freed_blocks()  # before there are threads
    refuse_target(request)
    if cluster is None:
        devices = choose_devices(request.device)
        dtype = choose_precision(request.precision, devices[0])
    else:
        devices, dtype = devices_of_workers(cluster, request)
    model_file = find_model(request.model)
    network = network_of(model_file)
    size, channel = request.voxel_size_zyx_um, request.channel
    with open_stack(request.stack, voxel_size_zyx=size, channel=channel) as stack:
        for warning in stack_warnings(stack, request.invert):
            warn(warning)
        box = _box(request.roi, stack.shape_zyx)
        z, y, x = (side.stop - side.start for side in box)
        plan = plan_windows((z, y, x), size_multiple_zyx(network.config), overlap=request.overlap)
        setting = _Setting(request, network, model_file, devices, dtype, plan, box)
        with _working_folder(request, shared=cluster is not None) as folder:
            _segment_in(folder, setting, stack, warn, progress, cluster)


def _segment_in(
    folder: Path,
    setting: _Setting,
    stack: OpenStack,
    warn: Say,
    progress: Progress,
    cluster: Cluster | None,
) -> None:
    request, plan, start = setting.request, setting.plan, setting.start_zyx
    most = min(MOST_IN_MEMORY, (request.max_memory or 4 * MOST_IN_MEMORY) // 4)
    fit = _fit(setting, stack, most, cluster)
    source = open_source(stack, request.invert, most, fit.core_edge, folder / SCRATCH)
    if source.looks_dark and not request.invert:
        warn(f"{stack.name}: neurites look dark on a bright background; if so, give --invert")
    state = _state(folder, setting, _identity(setting, stack, source), fit, cluster)
    torch.set_num_threads(state.settings["threads"])
    grid = plan_blocks(plan, state.settings["core edge"])
    place = stack.grid.shifted(start)
    output = open_output(request, folder, grid, place)
    if not request.resume:
        output.create()
    crops = crops_to_run(plan, source.signal, start) if request.skip else Crops.whole(plan)
    crops, size = crops.grouped(grid), state.settings["batch size"]
    with _counted(grid, state, progress) as on_voxels:
        if cluster is None:
            batch = BatchSize(size, lambda size: state.change({"batch size": size}))
            work = Work(grid, reader_of(source.voxels, start), source.scale, crops, batch)
            lanes = [lane_of(request, setting.network, device) for device in setting.devices]
            _run(state, work, lanes, output, on_voxels)
        else:
            threads, shared = state.settings["threads"], folder.resolve()
            worker = on_workers(request)
            job = Job(worker, shared, grid, place, start, source.scale, most, size, threads)
            run_on(cluster, job, crops, state, on_voxels)
    output.finish()


def _fit(setting: _Setting, stack: OpenStack, most_in_memory: int, cluster: Cluster | None) -> Fit:
    """Blocks and batches for this machine, or for the workers of a cluster."""
    request = setting.request
    held = resident_bytes()
    if keeps_in_memory(stack, most_in_memory):
        held += math.prod(stack.shape_zyx) * stack.dtype.itemsize
    return fit_memory(
        setting.plan,
        stack.dtype,
        len(setting.devices),
        setting.network.config.channels[0],
        request.batch_size or _fitting_batch(setting, cluster),
        request.batch_size is not None,
        held,
        setting.devices[0].type == "cpu",
        request.max_memory,
    )


def _state(
    folder: Path,
    setting: _Setting,
    identity: dict[str, Any],
    fit: Fit,
    cluster: Cluster | None,
) -> Unfinished:
    """A new run, or the one that goes on."""
    if setting.request.resume:
        return Unfinished.go_on(folder, identity)
    settings = {
        "batch size": fit.batch_size,
        "core edge": fit.core_edge,
        "threads": cluster.threads() if cluster else torch.get_num_threads(),
    }
    return Unfinished.begin(folder, identity, settings)


def _fitting_batch(setting: _Setting, cluster: Cluster | None) -> int:
    fit = partial(fitting_batch, setting.devices[0], setting.plan, setting.network.config)
    return fit() if cluster is None else cluster.ask(fit)


@contextmanager
def _counted(
    grid: BlockGrid, state: Unfinished, progress: Progress
) -> Iterator[Callable[[int], None]]:
    """Progress over all voxels; Ctrl-C is answered with how to go on."""
    with progress(int(np.prod(grid.plan.shape_zyx, dtype=np.int64))) as on_voxels:
        for number in state.finished:
            on_voxels(int(np.prod(grid[number].core_shape)))
        try:
            yield on_voxels
        except KeyboardInterrupt as error:
            if not state.finished:
                raise
            raise InterruptedRunError(
                f"interrupted with {len(state.finished)} of {len(grid)} blocks finished; the same "
                "command with --resume goes on from there"
            ) from error


def _run(
    state: Unfinished,
    work: Work,
    lanes: list[Lane],
    output: Output,
    on_voxels: Callable[[int], None],
) -> None:
    grid = work.grid
    left = [number for number in range(len(grid)) if number not in state.finished]

    def on_block(block: Block, core: NDArray[np.uint8]) -> None:
        output.write(block.core, core)
        state.finish(block.number)
        tidy(grid, block, state.finished, state.shelf)
        on_voxels(core.size)

    run_blocks(work, left, lanes, state.shelf, on_block)


@contextmanager
def _working_folder(request: SegmentRequest, shared: bool) -> Iterator[Path]:
    """Where the run keeps what it has; it stays if the run ends early and can go on.

    shared: beside the target, which other machines see.
    """
    target = request.target
    if not (isinstance(target, Path) and request.resumable):
        place = target.resolve().parent if isinstance(target, Path) and shared else None
        with tempfile.TemporaryDirectory(prefix=".neurorecon-", dir=place) as name:
            yield Path(name)
        return
    folder = unfinished_folder(target)
    with locked(folder.with_suffix(".lock")) as free:
        if not free:
            raise InputError(
                f"another process is writing {target}; wait for it, or choose another name"
            )
        refuse_target(request)  # another run may have finished since it was first asked
        if not request.resume:
            fresh_folder(folder)
        try:
            yield folder
        except BaseException:
            if not Unfinished.has_begun(folder):
                fresh_folder(folder).rmdir()
            raise
        fresh_folder(folder).rmdir()


def _box(roi: str | None, shape_zyx: tuple[int, int, int]) -> Box:
    box = parse_roi(roi or ":,:,:", shape_zyx)
    if roi is not None and min(side.stop - side.start for side in box) < 2:
        raise InputError(f"--roi {roi} is flat; give at least 2 voxels along each axis")
    return box


def _identity(setting: _Setting, stack: OpenStack, source: Source) -> dict[str, Any]:
    """What a resumed run must have in common with the one that it continues."""
    request = setting.request
    return {
        "the input": f"{stack.shape_zyx} {stack.dtype} {source.checksum:08x}",
        "its grid": f"{stack.grid.voxel_size_zyx} {stack.grid.origin_zyx} {stack.grid.unit}",
        "the model": hashlib.sha256(setting.model_file.read_bytes()).hexdigest()[:16],
        "--invert": request.invert,
        "--roi": request.roi,
        "--channel": request.channel,
        "--overlap": request.overlap,
        "--tta": request.tta,
        "--skip": request.skip,
        "--batch-size": request.batch_size or "auto",
        "--max-memory": request.max_memory,
        "--device": setting.devices[0].type,
        "--precision": str(setting.dtype),
        "--ome-version": request.ome_version if request.writes_zarr else None,
        "the version of neurorecon": __version__,
        "the version of torch": torch.__version__,
    }
