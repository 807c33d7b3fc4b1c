"""`neurorecon.trace`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from neurorecon.api.neuron import Neuron
from neurorecon.api.stacks import (
    Log,
    Triple,
    array_folder,
    check_choice,
    check_number,
    grid_of,
    warn_of,
    write_array,
)
from neurorecon.commands.trace import TraceRequest
from neurorecon.commands.trace import trace as run
from neurorecon.errors import InputError
from neurorecon.segmentation.reading import Reading
from neurorecon.tracing import TraceConfig
from neurorecon.volume import Grid

Values = Literal["auto", "probability", "mask", "raw"]


def trace(
    segmentation: ArrayLike,
    *,
    voxel_size_um: Triple | None = None,
    origin_um: Triple | None = None,
    image: ArrayLike | None = None,
    values: Values = "auto",
    invert: bool | None = None,
    roots: Sequence[tuple[float, float, float]] = (),
    threshold: float = 0.5,
    somas: Literal["auto"] | int = "auto",
    max_gap: float | None = None,
    min_length: float | None = None,
    min_branch: float | None = None,
    keep_fragments: bool = False,
) -> list[Neuron]:
    """Trace the neurons of a segmentation, as `neurorecon trace` does; the largest comes first.

    segmentation: (Z, Y, X) probabilities (uint8, uint16, or floats from 0 to 1), a mask, or raw
        intensities, which a classical filter then segments.
    voxel_size_um: along z, y and x, or one number for all. Where it is given, neurons and all
        lengths are in µm, else in voxels.
    origin_um: position (z, y, x) of the first voxel; neurons lie in the same frame.
    image: (Z, Y, X) the raw stack, as evidence in gaps.
    values: what those of `segmentation` mean; auto: told from them (and logged).
    invert: neurites are dark in the raw stack; None: told from its values.
    roots: voxel indices (z, y, x); one neuron for each, rooted there, and no others.
    threshold: probability from which a voxel is neurite.
    somas: cell bodies to look for. max_gap, min_length, min_branch, keep_fragments: as the options
        of these names.

    Raises InputError for what cannot be traced, NeuroreconError where nothing is found.
    """
    _check(values, somas)
    _check_roots(roots, np.shape(segmentation))
    check_number("threshold", threshold, 0.01, 1)
    for name, length in (
        ("max_gap", max_gap),
        ("min_length", min_length),
        ("min_branch", min_branch),
    ):
        check_number(name, length, 0)
    config = TraceConfig(
        threshold=threshold,
        somas=somas,
        max_gap=max_gap,
        min_length=min_length,
        min_branch=min_branch,
        keep_fragments=keep_fragments,
    )
    grid = grid_of(voxel_size_um, origin_um)
    with array_folder() as folder:
        request = TraceRequest(
            source=write_array(folder / "segmentation.tif", segmentation),
            out=folder / "neuron.swc",
            config=config,
            voxel_size_zyx=None if grid is None else grid.voxel_size_zyx,
            reading=None if values == "auto" else Reading(values),
            invert=invert,
            roots_zyx=tuple(roots),
            image=None if image is None else write_array(folder / "image.tif", image),
        )
        paths = run(request, warn_of(folder), Log.info)
        return [_placed(Neuron.read(path), grid) for path in paths]


def _placed(neuron: Neuron, grid: Grid | None) -> Neuron:
    """The neuron in the frame of the array, whose file counts from its first voxel."""
    if grid is None:
        return neuron
    return replace(neuron, point_zyx=neuron.point_zyx + grid.origin_zyx, grid=grid)


def _check_roots(roots: Sequence[tuple[float, float, float]], shape_zyx: tuple[int, ...]) -> None:
    if any(np.shape(root) != (3,) for root in roots):
        raise InputError(f"roots is {roots!r}; give voxel indices (z, y, x), three for each")
    for root in roots if len(shape_zyx) == 3 else ():
        inside = [-0.5 <= at <= size - 0.5 for at, size in zip(root, shape_zyx, strict=True)]
        if not all(inside):
            raise InputError(
                f"the root {root!r} lies outside the stack, whose shape is {shape_zyx}; give voxel "
                "indices (z, y, x)"
            )


def _check(values: str, somas: str | int) -> None:
    check_choice("values", values, get_args(Values))
    if isinstance(somas, str) and somas != "auto":
        raise InputError(f"somas is {somas!r}; give 'auto' or a whole number from 1")
    check_number("somas", None if isinstance(somas, str) else somas, 1, whole=True)
