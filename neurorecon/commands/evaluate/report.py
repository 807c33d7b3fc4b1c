"""A page about one case: both trees by agreement, the stack under them, the scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurorecon.commands.evaluate.config import EvaluateConfig
from neurorecon.commands.evaluate.trees import TreeEvaluation
from neurorecon.errors import InputError
from neurorecon.io.atomic import atomic_output
from neurorecon.io.ondisk import VoxelsOnDisk
from neurorecon.io.stack import OpenStack
from neurorecon.io.voxel_size import open_stack_of_trees
from neurorecon.metrics.agreement import TreeAgreement, tree_agreement
from neurorecon.metrics.morphometry import MorphometryPair
from neurorecon.morphology import Morphology
from neurorecon.report.content import Chart, Curve, Layer, Page, PageTree, Table, unit_sign
from neurorecon.report.page import render_page
from neurorecon.report.pictures import StackPictures, take_pictures
from neurorecon.report.projections import dark_along
from neurorecon.volume import Grid, Unit

GOLD_MATCHED, GOLD_MISSED = "#7fd4ff", "#ffb000"
TEST_MATCHED, TEST_EXTRA = "#2f86e0", "#ff4fa3"
_AS_IT_IS = Grid(unit="um")  # of trees in µm where nobody knows the voxel size


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """What a report is made of besides the scores.

    tests, golds: the files that were scored, for their names.
    image: stack to show under the trees; None: none.
    """

    tests: Sequence[Path]
    golds: Sequence[Path]
    image: Path | None = None


def write_report(
    path: Path,
    evaluation: TreeEvaluation,
    tables: Sequence[Table],
    files: ReportFiles,
    config: EvaluateConfig,
    warn: Callable[[str], None],
    overwrite: bool = False,
) -> None:
    """Write the page about two trees as one HTML file.

    tables: the scores as they are printed. Warnings are those of `open_stack_of_trees`.

    Raises InputError where the stack cannot be read or does not lie around the gold tree, and as
    `atomic_output`.
    """
    html = render_page(_page(evaluation, tables, files, config, warn))
    with atomic_output(path, overwrite) as temporary:
        temporary.write_text(html, encoding="utf-8")


def _page(
    evaluation: TreeEvaluation,
    tables: Sequence[Table],
    files: ReportFiles,
    config: EvaluateConfig,
    warn: Callable[[str], None],
) -> Page:
    with ExitStack() as opened:
        stack = None
        if files.image is not None:
            given, known = config.voxel_size_zyx, _known_size(evaluation.grid)
            stack = opened.enter_context(
                open_stack_of_trees(files.image, given, known, config.channel, warn)
            )
        frame = _frame(evaluation, stack, config)
        pictures = None if stack is None else _pictures(stack, evaluation.gold, frame)
    names = {"test": files.tests, "gold": files.golds, "stack": [files.image] * (stack is not None)}
    distance = f"{config.scoring.tolerance:g} {unit_sign(evaluation.unit)}"
    return Page(
        title=f"{_names(files.tests)} against {_names(files.golds)}",
        facts=[
            *((name, ", ".join(map(str, paths))) for name, paths in names.items() if paths),
            ("matched", f"within {distance} of the other tree"),
            ("voxel size (z, y, x)", _size_text(frame)),
        ],
        unit=frame.unit,
        trees=_trees(evaluation, frame, config),
        stack=pictures,
        tables=tables,
        charts=[_sholl(evaluation.morphometry, evaluation.size_unit)],
    )


def _known_size(grid: Grid) -> tuple[float, float, float] | None:
    return grid.voxel_size_zyx if grid.unit == "um" else None


def _frame(evaluation: TreeEvaluation, stack: OpenStack | None, config: EvaluateConfig) -> Grid:
    """From the coordinates that were scored to those of the page: µm wherever a size is known.

    Voxels are those of the whole recording, so the frame has no origin; unless they count from the
    stack's first one.
    """
    if evaluation.unit == "um":
        if stack is not None and stack.grid.unit != "um":
            raise InputError(
                f"the trees are in µm and the voxel size of {stack.name} is unknown; give "
                "--voxel-size Z Y X, or --swc-units voxel if the coordinates are voxels"
            )
        return _AS_IT_IS
    if stack is not None and config.swc_origin == "stack":
        return stack.grid
    if evaluation.grid.unit == "um" or stack is None:
        return evaluation.grid
    return Grid(stack.grid.voxel_size_zyx, unit=stack.grid.unit, source=stack.grid.source)


def _pictures(stack: OpenStack, gold: Morphology, frame: Grid) -> StackPictures:
    index = stack.grid.to_index(frame.to_physical(gold.point_zyx))
    inside = (index > -0.5) & (index < np.asarray(stack.shape_zyx) - 0.5)
    if not inside.all(axis=1).any():
        raise InputError(
            f"the gold tree lies outside of {stack.name}; check --swc-units, --swc-origin and "
            "--voxel-size, or whether they belong together"
        )

    voxels = VoxelsOnDisk(stack)
    return take_pictures(voxels, stack.grid, negative=dark_along(voxels, index))


def _trees(evaluation: TreeEvaluation, frame: Grid, config: EvaluateConfig) -> list[PageTree]:
    limits, test, gold = config.scoring, evaluation.test, evaluation.gold
    agreement = {
        "gold": tree_agreement(gold, test, limits.tolerance, limits.step),
        "test": tree_agreement(test, gold, limits.tolerance, limits.step),
    }
    layers = {
        "gold": (("gold, matched", GOLD_MATCHED), ("gold, missed", GOLD_MISSED)),
        "test": (("test, matched", TEST_MATCHED), ("test, extra", TEST_EXTRA)),
    }
    unit = unit_sign(evaluation.unit)
    headings = [
        f"length ({unit_sign(frame.unit)})",
        "matched (%)",
        f"mean distance ({unit})",
        f"largest distance ({unit})",
    ]
    return [
        PageTree(
            name=name,
            layers=_layers(agreement[name], layers[name], frame),
            root_zyx=frame.to_physical(tree.point_zyx[tree.roots]),
            headings=headings,
            figures=_figures(agreement[name], frame),
        )
        for name, tree in (("gold", gold), ("test", test))
    ]


def _layers(
    agreement: TreeAgreement, names: tuple[tuple[str, str], tuple[str, str]], frame: Grid
) -> list[Layer]:
    """The pieces that are matched, and those that are not."""
    chosen = (agreement.matched, ~agreement.matched)
    return [
        Layer(
            name=name,
            colour=colour,
            start_zyx=frame.to_physical(agreement.start_zyx[pieces]),
            end_zyx=frame.to_physical(agreement.end_zyx[pieces]),
            branch=agreement.branch[pieces],
        )
        for (name, colour), pieces in zip(names, chosen, strict=True)
    ]


def _figures(agreement: TreeAgreement, frame: Grid) -> NDArray[np.float64]:
    """(b, 4) length in the frame, matched per cent, mean and largest distance as scored."""
    piece = np.linalg.norm(
        frame.to_physical(agreement.end_zyx) - frame.to_physical(agreement.start_zyx), axis=1
    )
    length = np.bincount(agreement.branch, weights=piece, minlength=len(agreement.length))
    whole = np.where(agreement.length > 0, agreement.length, np.nan)
    matched = 100.0 * agreement.matched_length / whole
    return np.stack([length, matched, agreement.mean_distance, agreement.largest_distance], axis=1)


def _sholl(pair: MorphometryPair, unit: Unit) -> Chart:
    return Chart(
        title="Sholl profile",
        x_label=f"distance from the gold's soma or root ({unit_sign(unit)})",
        y_label="crossings",
        curves=[
            Curve("gold", GOLD_MISSED, pair.radii, pair.gold_sholl.astype(np.float64)),
            Curve("test", TEST_EXTRA, pair.radii, pair.test_sholl.astype(np.float64)),
        ],
    )


def _names(paths: Sequence[Path]) -> str:
    first = paths[0].name
    return first if len(paths) == 1 else f"{first} and {len(paths) - 1} more"


def _size_text(frame: Grid) -> str:
    if frame.unit != "um" or frame is _AS_IT_IS:
        return "unknown"
    return " x ".join(f"{size:g}" for size in frame.voxel_size_zyx) + " µm"
