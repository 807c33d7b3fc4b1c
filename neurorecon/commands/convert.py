"""SWC files repaired, changed as asked, and written in another form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import numpy as np

from neurorecon.editing.branches import resampled, smoothed
from neurorecon.editing.joining import join_pieces
from neurorecon.editing.placing import placed
from neurorecon.editing.repair import with_radii, without_repeats
from neurorecon.errors import InputError
from neurorecon.io.atomic import refuse_existing
from neurorecon.io.edge_table import write_edge_table
from neurorecon.io.precomputed import refuse_existing_skeletons, write_precomputed
from neurorecon.io.swc import read_swc_comments, read_swc_header, write_swc
from neurorecon.io.swc_repair import read_swc_repaired, told
from neurorecon.morphology import SOMA, Morphology
from neurorecon.volume import Grid, Unit

Triple = tuple[float, float, float]
Say = Callable[[str], None]


class To(StrEnum):
    """What to write."""

    swc = "swc"
    csv = "csv"
    precomputed = "precomputed"


_MOST_NODES = 20_000_000
_BY_SUFFIX = {".swc": To.swc, ".csv": To.csv, "": To.precomputed, ".precomputed": To.precomputed}


@dataclass(frozen=True)
class ConvertRequest:
    """What to convert, how to change it, and where to put it.

    inputs: SWC files. out: a file, or a folder for several and for skeletons.
    unit: of files that do not say theirs; None: it stays unsaid.
    voxel_size_zyx: in µm; coordinates in voxels become micrometres.
    z_step: the step that a tree was traced with, and the true one.
    scale_zyx, mirror, shift_zyx: applied in this order, after the z step; lengths from here on are
        in the unit of the output.
    kind: SWC type of all nodes but cell bodies; None: as they are.
    join, resample, smooth: limit of a gap, distance of nodes, length of smoothing; None: none.
    """

    inputs: tuple[Path, ...]
    out: Path
    to: To | None = None
    unit: Unit | None = None
    voxel_size_zyx: Triple | None = None
    z_step: tuple[float, float] | None = None
    scale_zyx: Triple = (1.0, 1.0, 1.0)
    mirror: str = ""
    shift_zyx: Triple = (0.0, 0.0, 0.0)
    kind: int | None = None
    join: float | None = None
    resample: float | None = None
    smooth: float | None = None
    overwrite: bool = False


@dataclass(frozen=True)
class _Tree:
    """trees: of a file. grid: of the stack it was traced in, None where the file does not say.

    unit: of the coordinates; None where nobody says it.
    comments: what others wrote above the first node.
    """

    trees: Morphology
    grid: Grid | None
    unit: Unit | None
    comments: Sequence[str] = ()


def convert(request: ConvertRequest, note: Say) -> list[Path]:
    """Convert all inputs, tell what was repaired, and return what was written.

    Every output is checked before the first file is read. Errors as `read_swc_repaired` and the
    writers raise them; InputError where skeletons lack micrometres.
    """
    to = request.to or _told_by(request.out)
    targets = _targets(request, to)
    made = []
    for path in request.inputs:
        tree, done = _converted(path, request)
        note(f"{path}: {'; '.join(done)}")
        made.append(tree)
    if to == To.precomputed:
        write_precomputed(request.out, _neurons(request.inputs, made), request.overwrite)
        return [request.out]
    for target, tree in zip(targets, made, strict=True):
        _write(target, tree, to, request.overwrite, note)
    return targets


def _told_by(out: Path) -> To:
    if str(out) == "-":
        raise InputError("--out -: convert writes files, not standard output; give a name")
    kind = _BY_SUFFIX.get(out.suffix.lower())
    if kind is None:
        raise InputError(
            f"--out {out}: {out.suffix} says no format that is written; give a name in .swc or "
            ".csv, a folder for Neuroglancer, or --to"
        )
    return kind


def _targets(request: ConvertRequest, to: To) -> list[Path]:
    """The files to write (none for skeletons), refused where they cannot be written."""
    if to == To.precomputed:
        refuse_existing_skeletons(request.out, request.overwrite)
        return []
    targets = [request.out]
    if len(request.inputs) > 1 or request.out.is_dir():
        if not request.out.is_dir():
            raise InputError(
                f"--out {request.out} must be a folder for {len(request.inputs)} files; create it "
                "first (mkdir)"
            )
        targets = [request.out / f"{path.stem}.{to.value}" for path in request.inputs]
        if again := [path for path in targets if targets.count(path) > 1]:
            raise InputError(f"two outputs are called {again[0]}; rename one of the inputs")
    sources = {path.resolve() for path in request.inputs}
    for target in targets:
        if target.resolve() in sources:
            raise InputError(f"{target} is an input and would be replaced; choose another name")
        refuse_existing(target, request.overwrite)
    return targets


def _converted(path: Path, request: ConvertRequest) -> tuple[_Tree, list[str]]:
    """The trees of a file as they will be written, and what was found and done in words."""
    header = read_swc_header(path)
    unit = header.unit or request.unit
    trees, repairs = read_swc_repaired(path, unit or "um")
    trees, repeats = without_repeats(trees)
    if repeats:
        repairs.append(f"merged {told(repeats, 'node')} at the place of the parent into it")
    trees, unknown = with_radii(trees)
    if unknown:
        repairs.append(f"{told(unknown, 'node')} without a radius: taken from the neighbours")
    summary = f"{told(len(trees), 'node')}, {told(len(trees.roots), 'tree')}"
    done = [summary, *(repairs or ["nothing to repair"])]
    grid = None
    if header.voxel_size_zyx is not None and unit is not None:
        origin = header.origin_zyx or (0.0, 0.0, 0.0)
        grid = Grid(header.voxel_size_zyx, origin, unit, "SWC header")
    tree = _in_um(path, _Tree(trees, grid, unit, read_swc_comments(path)), request)
    tree = _placed(path, tree, request)
    done += _placing(request)
    return _refined(tree, request, done), done


def _in_um(path: Path, tree: _Tree, request: ConvertRequest) -> _Tree:
    if request.voxel_size_zyx is None:
        return tree
    if tree.unit == "um":
        raise InputError(f"{path} is in µm already; leave --voxel-size out, or use --scale")
    trees = replace(placed(tree.trees, request.voxel_size_zyx), unit="um")
    origin = _origin_um(tree.grid, request.voxel_size_zyx)
    grid = Grid(request.voxel_size_zyx, origin, "um", "--voxel-size")
    return replace(tree, trees=trees, grid=grid, unit="um")


def _origin_um(grid: Grid | None, size_zyx: Triple) -> Triple:
    """The origin of a grid in voxels, in µm."""
    z, y, x = (0.0, 0.0, 0.0) if grid is None else grid.origin_zyx
    return z * size_zyx[0], y * size_zyx[1], x * size_zyx[2]


def _placed(path: Path, tree: _Tree, request: ConvertRequest) -> _Tree:
    """Put in its place; the header's grid follows a z step, and goes where it would mislead."""
    trees, grid = tree.trees, tree.grid
    if request.z_step is not None:
        was, true = request.z_step
        if tree.unit == "voxel":
            raise InputError(
                f"{path} is in voxels, which do not depend on the z step; give --voxel-size Z Y X "
                "with the true one"
            )
        if grid is not None and abs(grid.voxel_size_zyx[0] - was) > 1e-3 * was:
            raise InputError(
                f"{path} was traced with a z step of {grid.voxel_size_zyx[0]:g}, not {was:g}; "
                f"give --z-step {grid.voxel_size_zyx[0]:g} {true:g}"
            )
        # Calibre is measured across the neurite, mostly in the plane: it stays.
        trees = replace(placed(trees, (true / was, 1.0, 1.0)), radius=trees.radius)
        if grid is not None:
            (_, dy, dx), (z, y, x) = grid.voxel_size_zyx, grid.origin_zyx
            grid = replace(grid, voxel_size_zyx=(true, dy, dx), origin_zyx=(z * true / was, y, x))
    scale, mirror, shift = request.scale_zyx, request.mirror, request.shift_zyx
    if scale != (1.0, 1.0, 1.0) or mirror or shift != (0.0, 0.0, 0.0):
        trees, grid = placed(trees, scale, mirror, shift), None
    return replace(tree, trees=trees, grid=grid)


