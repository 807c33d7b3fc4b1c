"""`neurorecon evaluate --report`: a page about one case."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from neurorecon.cli.console import note_line, warning_line
from neurorecon.errors import InputError

if TYPE_CHECKING:
    from neurorecon.commands.evaluate.case import Evaluation
    from neurorecon.commands.evaluate.config import EvaluateConfig


_SUFFIXES = (".html", ".htm")


def check_report(
    report: Path | None,
    image: Path | None,
    one_case: tuple[Sequence[Path], Sequence[Path]] | None,
    overwrite: bool,
) -> None:
    """Raise InputError, before the work, where no page can be made of what is scored.

    one_case: the test and the gold files; None where there are many cases.
    """
    from neurorecon.commands.evaluate.files import kind_of
    from neurorecon.io.atomic import refuse_existing

    if report is None:
        if image is not None:
            raise InputError("--image is shown in a report; add --report FILE.html or leave it out")
        return
    if one_case is None:
        raise InputError("--report shows one case; give one TEST and one GOLD")
    for path in (*one_case[0], *one_case[1]):
        if kind_of(path) != "tree":
            raise InputError(
                f"--report shows trees and {path} is a stack; give SWC files, and the stack as "
                "--image"
            )
    if report.suffix.lower() not in _SUFFIXES:
        raise InputError(
            f"--report {report}: a report is an HTML page, and browsers go by the name; give one "
            "that ends in .html or .htm"
        )
    refuse_existing(report, overwrite)


def write_page(
    report: Path,
    evaluation: Evaluation,
    files: tuple[Sequence[Path], Sequence[Path]],
    image: Path | None,
    config: EvaluateConfig,
    overwrite: bool,
) -> None:
    """Write the page; its tables are those that `--details` prints."""
    from neurorecon.cli.evaluate_tables import tables_of
    from neurorecon.commands.evaluate.report import ReportFiles, write_report
    from neurorecon.commands.evaluate.trees import TreeEvaluation
    from neurorecon.report.content import Table

    assert isinstance(evaluation, TreeEvaluation)  # `check_report` has refused all else
    tables = [
        Table(
            headings=[str(column.header) for column in table.columns],
            rows=[
                [str(cell) for cell in row]
                for row in zip(*(column.cells for column in table.columns), strict=True)
            ],
        )
        for table in tables_of(evaluation, config.scoring, details=True)
    ]
    shown = ReportFiles(*files, image)
    write_report(report, evaluation, tables, shown, config, warning_line, overwrite)
    note_line(f"wrote {report}")
