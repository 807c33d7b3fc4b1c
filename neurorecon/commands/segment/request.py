"""What a segmentation is asked to do, and what is refused before any work."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from neurorecon.errors import InputError
from neurorecon.io.address import split_address
from neurorecon.io.atomic import refuse_existing, refuse_existing_store
from neurorecon.io.omezarr_writer import OmeVersion
from neurorecon.io.stack import default_folder, stack_stem
from neurorecon.io.unfinished import Unfinished, unfinished_folder
from neurorecon.model.runtime import Precision

# (total voxels) -> a context whose value is told how many more voxels are done.
Progress = Callable[[int], AbstractContextManager[Callable[[int], None]]]


@dataclass(frozen=True)
class SegmentRequest:
    """What to segment, with which model, and how.

    stack: as `io.stack.read_volume` takes it.
    target: a path (`.zarr`: an OME-Zarr, else a TIFF), or a stream for the bytes of a TIFF.
    model: a shipped model's name or a checkpoint's path.
    roi: as `io.roi` reads it; the scale of intensities is always that of the whole stack.
    device: auto, cpu, cuda, mps, or GPUs by number (`cuda:0,cuda:1`).
    batch_size: windows at once; None chooses by device. overlap: least share of a window.
    tta: average over the mirror images of each window.
    skip: leave out windows that cannot hold signal.
    max_memory: bytes that the process may take; None for no limit.
    resume: go on with the unfinished run beside the target.
    resumable: whether a run that is stopped should keep what it has.
    """

    stack: Path
    target: Path | BinaryIO
    model: str
    voxel_size_zyx_um: tuple[float, float, float] | None
    channel: int | None
    invert: bool
    roi: str | None
    device: str
    precision: Precision
    batch_size: int | None
    overlap: float
    overwrite: bool
    tta: bool = False
    skip: bool = True
    max_memory: int | None = None
    ome_version: OmeVersion = "0.4"
    resume: bool = False
    resumable: bool = True

    @property
    def writes_zarr(self) -> bool:
        """Whether the output is an OME-Zarr."""
        return isinstance(self.target, Path) and self.target.suffix == ".zarr"


_TIFF = (".tif", ".tiff")


def default_target(stack: Path) -> Path:
    """`<stack>_seg.tif` beside the stack, or in the current directory if that is read-only."""
    return default_folder(stack) / f"{stack_stem(stack)}_seg.tif"


def refuse_target(request: SegmentRequest) -> None:
    """Raise InputError for an output that must not be written, or a run that must not be lost."""
    target = request.target
    if not isinstance(target, Path):
        if request.resume:
            raise InputError("--resume goes on with a file; standard output has to start again")
        return
    file = split_address(request.stack)[0]
    if target.exists() and file.exists() and target.samefile(file):
        raise InputError(f"{target} is the stack itself; choose another name for the output")
    refuse = refuse_existing_store if request.writes_zarr else refuse_existing
    refuse(target, request.overwrite)
    if not request.writes_zarr and target.suffix.lower() not in _TIFF:
        raise InputError(
            f"--out {target}: a segmentation is a TIFF or an OME-Zarr; give a name in .tif or .zarr"
        )
    unfinished = Unfinished.has_begun(unfinished_folder(target))
    if request.resumable and unfinished and not (request.resume or request.overwrite):
        raise InputError(
            f"an unfinished run of {target} is there; add --resume to go on with it, or "
            "--overwrite to start again"
        )
    if request.resume and not unfinished:
        raise InputError(f"no unfinished run of {target} is there; start without --resume")