def _placing(request: ConvertRequest) -> list[str]:
    """How the trees were put in their place, in words."""
    done = []
    if request.voxel_size_zyx is not None:
        done.append(f"voxels of {_spaced(request.voxel_size_zyx)} to µm")
    if request.z_step is not None:
        was, true = request.z_step
        done.append(f"z step {was:g} to {true:g}")
    if request.scale_zyx != (1.0, 1.0, 1.0):
        done.append(f"scaled by {_spaced(request.scale_zyx)}")
    if request.mirror:
        done.append(f"mirrored along {', '.join(request.mirror)}")
    if request.shift_zyx != (0.0, 0.0, 0.0):
        done.append(f"shifted by {_spaced(request.shift_zyx)}")
    return done


def _spaced(values: Triple) -> str:
    return " ".join(f"{value:g}" for value in values)


def _refined(tree: _Tree, request: ConvertRequest, done: list[str]) -> _Tree:
    """Typed, joined, smoothed and resampled; what was done is added to `done`."""
    trees, unit = tree.trees, f" {'µm' if tree.unit == 'um' else tree.unit or ''}".rstrip()
    if request.kind is not None:
        kind = np.where(trees.kind == SOMA, SOMA, request.kind)
        done.append(f"type {request.kind}: {told(int((kind != trees.kind).sum()), 'node')} changed")
        trees = replace(trees, kind=kind)
    if request.join is not None:
        trees, joining = join_pieces(trees, request.join)
        trees, _ = without_repeats(trees)  # pieces that touch share a place
        longest = f", the longest {max(joining.gaps):.3g}{unit}" if joining.gaps else ""
        done.append(
            f"{told(len(joining.gaps), 'gap')} joined{longest}; {told(joining.trees, 'tree')} now"
        )
    if request.smooth is not None:
        before = trees.length
        trees = smoothed(trees, request.smooth)
        done.append(f"smoothed: length {before:.6g} to {trees.length:.6g}{unit}")
    if request.resample is not None:
        before = len(trees)
        if trees.length / request.resample > _MOST_NODES:
            raise InputError(
                f"--resample {request.resample:g} would make {trees.length / request.resample:.2g} "
                f"nodes of a length of {trees.length:.6g}{unit}; give a longer step"
            )
        trees = resampled(trees, request.resample)
        done.append(f"resampled: {before:,} to {told(len(trees), 'node')}")
    return replace(tree, trees=trees)


