"""Scores that cases can be ranked, summed up and compared by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from neurorecon.errors import InputError

Better = Literal["high", "low"]
Comparison = Literal["tree", "mask", "labels"]


@dataclass(frozen=True, slots=True)
class Measure:
    """A score.

    key: its name in a record.
    heading: what a table calls it.
    better: whether high or low values are good.
    digits: after the decimal point, in tables.
    whole: it counts something: without decimals in a single case, unlike a mean over cases.
    """

    key: str
    heading: str
    better: Better
    digits: int
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Measures:
    """shown: the columns of a table of cases; further: those of a second one, on request;
    rest: what can be ranked by as well.
    """

    shown: tuple[Measure, ...]
    further: tuple[Measure, ...] = ()
    rest: tuple[Measure, ...] = ()

    @property
    def all(self) -> tuple[Measure, ...]:
        """Every one of them."""
        return self.shown + self.further + self.rest


_RUNS = (
    Measure("run_length_share", "ERL/length", "high", 3),
    Measure("edge_accuracy", "edges", "high", 3),
    Measure("splits", "splits", "low", 1, whole=True),
    Measure("merges", "merges", "low", 1, whole=True),
    Measure("omitted_share", "omitted", "low", 3),
)
SLOW = (
    Measure("diadem", "DIADEM", "high", 3),
    Measure("nblast", "NBLAST", "high", 3),
    Measure("persistence", "persistence", "low", 3),
)
MEASURES: dict[Comparison, Measures] = {
    "tree": Measures(
        shown=(
            Measure("length_f1", "F1", "high", 3),
            Measure("length_precision", "precision", "high", 3),
            Measure("length_recall", "recall", "high", 3),
            Measure("esa", "ESA", "low", 2),
            Measure("dsa", "DSA", "low", 2),
            Measure("pds", "PDS", "low", 3),
            Measure("fork_f1", "forks", "high", 3),
            Measure("tip_f1", "tips", "high", 3),
        ),
        further=(
            Measure("ssd", "SSD", "low", 2),
            Measure("critical_f1", "critical", "high", 3),
            _RUNS[0],
            _RUNS[2],
            *SLOW,
        ),
        rest=(
            Measure("ssd_share", "SSD share", "low", 3),
            Measure("fork_precision", "fork precision", "high", 3),
            Measure("fork_recall", "fork recall", "high", 3),
            Measure("tip_precision", "tip precision", "high", 3),
            Measure("tip_recall", "tip recall", "high", 3),
            _RUNS[1],
            _RUNS[3],
            _RUNS[4],
        ),
    ),
    "mask": Measures(
        shown=(
            Measure("dice", "Dice", "high", 3),
            Measure("precision", "precision", "high", 3),
            Measure("recall", "recall", "high", 3),
            Measure("cldice", "clDice", "high", 3),
            Measure("hd95", "HD95", "low", 2),
            Measure("surface_mean", "surface", "low", 2),
            Measure("betti0_error", "Betti-0", "low", 1, whole=True),
            Measure("average_precision", "AP", "high", 3),
        ),
        rest=(
            Measure("iou", "IoU", "high", 3),
            Measure("hausdorff", "Hausdorff", "low", 2),
            Measure("best_dice", "best Dice", "high", 3),
        ),
    ),
    "labels": Measures(shown=_RUNS),
}


def find_measure(name: str, comparison: Comparison, option: str) -> Measure:
    """The measure that a user means: by its name in a record or by its heading.

    Raises InputError, naming them all, where there is none.
    """
    known = MEASURES[comparison].all
    for measure in known:
        if name.lower() in (measure.key, measure.heading.lower()):
            return measure
    names = ", ".join(measure.key for measure in known)
    raise InputError(f"{option} {name}: there is no such score here; give one of {names}")
