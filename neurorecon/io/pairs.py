"""Which files belong together: a folder of `name.tif` + `name.swc`, or rows of a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from neurorecon.errors import InputError
from neurorecon.io.address import exists
from neurorecon.io.stack import SUFFIXES, stack_stem
from neurorecon.volume import Unit

COLUMNS = ("image", "swc")
_MASK = "mask"
_LABEL_SUFFIX = "_label"
_DERIVED = ("_seg", _LABEL_SUFFIX)
_LONGEST_NAME = 255  # of every file system in use
Row = dict[str, str | None]
_UNITS: dict[str, Unit | None] = {"um": "um", "voxel": "voxel", "": None}


@dataclass(frozen=True)
class Pair:
    """A stack and its truth, a tree or a mask.

    swc, mask: one of the two; the other is None.
    swc_unit: of the tree's coordinates where its own header does not say it; None where nobody
        says it (µm by the SWC standard, if the stack's voxel size is known).
    voxel_size_zyx_um: None where the stack's own metadata is to be taken.
    """

    image: Path
    swc: Path | None
    swc_unit: Unit | None = None
    voxel_size_zyx_um: tuple[float, float, float] | None = None
    mask: Path | None = None

    @property
    def truth(self) -> Path:
        """The file of the tree or of the mask."""
        truth = self.swc or self.mask
        assert truth is not None
        return truth


def find_pairs(source: Path) -> list[Pair]:
    """The pairs of a folder or CSV file.

    In a folder, `name.tif` belongs to `name.swc`, or else to the mask `name_label.tif` (TIFF or any
    other format). A CSV has
    the columns `image` and `swc` or `mask` (relative to the CSV's folder), and if wanted
    `swc_units` (`um` or `voxel`) and `voxel_size` ("z,y,x" in µm).

    InputError where there is none, a file is missing, or a cell is not understood.
    """
    if source.is_dir():
        return _pairs_in_folder(source)
    if not source.is_file():
        raise InputError(f"{source}: no such folder or CSV file")
    return _pairs_in_table(source)


def _pairs_in_folder(folder: Path) -> list[Pair]:
    stacks = [
        path
        for path in sorted(folder.iterdir())
        if path.name.lower().endswith(SUFFIXES) and not stack_stem(path).endswith(_DERIVED)
    ]
    pairs = [pair for pair in map(_pair_of_stack, stacks) if pair is not None]
    if not pairs:
        raise InputError(
            f"{folder}: {len(stacks)} stacks, none with a tree or a mask beside it; "
            "put name.swc (or name_label.tif) beside name.tif"
        )
    return pairs


def _pair_of_stack(stack: Path) -> Pair | None:
    stem = stack_stem(stack)
    swc, label = stack.with_name(f"{stem}.swc"), f"{stem}{_LABEL_SUFFIX}"
    if swc.is_file():
        return Pair(stack, swc)
    masks = [path for suffix in SUFFIXES if (path := stack.with_name(label + suffix)).exists()]
    return Pair(stack, None, mask=masks[0]) if masks else None


def _pairs_in_table(path: Path) -> list[Pair]:
    rows = table_rows(path, COLUMNS[:1], "image,swc or image,mask")
    if not {COLUMNS[1], _MASK} & rows[0][1].keys():
        header = [name for name in rows[0][1] if name is not None]  # None: of surplus fields
        _refuse_header(path, header, "image,swc or image,mask")
    return [_pair_of_row(path, line, row) for line, row in rows]


def _pair_of_row(path: Path, line: int, row: Row) -> Pair:
    image = file_of_row(path, line, row, COLUMNS[0])
    if (row.get(_MASK) or "").strip():
        size = voxel_size_of_row(path, line, row)
        return Pair(image, None, None, size, file_of_row(path, line, row, _MASK))
    swc = file_of_row(path, line, row, COLUMNS[1] if COLUMNS[1] in row else _MASK)
    unit, size = swc_unit_of_row(path, line, row), voxel_size_of_row(path, line, row)
    return Pair(image, swc, unit, size)


def table_rows(
    path: Path, columns: Sequence[str], expected: str | None = None
) -> list[tuple[int, Row]]:
    """The rows of a CSV file with their lines.

    expected: the header as a message names it; None: `columns`.

    InputError where it is no CSV file, lacks one of `columns`, or has no row.
    """
    expected = expected or ",".join(columns)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            header = list(reader.fieldnames or [])
            rows = [(reader.line_num, row) for row in reader]
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; check the name") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a CSV text file ({error})") from error
    if not set(columns) <= set(header):
        _refuse_header(path, header, expected)
    if not rows:
        raise InputError(f"{path} has a header line and no row; add a row for each pair of files")
    return rows


def _refuse_header(path: Path, header: Sequence[str], expected: str) -> NoReturn:
    needed = f"expected a header line with the columns {expected}"
    if not header:
        raise InputError(f"{path} is empty; {needed}, and a row for each pair of files")
    found = ",".join(header)
    separators = [name for sign, name in ((";", "semicolons"), ("\t", "tabs")) if sign in found]
    if len(header) == 1 and separators:
        cure = f"separate the columns with commas, not {separators[0]}"
    else:
        cure = "name the columns in the first line"
    raise InputError(f"{path} begins with {found[:80]!r}, {needed}; {cure}")


def file_of_row(path: Path, line: int, row: Row, column: str) -> Path:
    """The file that a row names, relative to the folder of its CSV; it must exist."""
    file = path_of_row(path, line, row, column)
    if not exists(file):
        raise InputError(
            f"{path}, line {line}: {file} does not exist; names are relative to the folder of the "
            "CSV file"
        )
    return file


def path_of_row(path: Path, line: int, row: Row, column: str) -> Path:
    """The file that a row names, relative to the folder of its CSV, whether it exists or not."""
    named = (row[column] or "").strip()
    if not named:
        raise InputError(f"{path}, line {line}: {column} is empty; give the name of a file")
    if max(len(part) for part in named.split("/")) > _LONGEST_NAME:
        raise InputError(
            f"{path}, line {line}: {column} is {named[:40]!r}..., too long for the name of a file"
        )
    return path.parent / named


def swc_unit_of_row(path: Path, line: int, row: Row) -> Unit | None:
    """What `swc_units` says; None where it is left out."""
    unit = (row.get("swc_units") or "").strip()
    if unit not in _UNITS:
        raise InputError(f"{path}, line {line}: swc_units is {unit!r}; give um or voxel")
    return _UNITS[unit]


def voxel_size_of_row(path: Path, line: int, row: Row) -> tuple[float, float, float] | None:
    """What `voxel_size` says, in µm; None where it is left out."""
    text = (row.get("voxel_size") or "").strip()
    if not text:
        return None
    try:
        z, y, x = (float(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(
            f'{path}, line {line}: voxel_size is {text!r}; give three numbers, "z,y,x" in µm'
        ) from error
    return z, y, x
