"""`neurorecon evaluate`."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from neurorecon.cli import evaluate_options as options
from neurorecon.cli.console import case_progress, warning_line
from neurorecon.cli.evaluate_report import check_report, write_page
from neurorecon.cli.options import Channel, Dataset, Overwrite, SwcUnits, VoxelSize
from neurorecon.errors import InputError

if TYPE_CHECKING:
    from neurorecon.commands.evaluate.case import Evaluation
    from neurorecon.commands.evaluate.config import EvaluateConfig
    from neurorecon.commands.evaluate.files import Cases

Output = Literal["table", "json", "csv"]


def evaluate(
    files: options.Files,
    tolerance: options.Tolerance = 4.0,
    match_radius: options.MatchRadius = 12.0,
    slow: options.Slow = None,
    threshold: options.Threshold = 0.5,
    labels: options.Labels = False,
    together: options.Together = False,
    sort: options.Sort = None,
    baseline: options.Baseline = None,
    swc_units: options.SwcUnits = SwcUnits.voxel,
    swc_origin: options.SwcOrigin = options.SwcOriginChoice.recording,
    voxel_size: VoxelSize = None,
    channel: Channel = None,
    dataset: Dataset = None,
    image: options.Image = None,
    report: options.Report = None,
    overwrite: Overwrite = False,
    details: options.Details = False,
    as_json: options.AsJson = False,
    as_csv: options.AsCsv = False,
) -> list[Path]:
    """Score trees, masks or probabilities against a gold standard.

    Trees: length F1, ESA, DSA, PDS, forks, tips, run length, DIADEM and more.

    Stacks, against masks or a tree drawn into them: Dice, clDice, HD95 and more.

    Distances of trees are in voxels, in µm only if the voxel size is unknown.

    Distances of masks are in µm if the voxel size is known, else in voxels.
    """
    from neurorecon.commands.evaluate.config import EvaluateConfig
    from neurorecon.metrics.tree import TreeScoring

    if as_json and as_csv:
        raise InputError("--json and --csv exclude each other; give one")
    output: Output = "json" if as_json else "csv" if as_csv else "table"
    scoring = TreeScoring(tolerance=tolerance, match_radius=match_radius)
    config = EvaluateConfig(
        scoring,
        threshold,
        swc_units.value,
        voxel_size,
        channel,
        labels=labels,
        slow=slow,
        swc_origin=swc_origin.value,
        dataset=dataset,
    )
    sources = _sources(files, together, labels)
    check_report(report, image, sources if isinstance(sources, tuple) else None, overwrite)
    if not isinstance(sources, tuple):
        _evaluate_many(sources, baseline, config, sort, output, details)
        return []
    for name, value in (("--baseline", baseline), ("--sort", sort)):
        if value is not None:
            raise InputError(f"{name} is for many cases; give two folders, patterns or a CSV")
    evaluation = _evaluate_one(*sources, config)
    if report is not None:
        write_page(report, evaluation, sources, image, config, overwrite)
    _print_one(evaluation, *sources, config, output, details)
    return [report] if report is not None else []


def _sources(
    files: Sequence[str], together: bool, labels: bool
) -> Cases | tuple[list[Path], list[Path]]:
    """The cases that the arguments stand for, or the test and gold files of a single one."""
    from neurorecon.commands.evaluate.files import (
        cases_in_table,
        files_of,
        is_several,
        match_files,
    )

    if len(files) == 1 and files[0].lower().endswith(".csv"):
        if together:
            raise InputError("--together is for TEST and GOLD; a CSV names one case a row")
        return cases_in_table(Path(files[0]))
    if len(files) == 1:
        raise InputError(f"{files[0]} alone cannot be scored; give TEST and GOLD, or one CSV")
    if len(files) > 2:
        raise InputError(
            f"{len(files)} files, expected TEST and GOLD; put patterns into quotes "
            "('traced/*.swc'), so that the shell leaves them alone"
        )
    test, gold = (is_several(each) for each in files)
    if together or (labels and gold and not test):
        tests, golds = (files_of(each) if is_several(each) else [Path(each)] for each in files)
        return tests, golds
    if test and gold:
        return match_files(*files)
    if test or gold:
        many, one = files if test else files[::-1]
        raise InputError(
            f"{many} stands for many files and {one} for one; give two files, or two folders or "
            "patterns; or --together, if all SWC files of a folder are one case"
        )
    return [Path(files[0])], [Path(files[1])]


def _evaluate_one(tests: list[Path], golds: list[Path], config: EvaluateConfig) -> Evaluation:
    from neurorecon.commands.evaluate.case import evaluate as run

    evaluation = run(tests, golds, config)
    _warn(evaluation, golds, config)
    return evaluation


def _print_one(
    evaluation: Evaluation,
    tests: list[Path],
    golds: list[Path],
    config: EvaluateConfig,
    output: Output,
    details: bool,
) -> None:
    from neurorecon.cli.evaluate_tables import tables_of
    from neurorecon.cli.tables import print_tables
    from neurorecon.commands.evaluate.records import flat_record, series_record

    names = {"test": ", ".join(map(str, tests)), "gold": ", ".join(map(str, golds))}
    record: dict[str, Any] = {**names, **flat_record(evaluation)}
    if output == "json":
        record |= _settings(config) | series_record(evaluation)
        typer.echo(json.dumps(record, indent=2))
    elif output == "csv":
        writer = csv.DictWriter(sys.stdout, list(record), lineterminator="\n")
        writer.writeheader()
        writer.writerow(record)
    else:
        print_tables(tables_of(evaluation, config.scoring, details))


def _settings(config: EvaluateConfig) -> dict[str, float]:
    return {
        "tolerance": config.scoring.tolerance,
        "match_radius": config.scoring.match_radius,
        "threshold": config.threshold,
    }


def _warn(evaluation: Evaluation, golds: Sequence[Path], config: EvaluateConfig) -> None:
    from neurorecon.commands.evaluate.records import comparison_of
    from neurorecon.commands.evaluate.stacks import MaskEvaluation
    from neurorecon.commands.evaluate.trees import TreeEvaluation
    from neurorecon.metrics import LARGEST_DETAILED

    _warn_of_unit({(comparison_of(evaluation), evaluation.unit)})
    if evaluation.doubt:
        warning_line(evaluation.doubt)
    if isinstance(evaluation, TreeEvaluation):
        if evaluation.slow is None and config.slow is None:
            warning_line(
                f"DIADEM, NBLAST and persistence are left out above {LARGEST_DETAILED:,} nodes; "
                "--slow computes them"
            )
    elif isinstance(evaluation, MaskEvaluation) and evaluation.outside > 0:
        warning_line(
            f"{evaluation.outside:.1%} of the nodes of {golds[0]} lie outside of the stack; what "
            "lies inside is scored"
        )


def _warn_of_unit(found: set[tuple[str, str]]) -> None:
    """Say where distances are not in the usual unit.

    found: what was compared, and the unit of its distances.
    """
    if ("tree", "um") in found:
        warning_line(
            "the voxel size is unknown: distances, --tolerance and --match-radius are in µm; "
            "give --voxel-size Z Y X for scores in voxels"
        )
    if ("mask", "voxel") in found:
        warning_line(
            "the voxel size is unknown: distances are in voxels; give --voxel-size Z Y X for µm"
        )


def _evaluate_many(
    cases: Cases,
    baseline: str | None,
    config: EvaluateConfig,
    sort: str | None,
    output: Output,
    details: bool,
) -> None:
    """Score and print; exit code 2, after the output, where a case could not be scored."""
    from neurorecon.cli.evaluate_batch import print_batch, print_batch_csv, print_batch_json
    from neurorecon.commands.evaluate.batch import score_batch
    from neurorecon.commands.evaluate.files import match_baseline

    others = match_baseline(baseline, cases.cases) if baseline else None
    unmatched = {"test": cases.unmatched_test, "gold": cases.unmatched_gold}
    if others:
        unmatched |= {"baseline": others.unmatched_test, "not_in_baseline": others.unmatched_gold}
    compared = others.cases if others else []
    total = len(cases.cases) + len(compared)
    with case_progress(total) as begin:
        batch = score_batch(cases.cases, compared, config, sort, lambda case: begin(case.name))
    _name_left_out(unmatched)
    failed = [each.problem for each in (*batch.scored, *batch.baseline) if each.problem]
    for problem in failed:
        warning_line(problem)
    for doubt in dict.fromkeys(each.doubt for each in (*batch.scored, *batch.baseline)):
        if doubt:
            warning_line(doubt)
    _warn_of_unit({(batch.comparison, str(each.record.get("unit"))) for each in batch.scored})
    if output == "json":
        print_batch_json(batch, _settings(config), unmatched)
    elif output == "csv":
        print_batch_csv(batch)
    else:
        print_batch(batch, details)
    if failed:
        raise InputError(
            f"{len(failed)} of {total} cases could not be scored (see above); correct or remove "
            "their files"
        )


def _name_left_out(unmatched: dict[str, list[Path]]) -> None:
    meaning = {
        "test": "without a gold of that name",
        "gold": "without a test of that name",
        "baseline": "of the baseline without a case of that name",
        "not_in_baseline": "without a file of that name in the baseline",
    }
    for side, paths in unmatched.items():
        if paths:
            names = ", ".join(map(str, paths))
            warning_line(f"left out, {meaning[side]}: {names}")
