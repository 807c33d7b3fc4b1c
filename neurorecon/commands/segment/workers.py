"""The blocks of a segmentation on a cluster.

Both steps of a block are tasks of its workers, which share the folder of the unfinished run: they
leave there what other blocks need, and write finished cores into the output. The client says which
step can be done next, and notes which blocks are finished. So a lost worker costs the blocks that
it was at, and a run that was stopped goes on with `--resume`, with workers or without.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from neurorecon.commands.segment.output import Output, open_output
from neurorecon.commands.segment.parts import lane_of, network_of, reader_of
from neurorecon.commands.segment.request import SegmentRequest
from neurorecon.commands.segment.source import SCRATCH, voxels_of
from neurorecon.distributed import Cluster, worker_number
from neurorecon.errors import InputError, NeuroreconError
from neurorecon.io.address import exists, is_pattern
from neurorecon.io.models import find_model
from neurorecon.io.stack import open_stack
from neurorecon.io.unfinished import Shelf, Unfinished
from neurorecon.model.intensity import IntensityScale
from neurorecon.model.runtime import Precision, choose_precision
from neurorecon.segmentation.blocks import BlockGrid
from neurorecon.segmentation.crops import Crops
from neurorecon.segmentation.devices import BatchSize, choose_devices
from neurorecon.segmentation.front import Front, Step
from neurorecon.segmentation.run import Lane, Work, completed, computed
from neurorecon.segmentation.sliding import OWN
from neurorecon.volume import Grid

_CROPS = "crops.npy"
_VISIBLE_S = 120.0  # a network file system may hide a new file from other machines for a minute


@dataclass(frozen=True)
class Job:
    """What a worker has to know to make a block.

    folder: of the unfinished run. grid: the blocks. place: of the result's voxels in space.
    start_zyx: where in the stack the blocks begin. scale: of the stack's intensities.
    most_in_memory: bytes up to which a stack is held.
    batch_size, threads: as the run began with them.
    """

    request: SegmentRequest
    folder: Path
    grid: BlockGrid
    place: Grid
    start_zyx: tuple[int, int, int]
    scale: IntensityScale
    most_in_memory: int
    batch_size: int
    threads: int


def on_workers(request: SegmentRequest) -> SegmentRequest:
    """The request in names that mean the same to a worker."""
    model = Path(request.model)
    return replace(
        request,
        stack=request.stack.resolve(),
        model=str(model.resolve()) if model.exists() else request.model,
    )


def devices_of_workers(
    cluster: Cluster, request: SegmentRequest
) -> tuple[list[torch.device], torch.dtype]:
    """Where the network runs on a worker, and its number format there."""
    return cluster.ask(partial(_machine, request.device, request.precision))


def _machine(device: str, precision: Precision) -> tuple[list[torch.device], torch.dtype]:
    devices = choose_devices(device)
    return devices[:1], choose_precision(precision, devices[0])


def _device(request: SegmentRequest) -> torch.device:
    """The device of this worker; workers of one machine share its GPUs evenly."""
    devices = choose_devices(request.device)
    if devices[0].type == "cuda" and devices[0].index is None:
        devices = [torch.device("cuda", number) for number in range(torch.cuda.device_count())]
    return devices[worker_number() % len(devices)]


def run_on(
    cluster: Cluster,
    job: Job,
    crops: Crops,
    state: Unfinished,
    on_voxels: Callable[[int], None],
) -> None:
    """Both steps of all blocks that are not finished yet. crops: as in `segmentation.run.Work`."""
    np.save(job.folder / _CROPS, np.stack([crops.low, crops.high]))
    front = Front(job.grid, state.finished, set(filter(state.shelf.has, state.finished)))

    def then(step: Step, left_pieces: bool) -> list[Step]:
        return [] if step.completes else front.computed(step.number, left_pieces)

    for step, _ in cluster.each(partial(_do, job), front.first(), then):
        if step.completes:
            state.finish(step.number)
            for number in front.finished(step.number):
                state.shelf.drop(number)
            on_voxels(math.prod(job.grid[step.number].core_shape))


def _do(job: Job, step: Step) -> bool:
    """One step of one block, in a worker; done twice, it writes the same twice.

    Returns whether there are pieces of the block on the shelf.
    """
    torch.set_num_threads(job.threads)  # holds for the thread that calls it
    bench = _bench(job)
    block = job.grid[step.number]
    if not step.completes:
        values = bench.work.values(block, bench.lane.device)
        pieces = {} if values is None else computed(bench.work, block, bench.lane, values)
        bench.shelf.put(step.number, pieces)
        return bool(pieces)
    _wait_for(bench.shelf, step.needs)
    own = bench.shelf.get(step.number, OWN) if step.number in step.needs else None
    if own is None:
        own = np.zeros(block.core_shape, np.uint16)
    bench.output.write(block.core, completed(bench.work, block, own, bench.shelf))
    return False


@dataclass(frozen=True)
class _Bench:
    """What a worker keeps from block to block, for as long as the job is the same."""

    job: Job
    work: Work
    lane: Lane
    shelf: Shelf
    output: Output
    opened: ExitStack


_benches: list[_Bench] = []
_one_at_a_time = threading.Lock()  # a worker may have several threads


def _bench(job: Job) -> _Bench:
    with _one_at_a_time:
        if _benches and _benches[0].job == job:
            return _benches[0]
        while _benches:
            _benches.pop().opened.close()
        _benches.append(_new_bench(job))
        return _benches[0]


def _new_bench(job: Job) -> _Bench:
    request = job.request
    for path in (request.stack, job.folder):
        if not exists(path) and not is_pattern(path):
            raise InputError(
                f"a worker does not find {path}; workers must see the stack and the folder of the "
                "output under the same names as this machine (a shared file system)"
            )
    opened = ExitStack()
    stack = opened.enter_context(open_stack(request.stack, channel=request.channel))
    voxels = voxels_of(stack, job.most_in_memory, job.folder / SCRATCH)
    work = Work(
        job.grid,
        reader_of(voxels, job.start_zyx),
        job.scale,
        Crops(*np.load(job.folder / _CROPS)),
        BatchSize(job.batch_size),
    )
    lane = lane_of(request, network_of(find_model(request.model)), _device(request))
    output = open_output(request, job.folder, job.grid, job.place)
    return _Bench(job, work, lane, Shelf(job.folder / "shelf"), output, opened)


def _wait_for(shelf: Shelf, numbers: tuple[int, ...]) -> None:
    """Until the files of blocks that other workers have written are visible here."""
    start = time.monotonic()
    for number in numbers:
        while not shelf.has(number):
            if time.monotonic() - start > _VISIBLE_S:
                raise NeuroreconError(
                    f"block {number} was computed, but a worker does not see it in {shelf.folder}; "
                    "the folder of the output must be on a file system that all workers share"
                )
            time.sleep(0.5)
