"""Which stacks and trees belong together: a folder of `name.tif` + `name.swc`, or a CSV file."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from neurorecon.errors import InputError
from neurorecon.volume import Unit

COLUMNS = ("image", "swc")
_DERIVED = ("_seg", "_label")
_TIFF = {".tif", ".tiff"}
_UNITS: dict[str, Unit | None] = {"um": "um", "voxel": "voxel", "": None}


@dataclass(frozen=True)
class Pair:
    """A stack and its tree.

    swc_unit: of the tree's coordinates where its own header does not say it; None where nobody
        says it (µm by the SWC standard, if the stack's voxel size is known).
    voxel_size_zyx_um: None where the stack's own metadata is to be taken.
    """

    image: Path
    swc: Path
    swc_unit: Unit | None
    voxel_size_zyx_um: tuple[float, float, float] | None = None


def find_pairs(source: Path) -> list[Pair]:
    """The pairs of a folder or CSV file.

    A CSV has the columns `image` and `swc` (relative to the CSV's folder), and if wanted
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
        if path.suffix.lower() in _TIFF and not path.stem.endswith(_DERIVED)
    ]
    pairs = [
        Pair(path, path.with_suffix(".swc"), None)
        for path in stacks
        if path.with_suffix(".swc").is_file()
    ]
    if not pairs:
        raise InputError(
            f"{folder}: {len(stacks)} TIFF stacks, none with a tree beside it; "
            "put name.swc beside name.tif"
        )
    return pairs


def _pairs_in_table(path: Path) -> list[Pair]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a CSV text file ({error})") from error
    if not rows or not set(COLUMNS) <= rows[0].keys():
        raise InputError(f"{path}: expected a header line with the columns image,swc and a row")
    return [_pair_of_row(path, line, row) for line, row in enumerate(rows, start=2)]


def _pair_of_row(path: Path, line: int, row: dict[str, str | None]) -> Pair:
    image, swc = (path.parent / (row[name] or "").strip() for name in COLUMNS)
    for file in (image, swc):
        if not file.is_file():
            raise InputError(f"{path}, line {line}: {file} does not exist")
    unit = (row.get("swc_units") or "").strip()
    if unit not in _UNITS:
        raise InputError(f"{path}, line {line}: swc_units is {unit!r}; give um or voxel")
    return Pair(image, swc, _UNITS[unit], _voxel_size(path, line, row))


def _voxel_size(
    path: Path, line: int, row: dict[str, str | None]
) -> tuple[float, float, float] | None:
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
