"""`neurorecon evaluate`."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurorecon.cli.console import case_progress, warning_line
from neurorecon.cli.options import INPUT_PANEL, OUTPUT_PANEL, Channel, SwcUnits, VoxelSize
from neurorecon.errors import InputError

if TYPE_CHECKING:
    from neurorecon.commands.evaluate.case import Evaluation
    from neurorecon.commands.evaluate.config import EvaluateConfig
    from neurorecon.commands.evaluate.files import Cases

SCORING_PANEL = "Scoring"
BATCH_PANEL = "Many cases"


def evaluate(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="TEST GOLD | PAIRS.csv",
            help="What to score and the truth: SWC files, or stacks (TIFF, OME-Zarr); two folders "
            "or quoted patterns, matched by name; or one CSV with the columns test,gold.",
            show_default=False,
        ),
    ],
    tolerance: Annotated[
        float,
        typer.Option(
            metavar="T",
            help="Trees: distance within which length agrees, in voxels (µm if the voxel size is "
            "unknown).",
            rich_help_panel=SCORING_PANEL,
        ),
    ] = 4.0,
    match_radius: Annotated[
        float,
        typer.Option(
            metavar="R",
            help="Trees: largest distance of a pair of forks or tips, in voxels (µm if the voxel "
            "size is unknown).",
            rich_help_panel=SCORING_PANEL,
        ),
    ] = 12.0,
    threshold: Annotated[
        float,
        typer.Option(
            metavar="P",
            min=0.0,
            max=1.0,
            help="Stacks: probability from which a voxel is foreground, 0 to 1 (a uint8 stack's "
            "255 is 1). A stack with only one value besides 0 is a mask: no threshold.",
            rich_help_panel=SCORING_PANEL,
        ),
    ] = 0.5,
    sort: Annotated[
        str | None,
        typer.Option(
            metavar="SCORE",
            help="Order of the cases: the worst by this score first, such as length_f1, esa, dice, "
            "hd95.",
            show_default="by name",
            rich_help_panel=BATCH_PANEL,
        ),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Another method's results (folder or quoted pattern), scored on the same cases "
            "and compared case by case: difference, wins, Wilcoxon's p.",
            show_default="none",
            rich_help_panel=BATCH_PANEL,
        ),
    ] = None,
    swc_units: Annotated[
        SwcUnits,
        typer.Option(
            help="Unit of coordinates in SWC files that do not say it in a neurorecon header.",
            rich_help_panel=INPUT_PANEL,
        ),
    ] = SwcUnits.voxel,
    voxel_size: VoxelSize = None,
    channel: Channel = None,
    details: Annotated[
        bool,
        typer.Option(
            "--details",
            help="Print every score of a single case, and a probability's curve over thresholds.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one JSON object with every score instead of the default table.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = False,
    as_csv: Annotated[
        bool,
        typer.Option(
            "--csv",
            help="Print CSV, a row a case with every score, instead of the default table.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = False,
) -> None:
    """Score trees, masks or probabilities against a gold standard.

    Two SWC files: length precision, recall and F1, ESA, DSA, PDS, forks, tips.

    Two stacks: Dice, IoU, precision, recall, clDice, HD95, surface distances, components; for a
    probability the best threshold and average precision.

    A stack and an SWC file: the same, with the tree drawn as tubes of radius 2 voxels.

    Distances between trees are in voxels; in µm only where the voxel size is unknown. Distances
    between stacks are in µm where the voxel size is known.
    """
    from neurorecon.commands.evaluate.config import EvaluateConfig
    from neurorecon.metrics.tree import TreeScoring

    if as_json and as_csv:
        raise InputError("--json and --csv exclude each other; give one")
    scoring = TreeScoring(tolerance=tolerance, match_radius=match_radius)
    config = EvaluateConfig(scoring, threshold, swc_units.value, voxel_size, channel)
    output = "json" if as_json else "csv" if as_csv else "table"
    if (cases := _cases(files)) is not None:
        _evaluate_many(cases, baseline, config, sort, output)
        return
    for name, value in (("--baseline", baseline), ("--sort", sort)):
        if value is not None:
            raise InputError(f"{name} is for many cases; give two folders, patterns or a CSV")
    _evaluate_one(Path(files[0]), Path(files[1]), config, output, details)


def _cases(files: list[str]) -> Cases | None:
    """The cases that the arguments stand for; None for two single files."""
    from neurorecon.commands.evaluate.files import cases_in_table, is_several, match_files

    if len(files) == 1 and files[0].lower().endswith(".csv"):
        return cases_in_table(Path(files[0]))
    if len(files) != 2:
        raise InputError(
            f"{len(files)} file{'s' * (len(files) > 1)}, expected TEST and GOLD, or one CSV; "
            "put patterns into quotes ('traced/*.swc'), so that the shell leaves them alone"
        )
    several = [is_several(each) for each in files]
    if several[0] != several[1]:
        many, one = files if several[0] else files[::-1]
        raise InputError(
            f"{many} stands for many files and {one} for one; give two files, or two folders or "
            "patterns"
        )
    return match_files(*files) if all(several) else None


def _evaluate_one(
    test: Path, gold: Path, config: EvaluateConfig, output: str, details: bool
) -> None:
    from neurorecon.cli.evaluate_tables import print_tables, tables_of
    from neurorecon.commands.evaluate.case import evaluate as run
    from neurorecon.commands.evaluate.records import curve_rows, flat_record

    evaluation = run(test, gold, config)
    _warn(evaluation, gold)
    record: dict[str, Any] = {"test": str(test), "gold": str(gold), **flat_record(evaluation)}
    if output == "json":
        curve = curve_rows(evaluation)
        record |= _settings(config) | ({"curve": curve} if curve else {})
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


def _warn(evaluation: Evaluation, gold: Path) -> None:
    from neurorecon.commands.evaluate.trees import TreeEvaluation

    if isinstance(evaluation, TreeEvaluation):
        if evaluation.unit == "um":
            _warn_of_um()
    elif evaluation.outside > 0:
        warning_line(
            f"{evaluation.outside:.1%} of the nodes of {gold} lie outside of the stack; what lies "
            "inside is scored"
        )


def _warn_of_um() -> None:
    warning_line(
        "the voxel size is unknown: distances, --tolerance and --match-radius are in µm; "
        "give --voxel-size Z Y X for scores in voxels"
    )


def _evaluate_many(
    cases: Cases, baseline: str | None, config: EvaluateConfig, sort: str | None, output: str
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
    with case_progress(len(cases.cases) + len(compared)) as begin:
        batch = score_batch(cases.cases, compared, config, sort, lambda case: begin(case.name))
    _name_left_out(unmatched)
    failed = [each.problem for each in (*batch.scored, *batch.baseline) if each.problem]
    for problem in failed:
        warning_line(problem)
    if any(each.record.get("unit") == "um" for each in batch.scored) and batch.kind == "tree":
        _warn_of_um()
    if output == "json":
        print_batch_json(batch, _settings(config), unmatched)
    elif output == "csv":
        print_batch_csv(batch)
    else:
        print_batch(batch)
    if failed:
        raise InputError(
            f"{len(failed)} of {len(cases.cases) + len(compared)} cases could not be scored (see "
            "above); correct or remove their files"
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
