"""Score a tree, a mask or a probability against a gold standard."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from neurorecon.errors import InputError
from neurorecon.geometry import in_voxels
from neurorecon.io.stack import read_volume
from neurorecon.io.swc import SwcHeader, read_swc, read_swc_header
from neurorecon.io.tiff_grid import Placement, make_grid
from neurorecon.metrics.masks import Mask, check_shapes, foreground, is_mask, tree_mask
from neurorecon.metrics.tree import TreeScores, TreeScoring, compare_trees
from neurorecon.metrics.voxel import MaskScores, compare_masks
from neurorecon.volume import Grid, Unit, Volume

VoxelSize = tuple[float, float, float]

_TIFF_SUFFIXES = {".tif", ".tiff"}
_TIFF_MAGIC = {b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"}


# Scores sample trees at every voxel. The longest neurons known are below a million; whole brains of
# them stay under this, which a wrong coordinate does not.
LONGEST_TREE = 3e7


@dataclass(frozen=True, slots=True)
class EvaluateConfig:
    """How to read and compare.

    scoring: limits of the scores of trees.
    threshold: probability from which a voxel is foreground; the network's own middle.
    swc_units: meaning of coordinates in SWC files that do not say it; the field's habit is voxels.
    voxel_size_zyx: in µm, overrides what files say; None: the files' own.
    channel: of multi-channel stacks.
    """

    scoring: TreeScoring = field(default_factory=TreeScoring)
    threshold: float = 0.5
    swc_units: Unit = "voxel"
    voxel_size_zyx: VoxelSize | None = None
    channel: int | None = None


@dataclass(frozen=True, slots=True)
class TreeEvaluation:
    """Scores of two trees; unit: of every distance and length."""

    scores: TreeScores
    unit: Unit


@dataclass(frozen=True, slots=True)
class MaskEvaluation:
    """Scores of two masks; unit: of HD95."""

    scores: MaskScores
    unit: Unit


def evaluate(test: Path, gold: Path, config: EvaluateConfig) -> TreeEvaluation | MaskEvaluation:
    """Score TEST against GOLD; what they are decides which scores.

    Two SWC files are compared as trees, two stacks as masks. A stack against an SWC file is
    compared with the tree drawn into it.

    Raises InputError for files that cannot be read or compared.
    """
    match _kind(test), _kind(gold):
        case "tree", "tree":
            return _evaluate_trees(test, gold, config)
        case "stack", "stack":
            return _evaluate_stacks(test, gold, config)
        case "stack", "tree":
            return _evaluate_stack_and_tree(test, gold, config)
    raise InputError(
        f"{test} is a tree and {gold} a stack; compare a tree with a tree (an SWC file as GOLD), "
        "or put the stack first"
    )


def _kind(path: Path) -> Literal["tree", "stack"]:
    """A TIFF by its first bytes or its name is a stack; everything else is read as SWC."""
    if path.suffix.lower() in _TIFF_SUFFIXES:
        return "stack"
    if not path.is_file():
        return "tree"  # its reader says what is wrong
    with path.open("rb") as file:
        return "stack" if file.read(4) in _TIFF_MAGIC else "tree"


def _evaluate_trees(test: Path, gold: Path, config: EvaluateConfig) -> TreeEvaluation:
    test_tree, gold_tree = (read_swc(path, config.swc_units) for path in (test, gold))
    size = config.voxel_size_zyx or _size_in_um(read_swc_header(gold), read_swc_header(test))
    if size is not None:
        grid = make_grid(Placement(), size)
        test_tree, gold_tree = in_voxels(test_tree, grid), in_voxels(gold_tree, grid)
    if test_tree.unit != gold_tree.unit:
        raise InputError(
            f"{test} is in {test_tree.unit} and {gold} in {gold_tree.unit}; give --voxel-size "
            "Z Y X, or say with --swc-units what an SWC file without a header is in"
        )
    for file, tree in ((test, test_tree), (gold, gold_tree)):
        if tree.length > LONGEST_TREE:
            raise InputError(
                f"{file} is {tree.length:.3g} {tree.unit}s long, with an edge of "
                f"{tree.edge_length.max():.3g}: a coordinate is wrong, or the unit; correct it"
            )
    return TreeEvaluation(compare_trees(test_tree, gold_tree, config.scoring), test_tree.unit)


def _size_in_um(*headers: SwcHeader) -> VoxelSize | None:
    """The first voxel size in µm: of the gold, so that several tests share one frame."""
    sizes = (header.voxel_size_zyx for header in headers if header.unit == "um")
    return next((size for size in sizes if size), None)


def _evaluate_stacks(test: Path, gold: Path, config: EvaluateConfig) -> MaskEvaluation:
    test_volume, gold_volume = _read(test, config), _read(gold, config)
    _check_same_grid(test, test_volume, gold, gold_volume)
    if not is_mask(gold_volume.array):
        raise InputError(
            f"{gold} has many values; a gold mask has 0 and one other value: threshold it first, "
            "or put the probability first"
        )
    grid = gold_volume.grid if gold_volume.grid.unit == "um" else test_volume.grid
    test_mask = _foreground(test, test_volume, config)
    return _evaluate_masks(test_mask, gold_volume.array != 0, grid)


def _evaluate_stack_and_tree(test: Path, gold: Path, config: EvaluateConfig) -> MaskEvaluation:
    volume, tree = _read(test, config), read_swc(gold, config.swc_units)
    if tree.unit == "um" and volume.grid.unit == "voxel":
        raise InputError(
            f"{gold} is in µm and the voxel size of {test} is unknown; give --voxel-size Z Y X, or "
            "--swc-units voxel if the coordinates are voxels"
        )
    gold_mask = tree_mask(in_voxels(tree, volume.grid), volume.array.shape)
    if not gold_mask.any():
        raise InputError(
            f"{gold} lies outside of {test}; check --swc-units and --voxel-size, or whether they "
            "belong together"
        )
    return _evaluate_masks(_foreground(test, volume, config), gold_mask, volume.grid)


def _read(path: Path, config: EvaluateConfig) -> Volume:
    return read_volume(
        path,
        voxel_size_zyx=config.voxel_size_zyx,
        channel=config.channel,
        allow_uniform=True,  # an empty mask is a result like any other
    )


def _check_same_grid(test: Path, test_volume: Volume, gold: Path, gold_volume: Volume) -> None:
    try:
        check_shapes(test_volume.array, gold_volume.array)
    except InputError as error:
        raise InputError(f"{test} and {gold} cannot be compared: {error}") from None


def _foreground(path: Path, volume: Volume, config: EvaluateConfig) -> Mask:
    try:
        return foreground(volume.array, config.threshold)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _evaluate_masks(test: Mask, gold: Mask, grid: Grid) -> MaskEvaluation:
    return MaskEvaluation(compare_masks(test, gold, grid.voxel_size_zyx), grid.unit)


def flat_record(evaluation: TreeEvaluation | MaskEvaluation) -> dict[str, str | float | None]:
    """The scores under stable flat names, as `--json` prints them.

    Distances and lengths are in `unit`; shares go from 0 to 1; None where nothing was matched.
    """
    if isinstance(evaluation, TreeEvaluation):
        return {"comparison": "tree", "unit": evaluation.unit, **_tree_record(evaluation.scores)}
    return {"comparison": "mask", "unit": evaluation.unit, **_mask_record(evaluation.scores)}


def _tree_record(scores: TreeScores) -> dict[str, float | None]:
    record: dict[str, float | None] = {
        "length_precision": scores.precision,
        "length_recall": scores.recall,
        "length_f1": scores.f1,
    }
    for name, directed in (("esa", scores.esa), ("dsa", scores.dsa), ("pds", scores.pds)):
        record[name] = directed.mean
        record[f"{name}_test_to_gold"] = directed.test_to_gold
        record[f"{name}_gold_to_test"] = directed.gold_to_test
    for name, match in (("fork", scores.forks), ("tip", scores.tips)):
        record[f"{name}_precision"] = match.agreement.precision
        record[f"{name}_recall"] = match.agreement.recall
        record[f"{name}_f1"] = match.agreement.f1
        record[f"{name}_mean_distance"] = match.mean_distance
        record[f"test_{name}s"] = match.test
        record[f"gold_{name}s"] = match.gold
    for name, size in (("test", scores.test), ("gold", scores.gold)):
        record[f"{name}_nodes"] = size.nodes
        record[f"{name}_trees"] = size.trees
        record[f"{name}_length"] = size.length
    return record


def _mask_record(scores: MaskScores) -> dict[str, float | None]:
    return {
        "dice": scores.dice,
        "iou": scores.iou,
        "precision": scores.overlap.precision,
        "recall": scores.overlap.recall,
        "cldice": scores.cldice,
        "centreline_precision": scores.centreline.precision,
        "centreline_recall": scores.centreline.recall,
        "hd95": scores.hd95,
        "test_voxels": scores.test_voxels,
        "gold_voxels": scores.gold_voxels,
    }