def _write(target: Path, tree: _Tree, to: To, overwrite: bool, note: Say) -> None:
    if to == To.csv:
        write_edge_table(target, tree.trees, tree.unit or "", overwrite)
        lone = len(tree.trees.roots) - len(set(tree.trees.tree_of[tree.trees.edges[:, 0]]))
        if lone:
            note(f"{target}: {told(lone, 'tree')} of one node, so without an edge, left out")
        return
    says_unit = tree.unit is not None
    write_swc(target, tree.trees, tree.grid, overwrite, says_unit, tree.comments)


def _neurons(paths: Sequence[Path], made: Sequence[_Tree]) -> dict[int, tuple[str, Morphology]]:
    """Name and trees of each segment id: the files' own names where these are numbers."""
    for path, tree in zip(paths, made, strict=True):
        if tree.unit != "um":
            found = "is in voxels" if tree.unit == "voxel" else "does not say its unit"
            raise InputError(
                f"{path} {found}, and Neuroglancer needs nanometres; give --voxel-size Z Y X in µm"
                + ("" if tree.unit else ", or --swc-units um if it is in µm")
            )
    stems = [path.stem for path in paths]
    numbers = [int(stem) for stem in stems if stem.isascii() and stem.isdigit()]
    numbered = len(set(numbers)) == len(paths) and all(0 < each < 2**64 for each in numbers)
    ids = numbers if numbered else range(1, len(paths) + 1)
    trees = (tree.trees for tree in made)
    return dict(zip(ids, zip(stems, trees, strict=True), strict=True))
