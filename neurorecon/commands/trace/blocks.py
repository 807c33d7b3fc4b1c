"""Tracing on a cluster: workers look for neurite in blocks, and trace what is too much for one.

They read the stack themselves, so that it has to be where they can reach it under the same name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurorecon.commands.trace.evidence import Evidence, probability_in
from neurorecon.commands.trace.request import TraceRequest
from neurorecon.distributed import Cluster
from neurorecon.errors import InputError
from neurorecon.io.address import exists, is_pattern
from neurorecon.io.stack import open_stack
from neurorecon.segmentation.reading import Reading
from neurorecon.tracing import TraceConfig
from neurorecon.tracing.blockwise import BlockGrid, Number, Part, grid_for, joined_parts, part_in
from neurorecon.tracing.foreground import Box, Probability, TooMuchForegroundError
from neurorecon.tracing.pieces import Joined, Piece, joined_pieces, piece_of
from neurorecon.tracing.skeleton import Skeleton
from neurorecon.volume import blocks_of

# (total voxels) -> a context whose value is told how many more voxels are done.
Progress = Callable[[int], AbstractContextManager[Callable[[int], None]]]

# Blocks are read one after the other; several make up for the time that it takes to hand them out.
_BLOCKS_AT_ONCE = 8


@dataclass(frozen=True)
class _Source:
    """What a worker reads; fields as in `TraceRequest` and `Evidence`."""

    path: Path
    channel: int | None
    reading: Reading
    single: float | None

    @contextmanager
    def opened(self) -> Iterator[Probability]:
        """The segmentation; InputError where it is not seen from here."""
        if not exists(self.path) and not is_pattern(self.path):
            raise InputError(
                f"a worker does not find {self.path}; workers must see the stack under the same "
                "name as this machine (a shared file system)"
            )
        with open_stack(self.path, channel=self.channel) as stack:
            yield probability_in(stack, self.reading, self.single)


def _find(source: _Source, threshold: float, boxes: tuple[Box, ...]) -> list[Piece]:
    with source.opened() as probability:
        return [piece_of(probability, box, threshold) for box in boxes]


def _trace(
    source: _Source,
    grid: BlockGrid,
    voxel_size: NDArray[np.float64],
    config: TraceConfig,
    number: Number,
) -> Part | None:
    with source.opened() as probability:
        return part_in(probability, grid, number, voxel_size, config)


def no_progress(_: int) -> AbstractContextManager[Callable[[int], None]]:
    """Tells nobody."""
    return nullcontext(lambda voxels: None)


def skeleton_on(
    cluster: Cluster,
    request: TraceRequest,
    evidence: Evidence,
    config: TraceConfig,
    progress: Progress,
) -> tuple[Skeleton, Probability]:
    """The centrelines of a segmentation that the workers of a cluster read, and how to read it on.

    Raises InputError for raw stacks, which are brightened as a whole, and for streams.
    """
    if not isinstance(request.source, Path):
        raise InputError("workers cannot read standard input; give the segmentation as a file")
    if evidence.reading == Reading.raw:
        raise InputError(
            f"{request.source} is read as a raw stack, which is traced in one process; add "
            "--segment, leave --workers and --dask out, or say --input probability"
        )
    channel = request.channel if request.image is None else None
    source = _Source(request.source.resolve(), channel, evidence.reading, evidence.single)
    voxel_size = np.asarray(evidence.grid.voxel_size_zyx)
    try:
        joined = _foreground(cluster, source, evidence.probability, config, progress)
    except TooMuchForegroundError as error:
        grid = grid_for(error, evidence.probability, config)
        trace = partial(_trace, source, grid, voxel_size, config)
        with progress(math.prod(grid.shape_zyx)) as on_voxels:
            parts = []
            for number, part in cluster.each(trace, grid.numbers()):
                parts.append(part)
                on_voxels(_size(grid.box(number)))
        return joined_parts(parts, voxel_size), evidence.probability
    skeleton = Skeleton.of(joined.foreground, joined.probability, voxel_size, config)
    return skeleton, joined.probability


def _foreground(
    cluster: Cluster,
    source: _Source,
    probability: Probability,
    config: TraceConfig,
    progress: Progress,
) -> Joined:
    """The foreground, found by the workers; errors as `find_foreground`."""
    boxes = blocks_of(probability)
    batches = iter(lambda: tuple(islice(boxes, _BLOCKS_AT_ONCE)), ())
    find = partial(_find, source, config.threshold)
    with progress(math.prod(probability.shape)) as on_voxels:

        def pieces() -> Iterator[Piece]:
            for done, found in cluster.each(find, batches):
                yield from found
                on_voxels(sum(_size(box) for box in done))

        return joined_pieces(pieces(), probability, config.threshold, config.max_foreground)


def _size(box: Box) -> int:
    return math.prod(side.stop - side.start for side in box)
