"""The pass over a stack on a cluster: workers look for neurite in blocks, and send what they find.

They read the stack themselves, so that it has to be where they can reach it under the same name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from neurorecon.commands.trace.evidence import Evidence, probability_in
from neurorecon.commands.trace.request import TraceRequest
from neurorecon.distributed import Cluster
from neurorecon.errors import InputError
from neurorecon.io.address import exists, is_pattern
from neurorecon.io.stack import open_stack
from neurorecon.segmentation.reading import Reading
from neurorecon.tracing import TraceConfig
from neurorecon.tracing.pieces import Joined, Piece, joined_pieces, piece_of
from neurorecon.volume import blocks_of

Box = tuple[slice, slice, slice]
# (total voxels) -> a context whose value is told how many more voxels are done.
Progress = Callable[[int], AbstractContextManager[Callable[[int], None]]]

# Blocks are read one after the other; several make up for the time that it takes to hand them out.
_BLOCKS_AT_ONCE = 8


@dataclass(frozen=True)
class _Find:
    """What a worker does; fields as in `TraceRequest` and `Evidence`."""

    source: Path
    channel: int | None
    reading: Reading
    single: float | None
    threshold: float

    def __call__(self, boxes: tuple[Box, ...]) -> list[Piece]:
        if not exists(self.source) and not is_pattern(self.source):
            raise InputError(
                f"a worker does not find {self.source}; workers must see the stack under the same "
                "name as this machine (a shared file system)"
            )
        with open_stack(self.source, channel=self.channel) as stack:
            probability = probability_in(stack, self.reading, self.single)
            return [piece_of(probability, box, self.threshold) for box in boxes]


def no_progress(_: int) -> AbstractContextManager[Callable[[int], None]]:
    """Tells nobody."""
    return nullcontext(lambda voxels: None)


def find_on(
    cluster: Cluster,
    request: TraceRequest,
    evidence: Evidence,
    config: TraceConfig,
    progress: Progress,
) -> Joined:
    """The foreground of a segmentation, found by the workers of a cluster.

    Raises InputError for raw stacks, which are brightened as a whole, and for streams.
    """
    if not isinstance(request.source, Path):
        raise InputError("workers cannot read standard input; give the segmentation as a file")
    if evidence.reading == Reading.raw:
        raise InputError(
            f"{request.source} is read as a raw stack, which is traced in one process; add "
            "--segment, leave --workers and --dask out, or say --input probability"
        )
    find = _Find(
        request.source.resolve(),
        request.channel if request.image is None else None,
        evidence.reading,
        evidence.single,
        config.threshold,
    )
    boxes = blocks_of(evidence.probability)
    batches = iter(lambda: tuple(islice(boxes, _BLOCKS_AT_ONCE)), ())
    with progress(math.prod(evidence.probability.shape)) as on_voxels:

        def pieces() -> Iterator[Piece]:
            for done, found in cluster.each(find, batches):
                yield from found
                on_voxels(sum(_size(box) for box in done))

        return joined_pieces(
            pieces(), evidence.probability, config.threshold, config.max_foreground
        )


def _size(box: Box) -> int:
    return math.prod(side.stop - side.start for side in box)
