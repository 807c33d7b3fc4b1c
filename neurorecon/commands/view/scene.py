"""A stack and any number of trees in one frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from neurorecon.errors import InputError
from neurorecon.io.ondisk import VoxelsOnDisk
from neurorecon.io.swc import read_swc, read_swc_header
from neurorecon.io.tiff_grid import Placement, make_grid
from neurorecon.io.voxel_size import open_stack_of_trees
from neurorecon.morphology import Morphology
from neurorecon.volume import Grid, LazyVoxels, Unit

VoxelSize = tuple[float, float, float]


@dataclass(frozen=True)
class SceneRequest:
    """What to show, and how to read it.

    stack: None where trees are shown alone.
    swc_units, swc_origin: of SWC files that do not say it: the unit of their coordinates, and
        whether these count from the whole recording or from the stack's first voxel.
    """

    stack: Path | None
    trees: Sequence[Path] = ()
    voxel_size_zyx: VoxelSize | None = None
    channel: int | None = None
    swc_units: Unit = "voxel"
    swc_origin: Literal["recording", "stack"] = "recording"


@dataclass(frozen=True)
class Scene:
    """neurons: one for each file, in the frame and unit of the grid. voxels: None without stack."""

    voxels: LazyVoxels | None
    grid: Grid
    neurons: list[Morphology]


@contextmanager
def open_scene(request: SceneRequest, warn: Callable[[str], None]) -> Iterator[Scene]:
    """Open the stack, and read the trees into its frame; warnings as `open_stack_of_trees`.

    Raises InputError where a file cannot be read, units do not meet, or no tree is in the stack.
    """
    headers = [read_swc_header(path) for path in request.trees]
    known = (each.voxel_size_zyx for each in headers if each.unit == "um" and each.voxel_size_zyx)
    given, of_trees = request.voxel_size_zyx, next(known, None)
    size = given or of_trees
    with ExitStack() as files:
        if request.stack is None:
            voxels, grid = None, Grid() if size is None else make_grid(Placement(), size)
        else:
            stack = files.enter_context(
                open_stack_of_trees(request.stack, given, of_trees, request.channel, warn)
            )
            voxels, grid = VoxelsOnDisk(stack), stack.grid
        trees = [read_swc(path, request.swc_units) for path in request.trees]
        if request.stack is None and size is None and all(tree.unit == "um" for tree in trees):
            grid = Grid(unit="um")
        neurons = [
            _placed(tree, grid, path, from_stack=_counts_from_stack(request, header.origin_zyx))
            for tree, path, header in zip(trees, request.trees, headers, strict=True)
        ]
        if voxels is not None:
            _refuse_elsewhere(request, neurons, grid, voxels.shape)
        yield Scene(voxels, grid, neurons)


def _counts_from_stack(request: SceneRequest, origin: VoxelSize | None) -> bool:
    return request.swc_origin == "stack" and origin is None


def _placed(tree: Morphology, grid: Grid, path: Path, from_stack: bool) -> Morphology:
    """The tree in the frame and unit of the grid."""
    if tree.unit == "um" and grid.unit != "um":
        raise InputError(
            f"{path} is in µm and the voxel size is unknown; give --voxel-size Z Y X, or "
            "--swc-units voxel if its coordinates are voxels"
        )
    scale = np.ones(3) if tree.unit == grid.unit else np.asarray(grid.voxel_size_zyx)
    start = np.asarray(grid.origin_zyx) if from_stack else np.zeros(3)
    return replace(
        tree,
        point_zyx=tree.point_zyx * scale + start,
        radius=tree.radius * float(np.cbrt(scale.prod())),
        unit=grid.unit,
    )


def _refuse_elsewhere(
    request: SceneRequest,
    neurons: Sequence[Morphology],
    grid: Grid,
    shape_zyx: tuple[int, int, int],
) -> None:
    for path, neuron in zip(request.trees, neurons, strict=True):
        index = grid.to_index(neuron.point_zyx)
        inside = (index > -0.5) & (index < np.asarray(shape_zyx) - 0.5)
        if not inside.all(axis=1).any():
            raise InputError(
                f"{path} lies outside of {request.stack}; check --swc-units, --swc-origin and "
                "--voxel-size, or whether they belong together"
            )
