"""Many cases: a record each, what they have in common, and two methods compared."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from neurorecon.commands.evaluate.case import evaluate
from neurorecon.commands.evaluate.config import EvaluateConfig
from neurorecon.commands.evaluate.files import Case, kind_of
from neurorecon.commands.evaluate.measures import (
    MEASURES,
    SLOW,
    Comparison,
    Measure,
    find_measure,
)
from neurorecon.commands.evaluate.records import Record, flat_record
from neurorecon.errors import InputError


@dataclass(frozen=True, slots=True)
class Scored:
    """A case and its scores; `problem` says why there are none, `doubt` what is not known."""

    case: Case
    record: Record
    problem: str | None = None
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """Of the cases that have the score: how many, their mean, median and standard deviation.

    spread: with n - 1 in the denominator; None for a single case.
    """

    cases: int
    mean: float
    median: float
    spread: float | None


@dataclass(frozen=True, slots=True)
class Paired:
    """One measure under two methods, over the cases that both have.

    test, baseline: means of the two.
    difference: of each case by its name, test minus baseline.
    wins, ties, losses: cases in which the test is better, equal, worse.
    p: of Wilcoxon's signed-rank test, two-sided; None where no case differs.
    """

    measure: Measure
    test: float
    baseline: float
    difference: dict[str, float]
    wins: int
    ties: int
    losses: int
    p: float | None

    @property
    def mean(self) -> float:
        """Mean difference."""
        return float(np.mean(list(self.difference.values())))

    @property
    def median(self) -> float:
        """Median difference."""
        return float(np.median(list(self.difference.values())))


@dataclass(frozen=True, slots=True)
class Batch:
    """Many cases, scored.

    comparison: what they compare.
    baseline: another method's scores for the same cases; empty where there is none.
    """

    comparison: Comparison
    scored: list[Scored]
    baseline: list[Scored]

    @property
    def measures(self) -> list[Measure]:
        """The columns of a table of these cases: those that at least one of them has."""
        return self._had(MEASURES[self.comparison].shown)

    @property
    def further(self) -> list[Measure]:
        """The columns of a second table."""
        return self._had(MEASURES[self.comparison].further)

    def paired(self, measures: Sequence[Measure]) -> list[Paired]:
        """The comparison of the two methods by each measure that both have."""
        pairs = (compare_methods(self.scored, self.baseline, each) for each in measures)
        return [pair for pair in pairs if pair]

    def _had(self, measures: Sequence[Measure]) -> list[Measure]:
        return [each for each in measures if any(_has(scored, each) for scored in self.scored)]


def score_batch(
    cases: Sequence[Case],
    baseline: Sequence[Case],
    config: EvaluateConfig,
    sort: str | None,
    on_case: Callable[[Case], None],
) -> Batch:
    """Score every case; one that cannot be read or compared tells its problem, the rest go on.

    sort: the score whose worst cases come first; None for the order of `cases`.
    on_case: told before each case and each of the baseline.

    DIADEM, NBLAST and persistence are left out unless they are asked for.

    Raises InputError, before any work, where `sort` is no score or trees and stacks would share a
    table.
    """
    config = replace(config, slow=bool(config.slow))
    comparison = _comparison([*cases, *baseline], config)
    measure = find_measure(sort, comparison, "--sort") if sort else None
    if measure in SLOW and not config.slow:
        raise InputError(f"--sort {sort} needs --slow, which computes it")
    scored, others = (
        [_scored(case, config, on_case) for case in each] for each in (cases, baseline)
    )
    return Batch(comparison, worst_first(scored, measure) if measure else scored, others)


def _comparison(cases: Sequence[Case], config: EvaluateConfig) -> Comparison:
    kinds = {kind_of(case.test) for case in cases if not case.problem}
    if len(kinds) > 1:
        raise InputError("some cases score trees and some score stacks; score them in two runs")
    if "stack" not in kinds:
        return "tree"
    return "labels" if config.labels else "mask"


def _scored(case: Case, config: EvaluateConfig, on_case: Callable[[Case], None]) -> Scored:
    on_case(case)
    if case.problem:
        return Scored(case, {}, case.problem)
    try:
        evaluation = evaluate([case.test], [case.gold], _config_of(case, config))
    except InputError as error:
        return Scored(case, {}, str(error))
    return Scored(case, flat_record(evaluation), doubt=evaluation.doubt)


def _config_of(case: Case, config: EvaluateConfig) -> EvaluateConfig:
    return replace(
        config,
        swc_units=case.swc_units or config.swc_units,
        voxel_size_zyx=case.voxel_size_zyx or config.voxel_size_zyx,
    )


def worst_first(scored: Sequence[Scored], measure: Measure) -> list[Scored]:
    """The cases by one measure, the worst first; what has no such score comes before all."""

    def badness(each: Scored) -> float:
        value = _value(each, measure)
        if value is None:
            return -math.inf
        return value if measure.better == "high" else -value

    return sorted(scored, key=badness)


def summarise(scored: Sequence[Scored], measure: Measure) -> Summary:
    """Mean, median and spread of a measure that at least one case has."""
    values = np.array([value for each in scored if (value := _value(each, measure)) is not None])
    return Summary(
        cases=len(values),
        mean=float(values.mean()),
        median=float(np.median(values)),
        spread=float(values.std(ddof=1)) if len(values) > 1 else None,
    )


def compare_methods(
    scored: Sequence[Scored], baseline: Sequence[Scored], measure: Measure
) -> Paired | None:
    """The paired comparison of one measure; None where no case has it under both methods."""
    from scipy.stats import wilcoxon  # slow to import, and few ask for it

    before = {each.case.name: _value(each, measure) for each in baseline}
    pairs = {
        each.case.name: (value, other)
        for each in scored
        if (value := _value(each, measure)) is not None
        and (other := before.get(each.case.name)) is not None
    }
    if not pairs:
        return None
    test, other = np.array(list(pairs.values())).T
    difference = test - other
    gain = difference if measure.better == "high" else -difference
    return Paired(
        measure=measure,
        test=float(test.mean()),
        baseline=float(other.mean()),
        difference=dict(zip(pairs, difference.tolist(), strict=True)),
        wins=int((gain > 0).sum()),
        ties=int((gain == 0).sum()),
        losses=int((gain < 0).sum()),
        p=float(wilcoxon(difference).pvalue) if difference.any() else None,
    )


def _has(scored: Scored, measure: Measure) -> bool:
    return _value(scored, measure) is not None


def _value(scored: Scored, measure: Measure) -> float | None:
    value = scored.record.get(measure.key)
    return None if value is None else float(value)
