"""The order of slices from their names: what counts in them, and what is odd, twice or missing."""

from __future__ import annotations

import glob
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

from neurorecon.errors import InputError

_WHOLE = re.compile(r"([0-9]+)")
# 0.50, but nothing of 2024.01.31, and not what follows another point.
_DECIMAL = re.compile(r"((?<![0-9.])[0-9]+(?:\.[0-9]+)?(?!\.?[0-9]))")
_SIGNS = "-+\u2212\u2013"
_LISTED = 5


@dataclass(frozen=True)
class _Name:
    """A name taken apart.

    shown: for messages. texts: what stands around the numbers, one more than those.
    digits, numbers: the numbers as written, and their values.
    """

    file: Path
    shown: str
    texts: tuple[str, ...]
    digits: tuple[str, ...]
    numbers: tuple[Fraction, ...]


def natural_order(name: str) -> list[tuple[int, int | str]]:
    """A key that sorts z2 before z10."""
    parts = enumerate(_WHOLE.split(name))
    return [(0, int(part)) if at % 2 else (1, part.lower()) for at, part in parts if part]


def in_order(source: Path, files: Sequence[Path]) -> tuple[list[Path], tuple[str, ...]]:
    """The files in the order of the numbers in their names, and what seems to be missing.

    Raises InputError where the names do not tell one order: they differ by more than numbers, two
    have the same ones, or they count along several axes, as z and channel.
    """
    if len(files) == 1:
        return list(files), ()
    names = _taken_apart(files, _WHOLE)
    if not _is_even(names) and _is_decimal(decimals := _taken_apart(files, _DECIMAL)):
        names = decimals
    _refuse_signs(source, names)
    _refuse_odd(source, names)
    _refuse_twice(source, names)
    counters = _counters(names)
    if not counters:
        points = ", or write decimals in equal steps (z0.00, z0.50)" if _has_points(names) else ""
        raise InputError(
            f"{source}: the names of its {len(files)} images count along several axes "
            f"({names[0].shown}, ...); name one channel and time with a pattern in quotes, for "
            f"example 'slices/*_ch0.tif'{points}"
        )
    return [name.file for name in names], _gaps(source, names, counters)


def _taken_apart(files: Sequence[Path], number: re.Pattern[str]) -> list[_Name]:
    """In the order of the numbers, as far as the texts are the same."""
    base = os.path.commonpath([file.parent for file in files])
    names = []
    for file in sorted(files, key=lambda file: natural_order(str(file))):
        shown = os.path.relpath(file, base)
        parts = number.split(str(Path(shown).with_suffix("")))
        texts, digits = tuple(text.lower() for text in parts[::2]), tuple(parts[1::2])
        names.append(_Name(file, shown, texts, digits, tuple(map(Fraction, digits))))
    if len({name.texts for name in names}) == 1:
        names.sort(key=lambda name: name.numbers)
    return names


def _counters(names: Sequence[_Name]) -> list[list[Fraction]]:
    """The columns of numbers that grow from each name to the next."""
    if len({name.texts for name in names}) > 1:
        return []
    columns = [list(column) for column in zip(*(name.numbers for name in names), strict=True)]
    return [column for column in columns if all(low < high for low, high in pairwise(column))]


def _steps(column: Sequence[Fraction]) -> set[Fraction]:
    return {high - low for low, high in pairwise(column)}


def _are_multiples(steps: set[Fraction]) -> bool:
    """Of the smallest, so that slices are missing at most."""
    return not any(step % min(steps) for step in steps)


def _is_even(names: Sequence[_Name]) -> bool:
    """Whether something counts in equal steps."""
    return any(len(_steps(column)) == 1 for column in _counters(names))


