"""Many cases on standard output: a table, CSV or JSON."""

from __future__ import annotations

import csv
import json
import sys
import textwrap
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from neurorecon.cli.tables import plain_table, print_tables, sign_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rich.table import Table
    from rich.text import Text

    from neurorecon.commands.evaluate.batch import Batch, Paired, Scored
    from neurorecon.commands.evaluate.measures import Measure


_NAME_WIDTH = 13  # characters: the widest table then fits into 80 columns


def print_batch(batch: Batch, details: bool) -> None:
    """The cases with mean, median and spread, and the comparison of two methods.

    details: also a table of further scores.
    """
    sections = [batch.measures, batch.further] if details else [batch.measures]
    sections = [measures for measures in sections if measures]
    tables = [_case_table(batch, measures) for measures in sections]
    if batch.baseline:
        compared = [batch.paired(measures) for measures in sections]
        tables += [_difference_table(batch.scored, paired) for paired in compared]
        tables.append(_paired_table([pair for paired in compared for pair in paired]))
    print_tables(tables)


def print_batch_csv(batch: Batch) -> None:
    """A row a case with every score; with a baseline, its scores beside them."""
    before = {each.case.name: each.record for each in batch.baseline}
    measures = [*batch.measures, *batch.further]
    rows = []
    for each in batch.scored:
        row: dict[str, Any] = {**_files(each), **each.record}
        if batch.baseline:
            other = before.get(each.case.name, {})
            row |= {f"baseline_{m.key}": other.get(m.key) for m in measures}
        rows.append(row)
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(sys.stdout, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def print_batch_json(
    batch: Batch, settings: Mapping[str, Any], unmatched: Mapping[str, Sequence[Path]]
) -> None:
    """One object: the settings, every case, the summary, and what was left out."""
    from neurorecon.commands.evaluate.batch import summarise

    measures = [*batch.measures, *batch.further]
    record: dict[str, Any] = {
        **settings,
        "cases": [{**_files(each), **each.record} for each in batch.scored],
        "summary": {m.key: asdict(summarise(batch.scored, m)) for m in measures},
        "unmatched": {side: [str(path) for path in paths] for side, paths in unmatched.items()},
    }
    if batch.baseline:
        record["baseline"] = [{**_files(each), **each.record} for each in batch.baseline]
        record["against_baseline"] = {
            pair.measure.key: {
                "test_mean": pair.test,
                "baseline_mean": pair.baseline,
                "mean_difference": pair.mean,
                "median_difference": pair.median,
                "wins": pair.wins,
                "ties": pair.ties,
                "losses": pair.losses,
                "wilcoxon_p": pair.p,
                "difference": pair.difference,
            }
            for pair in batch.paired(measures)
        }
    typer.echo(json.dumps(record, indent=2))


def _files(scored: Scored) -> dict[str, Any]:
    files: dict[str, Any] = {
        "name": scored.case.name,
        "test": str(scored.case.test),
        "gold": str(scored.case.gold),
    }
    return files | ({"problem": scored.problem} if scored.problem else {})


def _case_table(batch: Batch, measures: Sequence[Measure]) -> Table:
    from neurorecon.commands.evaluate.batch import summarise

    table = plain_table("case", *(measure.heading for measure in measures))
    for each in batch.scored:
        table.add_row(
            _wrapped(each.case.name), *(_of_case(each.record.get(m.key), m) for m in measures)
        )
    summaries = [summarise(batch.scored, measure) for measure in measures]
    table.add_section()
    for name, values in (
        ("mean", [each.mean for each in summaries]),
        ("median", [each.median for each in summaries]),
        ("SD", [each.spread for each in summaries]),
    ):
        pairs = zip(values, measures, strict=True)
        table.add_row(name, *(_number(value, measure) for value, measure in pairs))
    units = {str(each.record["unit"]) for each in batch.scored if each.record}
    hint = "; forks and tips: F1" if measures[0].key == "length_f1" else ""
    unit = " or ".join(map(sign_of, units))
    table.caption = f"{_cases(len(batch.scored))}; distances in {unit}{hint}"
    return table


def _difference_table(scored: Sequence[Scored], paired: Sequence[Paired]) -> Table:
    table = plain_table("difference", *(pair.measure.heading for pair in paired))
    for name in (each.case.name for each in scored):
        if any(name in pair.difference for pair in paired):
            cells = (_of_case(pair.difference.get(name), pair.measure, "+") for pair in paired)
            table.add_row(_wrapped(name), *cells)
    return table


def _paired_table(paired: Sequence[Paired]) -> Table:
    table = plain_table(
        "score", "test", "baseline", "difference", "median", "better", "same", "worse", "p"
    )
    for pair in paired:
        measure = pair.measure
        table.add_row(
            measure.heading,
            _number(pair.test, measure),
            _number(pair.baseline, measure),
            _signed(pair.mean, measure),
            _signed(pair.median, measure),
            *(str(count) for count in (pair.wins, pair.ties, pair.losses)),
            "-" if pair.p is None else f"{pair.p:.2g}",
        )
    table.caption = "cases in which the test is better; p of Wilcoxon's signed-rank test"
    return table


def _cases(count: int) -> str:
    return "1 case" if count == 1 else f"{count} cases"


def _wrapped(name: str) -> Text:
    """A long name in several lines, so that the numbers keep their room."""
    from rich.text import Text  # a plain string could hold markup: "cell [1]"

    return Text("\n".join(textwrap.wrap(name, _NAME_WIDTH)) or name)


def _of_case(value: Any, measure: Measure, sign: str = "") -> str:
    """A score of one case, or with the sign "+" a difference."""
    if value is None:
        return "-"
    return f"{value:{sign}.{0 if measure.whole else measure.digits}f}"


def _number(value: Any, measure: Measure) -> str:
    return "-" if value is None else f"{value:.{measure.digits}f}"


def _signed(value: float, measure: Measure) -> str:
    return f"{value:+.{measure.digits}f}"
