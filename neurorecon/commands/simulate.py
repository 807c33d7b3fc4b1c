"""Trees from files, or grown at random, to labelled stacks on disk."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from neurorecon.errors import InputError
from neurorecon.io.atomic import refuse_existing
from neurorecon.io.swc import read_swc, read_swc_header, write_swc
from neurorecon.io.tiff_writer import write_image
from neurorecon.morphology import Morphology
from neurorecon.simulation import (
    Look,
    SimulationConfig,
    config_for,
    grow_tree,
    growth_for,
    simulate_stack,
    stack_shape,
)
from neurorecon.volume import Unit


@dataclass(frozen=True)
class SimulateRequest:
    """What to simulate and where to put it.

    swc: trees to image; none: `count` random ones are grown.
    folder: made if missing; gets `<name>.tif`, `<name>_label.tif` and `<name>.swc` per tree.
    swc_unit: of files that do not say it themselves.
    max_voxels: of one stack, so that a tree in the wrong unit does not fill the memory.
    """

    swc: tuple[Path, ...]
    folder: Path
    seed: int
    count: int
    look: Look
    voxel_size_zyx_um: tuple[float, float, float]
    swc_unit: Unit
    bit_depth: Literal[8, 16]
    max_voxels: int
    overwrite: bool


@dataclass(frozen=True)
class _Plan:
    """One stack to make; `index` makes its random numbers its own."""

    name: str
    source: Path | None
    index: int


def simulate(request: SimulateRequest) -> Iterator[Path]:
    """Write the stacks, one after the other, and yield the path of each image when it is whole.

    Every refusal comes before the first stack is made. Raises InputError for a voxel size that is
    not positive, two trees of the same name, an output that exists or that would replace its own
    input, an SWC that cannot be read, and a stack of more than `max_voxels`.
    """
    if not all(math.isfinite(size) and size > 0 for size in request.voxel_size_zyx_um):
        raise InputError(
            f"voxel size {_triple(request.voxel_size_zyx_um)}: expected three numbers above zero,"
            " in µm; give --voxel-size Z Y X"
        )
    plans = _plans(request)
    _check_outputs(request, plans)
    for plan in plans:
        if plan.source is not None:
            _make_tree(plan, request)
    _make_folder(request.folder)
    return (_simulate_one(plan, request) for plan in plans)


def unit_is_assumed(path: Path) -> bool:
    """Whether the file does not say what its coordinates mean, so that the option decides."""
    return read_swc_header(path).unit is None


def _plans(request: SimulateRequest) -> list[_Plan]:
    if not request.swc:
        return [_Plan(f"random_{index:04d}", None, index) for index in range(request.count)]
    names: dict[str, Path] = {}
    for path in request.swc:
        if path.stem in names:
            raise InputError(
                f"{names[path.stem]} and {path} would both become {path.stem}.tif;"
                " rename one of them, or simulate them into two folders"
            )
        names[path.stem] = path
    return [_Plan(name, path, index) for index, (name, path) in enumerate(names.items())]


def _outputs(plan: _Plan, folder: Path) -> tuple[Path, Path, Path]:
    return (
        folder / f"{plan.name}.tif",
        folder / f"{plan.name}_label.tif",
        folder / f"{plan.name}.swc",
    )


def _check_outputs(request: SimulateRequest, plans: Sequence[_Plan]) -> None:
    folder = request.folder
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is not a folder; --out takes the folder for all outputs")
    sources = {path.resolve() for path in request.swc}
    written = [path for plan in plans for path in _outputs(plan, folder)]
    if twice := {path.name for path in written if written.count(path) > 1}:
        raise InputError(f"two outputs are called {min(twice)}; rename one of the SWC files")
    for plan in plans:
        for path in _outputs(plan, folder):
            if path.resolve() in sources:
                raise InputError(
                    f"{path} is an input and would be replaced; choose another --out folder"
                )
            if folder.exists():
                refuse_existing(path, request.overwrite)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {folder}: {error.strerror}") from error


def _make_tree(plan: _Plan, request: SimulateRequest) -> tuple[Morphology, SimulationConfig]:
    """The tree of a plan and the settings of its stack, refused where it would be too large."""
    rng = np.random.default_rng([request.seed, plan.index])
    if plan.source is None:
        tree = grow_tree(growth_for(rng), rng)
    else:
        tree = read_swc(plan.source, unit=request.swc_unit)
    config = replace(
        config_for(request.look, rng),
        voxel_size_zyx_um=request.voxel_size_zyx_um,
        bit_depth=request.bit_depth,
    )
    _check_size(plan.source or plan.name, tree, config, request.max_voxels)
    return tree, config


def _check_size(
    name: Path | str, tree: Morphology, config: SimulationConfig, max_voxels: int
) -> None:
    shape = stack_shape(tree, config)
    if math.prod(shape) <= max_voxels:
        return
    cures = ["check --swc-units", "raise --max-voxels"]
    if tree.unit == "um":  # in voxels the size of the stack does not depend on theirs
        coarser = config
        while math.prod(stack_shape(tree, coarser)) > max_voxels:
            z, y, x = (float(f"{1.1 * size:.3g}") for size in coarser.voxel_size_zyx_um)
            coarser = replace(coarser, voxel_size_zyx_um=(z, y, x))
        cures.append(f"take larger voxels (--voxel-size {_triple(coarser.voxel_size_zyx_um)})")
    voxels = math.prod(float(side) for side in shape)
    raise InputError(
        f"{name} would fill a stack of {' x '.join(_plain(side) for side in shape)} voxels"
        f" ({_plain(voxels)}; the limit is {_plain(max_voxels)}); {', or '.join(cures)}"
    )


def _simulate_one(plan: _Plan, request: SimulateRequest) -> Path:
    tree, config = _make_tree(plan, request)
    stack = simulate_stack(tree, config, [request.seed, plan.index])
    image, label, swc = _outputs(plan, request.folder)
    # The image comes last: a folder that was interrupted holds no image without its truth.
    write_swc(swc, stack.morphology, stack.grid, overwrite=request.overwrite)
    write_image(label, stack.label, stack.grid, overwrite=request.overwrite)
    write_image(image, stack.array, stack.grid, overwrite=request.overwrite)
    return image


def _triple(values: Sequence[float]) -> str:
    return " ".join(f"{value:.4g}" for value in values)


def _plain(value: float) -> str:
    """A count with its thousands apart, or its magnitude where it has no end."""
    return f"{value:,.0f}" if value < 1e15 else f"{value:.0e}"
