"""A probability stack to SWC files, one for each neuron."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from neurorecon.errors import InputError
from neurorecon.io.atomic import atomic_output, refuse_existing
from neurorecon.io.stack import read_volume, stack_stem, unknown_voxel_size
from neurorecon.io.swc import write_swc
from neurorecon.metrics.masks import is_mask
from neurorecon.morphology import Morphology
from neurorecon.tracing import TraceConfig, TraceResult, trace_volume
from neurorecon.volume import Grid, Volume


@dataclass(frozen=True)
class TraceRequest:
    """What to trace, and where to.

    source: a TIFF file, or a stream of its bytes.
    out: the SWC file of the largest neuron; further ones are named after it.
    threshold: probability, 0 to 1.
    root_zyx: voxel index in the segmentation. root_xyz: a point in the frame and unit of the SWC.
        At most one of the two.
    preview: a PNG file to write as well.
    """

    source: Path | BinaryIO
    out: Path
    voxel_size_zyx: tuple[float, float, float] | None
    threshold: float
    root_zyx: tuple[float, float, float] | None
    root_xyz: tuple[float, float, float] | None
    preview: Path | None
    overwrite: bool


def refuse_outputs(requests: Sequence[TraceRequest]) -> None:
    """Raise InputError where an output cannot be written or two stacks have the same one."""
    seen: set[Path] = set()
    sources = {one.source.resolve() for one in requests if isinstance(one.source, Path)}
    for request in requests:
        if isinstance(request.source, Path) and not request.source.exists():
            raise InputError(f"{request.source} does not exist; check the name")
        for path in filter(None, (request.out, request.preview)):
            if path.resolve() in sources:
                raise InputError(f"{path} is an input and would be replaced; choose another --out")
            refuse_existing(path, request.overwrite)
            if path.resolve() in seen:
                raise InputError(f"two outputs are called {path}; rename one of the stacks")
            seen.add(path.resolve())


def trace(
    request: TraceRequest, warn: Callable[[str], None], note: Callable[[str], None]
) -> list[Path]:
    """Trace one stack; returns the SWC files written, the largest neuron first."""
    refuse_outputs([request])
    volume = read_volume(request.source, voxel_size_zyx=request.voxel_size_zyx, allow_uniform=True)
    if warning := unknown_voxel_size(volume.grid):
        warn(warning)
    root = _root_point(request, volume)
    config = TraceConfig(threshold=request.threshold)
    result = trace_volume(_as_probability(volume.array), volume.grid, config, root)
    paths = [_numbered(request.out, number) for number in range(1, len(result.neurons) + 1)]
    for path in paths:
        refuse_existing(path, request.overwrite)
    for path, neuron in zip(paths, result.neurons, strict=True):
        write_swc(path, neuron, volume.grid, overwrite=request.overwrite)
    _warn_of_leftovers(request.out, len(paths), warn)
    if request.preview is not None:
        write_preview(request.preview, volume, result.neurons, request.overwrite)
    note(_summary(result, volume.grid))
    return paths


def write_preview(
    path: Path, volume: Volume, neurons: Sequence[Morphology], overwrite: bool
) -> None:
    """Write a PNG of the stack's projections with the trees over them."""
    from neurorecon.report.preview import draw_preview  # matplotlib takes a second to import

    figure = draw_preview(volume.array, volume.grid, neurons)
    with atomic_output(path, overwrite) as temporary:
        figure.savefig(temporary, format="png")


def stack_name(stack: Path) -> str:
    """What outputs of a segmentation are called: `a_seg.tif` and `a.ome.tif` give `a`."""
    stem = stack_stem(stack)
    return stem.removesuffix("_seg") or stem


def _as_probability(array: NDArray[Any]) -> NDArray[np.float32] | NDArray[np.uint8]:
    """uint8 0..255 or float32 0..1 as they are, masks (one value besides 0) as 0 and 255.

    Raises InputError for anything else: a scale guessed here would be a threshold guessed.
    """
    low, high = float(array.min()), float(array.max())
    if is_mask(array):
        return np.where(array != 0, np.uint8(255), np.uint8(0))
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind == "f" and low >= 0.0 and high <= 1.0:
        return array.astype(np.float32, copy=False)
    raise InputError(
        f"a {array.dtype} stack from {low:g} to {high:g} holds no probabilities: expected uint8 "
        "0..255, floats 0..1, or a mask; run `neurorecon segment` on a raw stack first"
    )


def _root_point(request: TraceRequest, volume: Volume) -> NDArray[np.float64] | None:
    """The root asked for, in the frame and unit of the grid; InputError outside the stack."""
    if request.root_zyx is not None and request.root_xyz is not None:
        raise InputError("--root and --root-swc both say where the root is; give one of them")
    if request.root_zyx is not None:
        point = volume.grid.to_physical(np.asarray(request.root_zyx))
    elif request.root_xyz is not None:
        point = np.asarray(request.root_xyz[::-1], np.float64)
    else:
        return None
    index = volume.grid.to_index(point)
    last = np.asarray(volume.array.shape) - 1
    if ((index < -0.5) | (index > last + 0.5)).any():
        raise InputError(
            f"the root's voxel index (z y x) {_spaced(index)} lies outside the stack, which ends "
            f"at {_spaced(last)}; --root takes voxel indices Z Y X, --root-swc the SWC's X Y Z"
        )
    return point


def _spaced(values: NDArray[Any]) -> str:
    return " ".join(f"{value:g}" for value in np.round(np.asarray(values, np.float64), 2))


def _numbered(out: Path, number: int) -> Path:
    return out if number == 1 else out.with_name(f"{out.stem}_{number}{out.suffix}")


def _warn_of_leftovers(out: Path, count: int, warn: Callable[[str], None]) -> None:
    """A file of an earlier run that had more neurons would be taken for one of this run."""
    stale = _numbered(out, count + 1)
    if stale.exists():
        warn(f"{stale} is from an earlier run: this one found {count} tree{'s'[: count > 1]}")


def _summary(result: TraceResult, grid: Grid) -> str:
    unit = {"um": "µm", "voxel": "voxels"}[grid.unit]
    length = sum(neuron.length for neuron in result.neurons)
    parts = [f"{_counted(len(result.neurons), 'tree')}, {length:.0f} {unit}"]
    if result.bridge_count:
        parts.append(f"{_counted(result.bridge_count, 'gap')} bridged")
    if result.fragment_count:
        left_out = _counted(result.fragment_count, "shorter tree")
        parts.append(f"{left_out} ({result.fragment_length:.0f} {unit}) left out")
    return "; ".join(parts)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
