"""Which files are scored against which: two files, two folders or patterns, or a CSV of pairs."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from neurorecon.errors import InputError
from neurorecon.io.address import is_store
from neurorecon.io.pairs import (
    Row,
    file_of_row,
    path_of_row,
    swc_unit_of_row,
    table_rows,
    voxel_size_of_row,
)
from neurorecon.io.stack import SUFFIXES, is_stack, stack_stem
from neurorecon.volume import Unit

Kind = Literal["tree", "stack"]

TREE_SUFFIX = ".swc"
CSV_COLUMNS = ("test", "gold")
_DERIVED = ("_seg", "_label")  # what `segment` and `simulate` append to a stack's name


@dataclass(frozen=True, slots=True)
class Case:
    """Two files to compare.

    swc_units, voxel_size_zyx: what a row of a CSV says about this case; None where it does not.
    problem: why it cannot be scored: a file that does not exist; None where both do.
    """

    name: str
    test: Path
    gold: Path
    swc_units: Unit | None = None
    voxel_size_zyx: tuple[float, float, float] | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Cases:
    """Cases in the order of their names (or rows), and the files that found no partner."""

    cases: list[Case]
    unmatched_test: list[Path] = field(default_factory=list)
    unmatched_gold: list[Path] = field(default_factory=list)


def kind_of(path: Path) -> Kind:
    """A stack of any format, by its name or its content; all else is read as SWC."""
    return "stack" if is_stack(path) else "tree"  # the tree's reader says what is wrong


def is_several(source: str) -> bool:
    """Whether an argument stands for several files: a folder of files, or a pattern."""
    path = Path(source)
    return (path.is_dir() and not is_store(path)) or (not path.exists() and glob.has_magic(source))


def cases_in_table(path: Path) -> Cases:
    """The cases of a CSV with the columns `test` and `gold`, relative to the CSV's folder.

    The columns `name`, `swc_units` (`um` or `voxel`) and `voxel_size` ("z,y,x" in µm) may follow.

    A missing file is the problem of its case, as a broken one is.

    Raises InputError where the table cannot be read or a cell is not understood.
    """
    cases = []
    for line, row in table_rows(path, CSV_COLUMNS):
        test, gold = (path_of_row(path, line, row, column) for column in CSV_COLUMNS)
        cases.append(
            Case(
                name=(row.get("name") or "").strip() or _stem(test),
                test=test,
                gold=gold,
                swc_units=swc_unit_of_row(path, line, row),
                voxel_size_zyx=voxel_size_of_row(path, line, row),
                problem=_missing(path, line, row),
            )
        )
    again = [name for name, count in Counter(case.name for case in cases).items() if count > 1]
    if again:
        raise InputError(
            f"{path}: {again[0]} names several cases; give each its own in a column `name`"
        )
    return Cases(cases)


def _missing(path: Path, line: int, row: Row) -> str | None:
    try:
        for column in CSV_COLUMNS:
            file_of_row(path, line, row, column)
    except InputError as error:
        return str(error)
    return None


def match_files(test: str, gold: str) -> Cases:
    """Cases of two folders or patterns, files of one name together.

    A file's name is its stem; where stems repeat (`case/gold.swc`), what of its path differs. A
    name that has no partner finds one without the `_seg` or `_label` that neurorecon appends.

    Raises InputError where a side has no files, of two kinds, or no two names match.
    """
    of_test, of_gold = _by_name(files_of(test)), _by_name(files_of(gold))
    pairs = _pairs(list(of_test), list(of_gold))
    if not pairs:
        raise InputError(
            f"no file of {test} has the name of one of {gold} ({next(iter(of_test))}, ... and "
            f"{next(iter(of_gold))}, ...); rename them, or give a CSV with the columns test,gold"
        )
    return Cases(
        cases=[Case(there, of_test[name], of_gold[there]) for name, there in pairs.items()],
        unmatched_test=[path for name, path in of_test.items() if name not in pairs],
        unmatched_gold=[path for name, path in of_gold.items() if name not in pairs.values()],
    )


def match_baseline(source: str, cases: Sequence[Case]) -> Cases:
    """The same cases with another method's files, matched by the names of the cases.

    Raises InputError where there are no files, of two kinds, or none is named as a case.
    """
    of_case, found = {case.name: case for case in cases}, _by_name(files_of(source))
    pairs = _pairs(list(found), list(of_case))
    if not pairs:
        raise InputError(
            f"no file of --baseline {source} has the name of a case ({next(iter(found))}, ... and "
            f"{cases[0].name}, ...); rename them"
        )
    return Cases(
        cases=[
            replace(of_case[there], test=found[name], problem=None) for name, there in pairs.items()
        ],
        unmatched_test=[path for name, path in found.items() if name not in pairs],
        unmatched_gold=[case.test for case in cases if case.name not in pairs.values()],
    )


def _by_name(paths: Sequence[Path]) -> dict[str, Path]:
    return dict(zip(_names(paths), paths, strict=True))


def _pairs(tests: Sequence[str], golds: Sequence[str]) -> dict[str, str]:
    """The gold's name for each test that has one: the same, or but for what neurorecon appends."""
    pairs = {name: name for name in tests if name in golds}
    left = {_plain(name): name for name in golds if name not in pairs}
    for name in tests:
        if name not in pairs and (partner := left.pop(_plain(name), None)):
            pairs[name] = partner
    return pairs


def files_of(source: str) -> list[Path]:
    """The SWC files, or the stacks, of a folder or pattern, sorted by name.

    Raises InputError where there are none, or both kinds.
    """
    if Path(source).is_dir():
        found = [path for path in sorted(Path(source).iterdir()) if _is_scored(path)]
    else:
        # (Path.glob takes no absolute patterns)
        found = [Path(path) for path in sorted(glob.glob(source, recursive=True))]  # noqa: PTH207
    if not found:
        raise InputError(
            f"{source}: no SWC files and no stacks; check the name, or give a pattern in quotes "
            "('cases/*/gold.swc') for files in folders of their own"
        )
    trees = sum(path.suffix.lower() == TREE_SUFFIX for path in found)
    if 0 < trees < len(found):
        raise InputError(
            f"{source} holds {trees} SWC files and {len(found) - trees} others; say which are "
            f"meant with a pattern in quotes, such as '{source.rstrip('/')}/*.swc'"
        )
    return found


def _is_scored(path: Path) -> bool:
    name = path.name.lower()
    return not name.startswith(".") and name.endswith((TREE_SUFFIX, *SUFFIXES))


def _names(paths: Sequence[Path]) -> list[str]:
    """A name for each file, all different."""
    stems = [_stem(path) for path in paths]
    if len(set(stems)) == len(stems):
        return stems
    common = os.path.commonpath([path.parent for path in paths])
    folders = [Path(os.path.relpath(path.parent, common)) for path in paths]
    if len(set(stems)) == 1:
        return [str(folder) for folder in folders]
    return [str(folder / stem) for folder, stem in zip(folders, stems, strict=True)]


def _stem(path: Path) -> str:
    return path.stem if path.suffix.lower() == TREE_SUFFIX else stack_stem(path)


def _plain(name: str) -> str:
    ending = next((each for each in _DERIVED if name.endswith(each)), "")
    return name.removesuffix(ending) or name
