"""From a probability stack to rooted trees, one for each neuron."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurorecon.errors import InputError
from neurorecon.morphology import Morphology
from neurorecon.tracing.bridging import bridge_candidates, bridged
from neurorecon.tracing.centrelines import centrelines
from neurorecon.tracing.config import TraceConfig
from neurorecon.tracing.foreground import Probability, find_foreground
from neurorecon.tracing.result import Bridge, Fragment, TraceResult
from neurorecon.tracing.rooting import rooted_at, thickest_end, tree_lengths
from neurorecon.tracing.sampling import resampled
from neurorecon.tracing.soma import Soma, find_soma, with_soma
from neurorecon.volume import Grid

_END = 8.0  # smallest voxel sizes; the end of a branch that tells its direction and calibre


def trace_volume(
    probability: Probability,
    grid: Grid,
    config: TraceConfig | None = None,
    roots_zyx: NDArray[np.float64] | None = None,
    image: NDArray[Any] | None = None,
) -> TraceResult:
    """Trace the neurons in a segmentation.

    probability: (Z, Y, X) float32 0..1 or uint8 0..255, in memory or on disk.
    roots_zyx: (k, 3) or (3,) points in the frame and unit of the grid; one tree for each, rooted at
        its node nearest to the point, and no others.
    image: (Z, Y, X) the raw stack, as evidence in gaps. Neurites are bright.

    Raises NeuroreconError where nothing is above the threshold or too much is, InputError where the
    root is too far from every tree.
    """
    config = config or TraceConfig()
    voxel_size = np.asarray(grid.voxel_size_zyx)
    foreground = find_foreground(probability, config.threshold, config.max_foreground)
    pieces = centrelines(foreground, probability, voxel_size, config)
    smallest = float(voxel_size.min())
    length = tree_lengths(pieces, pieces.tree_of)
    long = length >= min(config.min_fragment * smallest, float(length.max()))
    dust_count = int((~long).sum())
    pieces = pieces.take(np.flatnonzero(long[pieces.tree_of]))
    max_gap = config.limits(smallest).max_gap
    candidates = bridge_candidates(pieces, max_gap, _END * smallest)
    forest, bridges = bridged(pieces, candidates, config.rival)
    trees = sorted(forest.trees(), key=lambda tree: -tree.length)
    root_zyx = None if roots_zyx is None else np.reshape(roots_zyx, (-1, 3))[0]
    chosen, root_row = _chosen(trees, grid, config, root_zyx)
    neurons = [_finished(tree, smallest, config, root_row) for tree in chosen]
    dropped = [tree for tree in trees if not any(tree is kept for kept in chosen)]
    return TraceResult(
        neurons=[_placed(neuron, grid) for neuron in neurons],
        bridges=[_bridge(pieces, tip, node, grid) for tip, node in bridges],
        dropped=[Fragment(tree.length, tree.point_zyx[0], 0.0) for tree in dropped],
        dust_count=dust_count,
    )


def _bridge(pieces: Morphology, tip: int, node: int, grid: Grid) -> Bridge:
    ends = pieces.point_zyx[[tip, node]] + np.asarray(grid.origin_zyx)
    gap = max(float(np.linalg.norm(ends[1] - ends[0]) - pieces.radius[[tip, node]].sum()), 0.0)
    return Bridge("", ends[0], ends[1], ends, gap, 1.0, 1.0, 1.0, 1.0, 1.0)


def _chosen(
    trees: list[Morphology],
    grid: Grid,
    config: TraceConfig,
    root_zyx: NDArray[np.float64] | None,
) -> tuple[list[Morphology], int | None]:
    """The trees to report: those of a size comparable with the largest, or the one at the root."""
    least = config.further_neuron * trees[0].length
    neurons = [tree for tree in trees if tree.length >= least]
    if root_zyx is None:
        return neurons, None
    local = np.asarray(root_zyx) - np.asarray(grid.origin_zyx)
    limit = config.max_root_distance * min(grid.voxel_size_zyx)
    closest = np.inf
    # A whole neuron within reach is meant rather than a fragment that happens to be nearer.
    for group in (neurons, trees):
        apart = [np.linalg.norm(tree.point_zyx - local, axis=1) for tree in group]
        nearest = min(range(len(group)), key=lambda number: apart[number].min())
        closest = float(apart[nearest].min())
        if closest <= limit:
            return [group[nearest]], int(apart[nearest].argmin())
    raise InputError(
        f"the root lies {closest:.1f} {grid.unit} from the nearest tree, at most {limit:.1f} "
        "are allowed; give a point on the neuron"
    )


def _finished(
    tree: Morphology, smallest: float, config: TraceConfig, root_row: int | None
) -> Morphology:
    """Rooted, evenly sampled, with its cell body as one node."""
    soma = find_soma(tree, smallest)
    if root_row is None:
        root_row = soma.row if soma else thickest_end(tree, _END * smallest)
    at_soma = soma is not None and bool(
        np.linalg.norm(tree.point_zyx[root_row] - tree.point_zyx[soma.row]) <= soma.radius
    )
    if soma is not None and at_soma:
        root_row = soma.row
    tree = resampled(rooted_at(tree, np.array([root_row])), config.spacing * smallest)
    if soma is not None and at_soma:
        return with_soma(tree, Soma(int(tree.roots[0]), soma.radius))
    return tree


def _placed(tree: Morphology, grid: Grid) -> Morphology:
    """From coordinates that count from voxel (0, 0, 0) to the frame of the grid."""
    point = tree.point_zyx + np.asarray(grid.origin_zyx)
    return Morphology(point, tree.radius, tree.parent, tree.kind, grid.unit)
