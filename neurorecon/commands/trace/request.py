"""What `trace` is asked for, and what is refused before any work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from neurorecon.errors import InputError
from neurorecon.io.address import exists, is_pattern, split_address
from neurorecon.io.atomic import refuse_existing
from neurorecon.io.stack import stack_stem
from neurorecon.segmentation.reading import Reading
from neurorecon.tracing import TraceConfig

Point = tuple[float, float, float]


@dataclass(frozen=True)
class TraceRequest:
    """What to trace, how, and where to.

    source: a stack as `io.stack.read_volume` takes it.
    out: the SWC file of the largest neuron; further ones are named after it.
    channel: of the image where there is one (segmentations have one channel), else of the source.
    reading: what the values mean; None: told from them.
    invert: whether neurites are dark in raw stacks (`image`, or a raw source); None: told.
    roots_zyx: voxel indices in the source. roots_xyz: points in the frame and unit of the SWC.
    image: the raw stack of a segmentation: evidence in its gaps, and what the preview shows.
    verdicts: a table of doubts with a person's verdicts.
    report, doubts, preview: further files to write (JSON, CSV, PNG).
    stack: name of the stack that `source` was made from, for the report; None: `source` itself.
    made_with: what made `source` of it, for the report (a model's name).
    """

    source: Path | BinaryIO
    out: Path
    config: TraceConfig = field(default_factory=TraceConfig)
    voxel_size_zyx: Point | None = None
    channel: int | None = None
    reading: Reading | None = None
    invert: bool | None = None
    roots_zyx: tuple[Point, ...] = ()
    roots_xyz: tuple[Point, ...] = ()
    image: Path | None = None
    verdicts: Path | None = None
    report: Path | None = None
    doubts: Path | None = None
    preview: Path | None = None
    overwrite: bool = False
    stack: str | None = None
    made_with: str | None = None

    @property
    def inputs(self) -> list[Path]:
        """Files that are read."""
        return [one for one in (self.source, self.image, self.verdicts) if isinstance(one, Path)]

    @property
    def outputs(self) -> list[Path]:
        """Files that are written, but for the SWC files of further neurons."""
        return [one for one in (self.out, self.report, self.doubts, self.preview) if one]


def refuse_outputs(requests: Sequence[TraceRequest]) -> None:
    """Raise InputError where an output cannot be written or two stacks have the same one."""
    seen: set[Path] = set()
    inputs = {split_address(path)[0].resolve() for one in requests for path in one.inputs}
    for request in requests:
        for path in request.inputs:
            if not exists(path) and not is_pattern(path):
                raise InputError(f"{path} does not exist; check the name")
        for path in request.outputs:
            if path.resolve() in inputs:
                raise InputError(f"{path} is an input and would be replaced; choose another name")
            refuse_existing(path, request.overwrite)
            if path.resolve() in seen:
                raise InputError(f"two outputs are called {path}; give each a name of its own")
            seen.add(path.resolve())


def stack_name(stack: Path) -> str:
    """What outputs of a segmentation are called: `a_seg.tif` and `a.ome.tif` give `a`."""
    stem = stack_stem(stack)
    return stem.removesuffix("_seg") or stem
