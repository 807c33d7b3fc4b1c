"""SWC files, the one place where coordinates stand in x, y, z order.

Reading accepts what other programs write: rows in any order, ids that are shuffled or formatted as
floats, CRLF, a byte-order mark, comments in any 8-bit encoding, commas between columns, further
columns. It refuses, with file, line and cure, what has no meaning: a cycle, a missing parent, ...

Writing is strict: ids 1..n, parents before children, a radius above zero.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurorecon import __version__
from neurorecon.io.atomic import atomic_output
from neurorecon.io.swc_table import COLUMNS, INTEGERS, read_table, refuse_row, text_lines
from neurorecon.morphology import Morphology
from neurorecon.volume import Grid, Unit

_HEADER_LINE = re.compile(
    r"#\s*(?:unit\s+(?P<unit>um|voxel)|(?P<key>voxel_size_zyx|origin_zyx)\s+(?P<zyx>.*))\s*"
)

_OWN_LINE = re.compile(
    r"written by neurorecon |unit (um|voxel)$|voxel_size_(zyx|source) |origin_zyx |"
    r"coordinate order x y z; |id type x y z radius parent$"
)
_NAMES = " ".join(COLUMNS)
_REPAIR = "or let `neurorecon convert` repair the file"


@dataclass(frozen=True, slots=True)
class SwcHeader:
    """What the comments of an SWC file say, where neurorecon wrote it; None where they do not.

    unit: of coordinates and radii.
    voxel_size_zyx: voxel size of the stack it was traced in, in `unit`.
    origin_zyx: coordinate of the first voxel's centre in that stack, in `unit`.
    """

    unit: Unit | None = None
    voxel_size_zyx: tuple[float, float, float] | None = None
    origin_zyx: tuple[float, float, float] | None = None


def read_swc_header(path: Path) -> SwcHeader:
    """The unit, voxel size and origin in the comments above the first node.

    Raises InputError when the file cannot be read.
    """
    unit: Unit | None = None
    triples: dict[str, tuple[float, float, float] | None] = {}
    for line in text_lines(path):
        if line.strip() and not line.lstrip().startswith("#"):
            break
        if not (match := _HEADER_LINE.fullmatch(line.strip())):
            continue
        if match["unit"]:
            unit = "um" if match["unit"] == "um" else "voxel"
        else:
            triples[match["key"]] = _triple(match["zyx"])
    size = triples.get("voxel_size_zyx")
    if size is not None and min(size) <= 0:
        size = None
    return SwcHeader(unit, size, triples.get("origin_zyx"))


def read_swc_comments(path: Path) -> list[str]:
    """What others wrote above the first node: comments, without those that `write_swc` writes."""
    comments = []
    for line in text_lines(path):
        if not line.strip():
            continue
        if not line.lstrip().startswith("#"):
            break
        text = line.strip().lstrip("#").strip()
        if text and not _OWN_LINE.match(text):
            comments.append(text)
    return comments


def read_swc(path: Path, unit: Unit = "voxel", orphans_are_roots: bool = False) -> Morphology:
    """All trees of an SWC file, nodes in the order of its rows.

    unit: what the coordinates mean where the file does not say it (only neurorecon's header does).

    orphans_are_roots: accept a parent that is not in the file and make the node a root, as training
        labels cut out of a larger tree need it.

    A parent below zero marks a root. A radius of zero or less is kept: it means unknown.

    Raises InputError, with the line and the cure, for a file that cannot be read or is not text,
    no nodes, too few columns, text or NaN or infinity in a column, a duplicate id, a node that is
    its own parent, a missing parent, and a cycle.
    """
    table = read_table(path)
    node, kind, parent = (table[:, COLUMNS.index(name)].astype(np.int64) for name in INTEGERS)
    return Morphology(
        point_zyx=np.ascontiguousarray(table[:, [4, 3, 2]]),
        radius=table[:, 5].copy(),
        parent=_parent_rows(path, node, parent, orphans_are_roots),
        kind=kind,
        unit=read_swc_header(path).unit or unit,
    )


def write_swc(
    path: Path,
    morphology: Morphology,
    grid: Grid | None = None,
    overwrite: bool = False,
    says_unit: bool = True,
    comments: Sequence[str] = (),
) -> None:
    """Write trees as SWC: ids 1..n, parents first, tree by tree; whole or not at all.

    grid: the stack's grid, for the header: voxel size, origin and where the size was found.
        Its unit must be the morphology's.
    says_unit: False where nobody knows the unit, and the header must not pretend to.
    comments: lines for the header.

    Coordinates keep four decimals, radii six digits.

    Raises ValueError where the caller made a morphology that no SWC can hold (no nodes, a cycle, a
    radius that is not above zero, a coordinate that is not finite, another unit than the grid's),
    InputError for an output that exists or cannot be written.
    """
    _check_writable(morphology, grid)
    order = morphology.parent_first
    new_id = np.zeros(len(morphology) + 1, np.int64)
    new_id[order] = np.arange(1, len(morphology) + 1)
    new_id[-1] = -1  # read through a parent of -1
    table = np.column_stack(
        [
            new_id[order],
            morphology.kind[order],
            morphology.point_zyx[order][:, ::-1],
            morphology.radius[order],
            new_id[morphology.parent[order]],
        ]
    )
    with atomic_output(path, overwrite) as temporary:
        np.savetxt(
            temporary,
            table,
            fmt=["%d", "%d", "%.4f", "%.4f", "%.4f", "%.6g", "%d"],
            header="\n".join(
                [*_header_lines(morphology.unit if says_unit else None, grid), *comments, _NAMES]
            ),
            comments="# ",
            encoding="utf-8",
        )


def _header_lines(unit: Unit | None, grid: Grid | None) -> Iterator[str]:
    yield f"written by neurorecon {__version__}"
    if unit is not None:
        yield f"unit {unit}"
    if grid is not None:
        yield "voxel_size_zyx " + " ".join(f"{size:.9g}" for size in grid.voxel_size_zyx)
        yield "origin_zyx " + " ".join(f"{start:.9g}" for start in grid.origin_zyx)
        yield f"voxel_size_source {' '.join(grid.source.split())}"
    yield "coordinate order x y z; a whole voxel index is the centre of that voxel"


def _check_writable(morphology: Morphology, grid: Grid | None) -> None:
    if not len(morphology):
        raise ValueError("a morphology without nodes cannot be written")
    if not np.isfinite(morphology.point_zyx).all():
        raise ValueError("coordinates are not finite")
    if not (np.isfinite(morphology.radius) & (morphology.radius > 0)).all():
        raise ValueError("every radius must be finite and above zero: replace unknown ones first")
    if grid is not None and grid.unit != morphology.unit:
        raise ValueError(f"the morphology is in {morphology.unit}, its grid in {grid.unit}")
    if _row_in_cycle(morphology.parent) is not None:
        raise ValueError("the parents form a cycle")


def _parent_rows(
    path: Path, node: NDArray[np.int64], parent: NDArray[np.int64], orphans_are_roots: bool
) -> NDArray[np.int64]:
    """(n,) row of each node's parent, -1 for roots, from ids in any order."""
    order = np.argsort(node, kind="stable")
    sorted_id = node[order]
    if len(again := np.flatnonzero(sorted_id[1:] == sorted_id[:-1])):
        row = int(order[again + 1].min())
        problem = f"id {node[row]} was used before; give every node its own id, {_REPAIR}"
        refuse_row(path, row, problem)
    if len(own := np.flatnonzero(node == parent)):
        row = int(own[0])
        refuse_row(path, row, f"node {node[row]} is its own parent; use -1 for a root, {_REPAIR}")
    place = np.minimum(np.searchsorted(sorted_id, parent), len(node) - 1)
    is_root = parent < 0
    is_orphan = ~is_root & (sorted_id[place] != parent)
    if is_orphan.any() and not orphans_are_roots:
        row = int(np.flatnonzero(is_orphan)[0])
        refuse_row(
            path,
            row,
            f"parent {parent[row]} does not exist; add that node, use -1 for a root, {_REPAIR}",
        )
    rows = np.where(is_root | is_orphan, -1, order[place])
    if (row_in_cycle := _row_in_cycle(rows)) is not None:
        refuse_row(
            path,
            row_in_cycle,
            f"node {node[row_in_cycle]} is its own ancestor (a cycle); give one of its "
            f"ancestors the parent -1, {_REPAIR}",
        )
    return rows


def _row_in_cycle(parent_row: NDArray[np.int64]) -> int | None:
    """A row that lies on a cycle, or None.

    Every step doubles how far up each row looks; after as many steps as there are rows, only
    rows on a cycle or below one have not passed their root.
    """
    above_root = len(parent_row)
    ancestor = np.append(np.where(parent_row < 0, above_root, parent_row), above_root)
    for _ in range(len(parent_row).bit_length()):
        if (ancestor == above_root).all():
            return None
        ancestor = ancestor[ancestor]
    left = ancestor[ancestor != above_root]
    return int(left.min()) if len(left) else None


def _triple(text: str) -> tuple[float, float, float] | None:
    """Three finite numbers, or None."""
    try:
        z, y, x = (float(value) for value in text.split())
    except ValueError:
        return None
    return (z, y, x) if np.isfinite([z, y, x]).all() else None