def _is_decimal(names: Sequence[_Name]) -> bool:
    """Whether numbers with a point are decimals, and not two numbers with a point between them.

    1.0, 1.1, ... 2.9 may be two channels of ten planes. Two of three signs tell decimals: a z
    before them, equal steps, and steps of more than one in the last digit.
    """
    if len({name.texts for name in names}) > 1:
        return False
    columns = zip(*(name.numbers for name in names), strict=True)
    for at, steps in enumerate(map(_steps, columns)):
        if min(steps) <= 0 or not _are_multiples(steps):
            continue
        places = max(len(name.digits[at].partition(".")[2]) for name in names)
        is_named = names[0].texts[at].rstrip("_=- ").endswith("z")
        is_coarse = min(steps) > Fraction(1, 10**places)
        if is_named + (len(steps) == 1) + is_coarse >= 2:
            return True
    return False


def _has_points(names: Sequence[_Name]) -> bool:
    return any(text == "." for text in names[0].texts[1:-1])


def _refuse_signs(source: Path, names: Sequence[_Name]) -> None:
    """A dash before a number separates, unless names with and without it stand side by side."""
    texts = {name.texts for name in names}
    unsigned = {(*(text.rstrip(_SIGNS) for text in each[:-1]), each[-1]) for each in texts}
    if len(texts) > 1 and len(unsigned) == 1:
        other = next(name for name in names if name.texts != names[0].texts)
        raise InputError(
            f"{source}: {names[0].shown} and {other.shown} differ by a sign before a number, which "
            "may be a minus or a dash; rename the slices so that they count up from 0 without signs"
        )


def _refuse_odd(source: Path, names: Sequence[_Name]) -> None:
    [(texts, count)] = Counter(name.texts for name in names).most_common(1)
    odd = [name for name in names if name.texts != texts]
    if not odd:
        return
    usual = next(name for name in names if name.texts == texts)
    others = f" (and {len(odd) - 1} more)" if len(odd) > 1 else ""
    cure = "number the slices (s_001.tif, s_002.tif, ...)"
    if usual.digits and count > 1:
        pattern = _pattern(usual.file, odd[0].file.name)
        cure = f"move away what is no slice, or give a pattern in quotes, for example '{pattern}'"
    raise InputError(
        f"{source}: {odd[0].shown} is not named like {usual.shown}{others}, so its place in the "
        f"stack is not known; {cure}"
    )


def _pattern(file: Path, odd: str) -> str:
    """One that all names like the file's match, and the odd one does not, if that can be."""
    texts = [glob.escape(text) for text in _WHOLE.split(file.stem)[::2]]
    patterns = [star.join(texts) + file.suffix for star in ("*", "[0-9]*")]
    chosen = next((each for each in patterns if not fnmatch(odd, each)), patterns[-1])
    return f"{glob.escape(str(file.parent))}/{chosen}"


def _refuse_twice(source: Path, names: Sequence[_Name]) -> None:
    for one, other in pairwise(names):
        if one.numbers == other.numbers:
            raise InputError(
                f"{source}: {one.shown} and {other.shown} have the same number; move one of them "
                "away, or give a pattern in quotes that only one of them matches"
            )


def _gaps(
    source: Path, names: Sequence[_Name], counters: Sequence[list[Fraction]]
) -> tuple[str, ...]:
    """The warning where no counter goes in equal steps, as far as its numbers tell."""
    regular = [column for column in counters if _are_multiples(_steps(column))]
    if not regular:
        first = ", ".join(name.shown for name in names[:_LISTED])
        return (
            f"{source}: the numbers in the names are not evenly spaced ({first}, ...), but each "
            "slice is taken for one step along z; check that none is missing",
        )
    column = min(regular, key=_missing_count)
    if not (count := _missing_count(column)):
        return ()
    listed = ", ".join(f"{float(each):.12g}" for each in islice(_missing(column), _LISTED))
    more = f", ... ({count} in all)" if count > _LISTED else ""
    return (
        f"{source}: the numbers in the names leave out {listed}{more}, but each slice is taken for "
        "one step along z; add the missing slices, or name a part without a gap with a pattern",
    )


def _missing_count(column: Sequence[Fraction]) -> int:
    """How many numbers a column leaves out of equal steps."""
    return int((column[-1] - column[0]) / min(_steps(column))) + 1 - len(column)


def _missing(column: Sequence[Fraction]) -> Iterator[Fraction]:
    step = min(_steps(column))
    for low, high in pairwise(column):
        while (low := low + step) < high:
            yield low
