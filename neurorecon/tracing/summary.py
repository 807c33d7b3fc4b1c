"""What a person wants to know of the trees that were found, and everything in the user's frame."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from neurorecon.morphology import Morphology
from neurorecon.tracing.evidence import probability_at
from neurorecon.tracing.foreground import Probability
from neurorecon.tracing.result import Branch, Fragment, TraceResult
from neurorecon.tracing.rooting import tree_lengths
from neurorecon.tracing.sampling import branches
from neurorecon.volume import Grid


def branch_table(
    neurons: list[Morphology], probability: Probability, voxel_size_zyx: NDArray[np.float64]
) -> list[Branch]:
    """Length, calibre and probability of every branch; points count from voxel (0, 0, 0)."""
    table = []
    for number, neuron in enumerate(neurons):
        seen = probability_at(probability, neuron.point_zyx / voxel_size_zyx)
        for rows in branches(neuron):
            step = np.linalg.norm(np.diff(neuron.point_zyx[rows], axis=0), axis=1)
            own = rows[:-1]  # the last node is the fork or root that it comes from
            start, end = neuron.point_zyx[rows[0]], neuron.point_zyx[rows[-1]]
            radius, mean = float(neuron.radius[own].mean()), float(seen[own].mean())
            table.append(Branch(number, start, end, float(step.sum()), radius, mean))
    return table


def fragments(dropped: Morphology, neurons: list[Morphology]) -> list[Fragment]:
    """The trees that were left out, longest first, with where each is nearest to a neuron."""
    tree = dropped.tree_of
    length = tree_lengths(dropped, tree)
    kept = KDTree(np.concatenate([neuron.point_zyx for neuron in neurons]))
    apart, _ = kept.query(dropped.point_zyx)
    order = np.lexsort((apart, tree))
    nearest = order[np.searchsorted(tree[order], np.arange(len(length)))]
    return [
        Fragment(float(length[number]), dropped.point_zyx[row], float(apart[row]))
        for number, row in sorted(enumerate(nearest.tolist()), key=lambda each: -length[each[0]])
    ]


def placed(result: TraceResult, grid: Grid) -> TraceResult:
    """The same result in the frame and unit of the grid instead of counting from voxel 0."""
    origin = np.asarray(grid.origin_zyx)

    def moved(found: list[Any], *names: str) -> list[Any]:
        return [
            replace(one, **{name: getattr(one, name) + origin for name in names}) for one in found
        ]

    neurons = moved(result.neurons, "point_zyx")
    return replace(
        result,
        neurons=[replace(neuron, unit=grid.unit) for neuron in neurons],
        bridges=moved(result.bridges, "start_zyx", "end_zyx", "path_zyx"),
        loops_opened=moved(result.loops_opened, "point_zyx"),
        crossings=moved(result.crossings, "point_zyx"),
        dropped=moved(result.dropped, "point_zyx"),
        branches=moved(result.branches, "start_zyx", "end_zyx"),
        doubts=moved(result.doubts, "point_zyx"),
    )
