"""`neurorecon.evaluate`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from neurorecon.api.neuron import Neuron
from neurorecon.api.stacks import Triple, array_folder, check_number, grid_of, write_array
from neurorecon.commands.evaluate.case import Evaluation
from neurorecon.commands.evaluate.case import evaluate as run
from neurorecon.commands.evaluate.config import EvaluateConfig
from neurorecon.commands.evaluate.records import flat_record
from neurorecon.commands.evaluate.trees import score_trees
from neurorecon.errors import InputError
from neurorecon.geometry import in_voxels
from neurorecon.io.swc import write_swc
from neurorecon.metrics.tree import TreeScoring
from neurorecon.morphology import Morphology
from neurorecon.volume import Grid

Scores = dict[str, Any]  # numbers, None where there is none, and a few words


def evaluate(
    test: Neuron | Sequence[Neuron] | ArrayLike,
    gold: Neuron | Sequence[Neuron] | ArrayLike,
    *,
    voxel_size_um: Triple | None = None,
    origin_um: Triple | None = None,
    tolerance: float = 4.0,
    match_radius: float = 12.0,
    threshold: float = 0.5,
    slow: bool | None = None,
) -> Scores:
    """Every score of a result against a gold standard, as `neurorecon evaluate --json` names them.

    test, gold: neurons (several are scored together, for splits and merges), or stacks (Z, Y, X):
        a mask or probability against a mask, or against neurons, which are then drawn into it.
    voxel_size_um: along z, y and x, or one number for all; None: that of the neurons, if known.
        Distances of trees are in voxels where it is known and in the unit of the neurons otherwise;
        those of masks are in µm where it is known.
    origin_um: position (z, y, x) of the first voxel of stacks; None: that of the neurons' grid.
    tolerance: distance within which length agrees. match_radius: largest distance of a pair of
        forks or tips. threshold: probability from which a voxel is foreground.
    slow: whether to compute DIADEM, NBLAST and persistence; None: if it takes seconds only.

    Raises InputError for what cannot be compared.
    """
    check_number("tolerance", tolerance, 0)
    check_number("match_radius", match_radius, 0)
    check_number("threshold", threshold, 0, 1)
    tests, golds = _neurons(test), _neurons(gold)
    grid = grid_of(voxel_size_um, origin_um)
    if origin_um is None:
        grid = _known_grid([*(golds or ()), *(tests or ())], grid)
    size = None if grid is None else grid.voxel_size_zyx
    scoring = TreeScoring(tolerance=tolerance, match_radius=match_radius)
    config = EvaluateConfig(scoring, threshold, voxel_size_zyx=size, slow=slow)
    if tests is None:
        return flat_record(_score_stack(test, gold, golds, grid, config))  # type: ignore[arg-type]
    if golds is None:
        raise InputError("neurons are scored against neurons; to score a stack, give it as `test`")
    if grid is not None:
        tests, golds = ([in_voxels(each, grid) for each in side] for side in (tests, golds))
    if len(units := {each.unit for each in (*tests, *golds)}) > 1:
        raise InputError(f"the neurons are in {' and '.join(sorted(units))}; give voxel_size_um")
    return flat_record(score_trees(tests, golds, grid or Grid(), config))


def _neurons(given: object) -> list[Morphology] | None:
    """The neurons, None for an array; InputError for a list that mixes them."""
    if isinstance(given, Morphology):
        return [given]
    if not isinstance(given, list | tuple) or not any(isinstance(one, Morphology) for one in given):
        return None
    if other := [one for one in given if not isinstance(one, Morphology)]:
        raise InputError(f"a list of neurons holds a {type(other[0]).__name__}; give neurons only")
    return list(given)


def _known_grid(neurons: Sequence[Morphology], given: Grid | None) -> Grid | None:
    """Where the stack of the neurons lies, with the voxel size that was given, if one was."""
    grids = (each.grid for each in neurons if isinstance(each, Neuron) and each.grid)
    known = next((grid for grid in grids if grid.unit == "um"), None)
    if given is None or known is None:
        return given or known
    return replace(given, origin_zyx=known.origin_zyx)


def _score_stack(
    test: ArrayLike,
    gold: ArrayLike,
    neurons: list[Morphology] | None,
    grid: Grid | None,
    config: EvaluateConfig,
) -> Evaluation:
    with array_folder() as folder:
        stack = write_array(folder / "test.tif", test)
        if neurons is None:
            return run([stack], [write_array(folder / "gold.tif", gold)], config)
        if len(neurons) > 1:
            raise InputError("a stack is scored against one neuron; score the neurons one by one")
        # Radii do not count here, and a file must have some.
        drawn = replace(neurons[0], radius=np.ones(len(neurons[0])))
        write_swc(folder / "gold.swc", in_voxels(drawn, grid) if grid else drawn)
        return run([stack], [folder / "gold.swc"], config)
