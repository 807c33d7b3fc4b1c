"""From a probability stack to rooted trees, one for each neuron."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurorecon.errors import InputError
from neurorecon.morphology import Morphology
from neurorecon.tracing.bridging import (
    Bridging,
    bridge_doubts,
    bridge_records,
    bridged,
    judged,
)
from neurorecon.tracing.candidates import find_candidates
from neurorecon.tracing.centrelines import centrelines
from neurorecon.tracing.config import TraceConfig
from neurorecon.tracing.doubts import Verdicts, ranked
from neurorecon.tracing.evidence import GapEvidence
from neurorecon.tracing.foreground import Probability, find_foreground
from neurorecon.tracing.result import Fragment, TraceResult
from neurorecon.tracing.rooting import rooted_at, thickest_end, tree_lengths
from neurorecon.tracing.sampling import resampled
from neurorecon.tracing.soma import Soma, find_soma, with_soma
from neurorecon.volume import Grid, LazyVoxels

_END = 8.0  # smallest voxel sizes; the end of a branch that tells its direction and calibre


def trace_volume(
    probability: Probability,
    grid: Grid,
    config: TraceConfig | None = None,
    roots_zyx: NDArray[np.float64] | None = None,
    image: NDArray[Any] | LazyVoxels | None = None,
) -> TraceResult:
    """Trace the neurons in a segmentation.

    probability: (Z, Y, X) float32 0..1 or uint8 0..255, in memory or on disk.
    roots_zyx: (k, 3) or (3,) points in the frame and unit of the grid; one tree for each, rooted at
        its node nearest to the point, and no others.
    image: (Z, Y, X) the raw stack, as evidence in gaps, in memory or on disk. Neurites are bright.

    Raises NeuroreconError where nothing is above the threshold or too much is, InputError where the
    root is too far from every tree.
    """
    config = config or TraceConfig()
    voxel_size = np.asarray(grid.voxel_size_zyx)
    foreground = find_foreground(probability, config.threshold, config.max_foreground)
    pieces = centrelines(foreground, probability, voxel_size, config).trees
    smallest = float(voxel_size.min())
    verdicts = Verdicts.of(config)
    evidence = GapEvidence.of(foreground, probability, image, config.threshold, voxel_size)
    bridging = _joined(pieces, evidence, config, verdicts)
    trees = sorted(bridging.forest.trees(), key=lambda tree: -tree.length)
    root_zyx = None if roots_zyx is None else np.reshape(roots_zyx, (-1, 3))[0]
    dust = min(config.min_fragment * smallest, trees[0].length)
    long = [tree for tree in trees if tree.length >= dust]
    chosen, root_row = _chosen(long, grid, config, root_zyx)
    neurons = [_finished(tree, smallest, config, root_row) for tree in chosen]
    dropped = [tree for tree in long if not any(tree is kept for kept in chosen)]
    origin = np.asarray(grid.origin_zyx)
    doubts = bridge_doubts(bridging, verdicts, origin)
    verdicts.check(doubt.id for doubt in doubts)
    return TraceResult(
        neurons=[_placed(neuron, grid) for neuron in neurons],
        bridges=bridge_records(bridging, origin),
        dropped=[Fragment(tree.length, tree.point_zyx[0], 0.0) for tree in dropped],
        dust_count=len(trees) - len(long),
        doubts=ranked(doubts),
    )


def _joined(
    pieces: Morphology, evidence: GapEvidence, config: TraceConfig, verdicts: Verdicts
) -> Bridging:
    """The pieces, their gaps bridged; what has hardly any length is at most a stepping stone."""
    smallest = float(evidence.voxel_size_zyx.min())
    length = tree_lengths(pieces, pieces.tree_of)
    stone = length < min(config.min_fragment * smallest, float(length.max()))
    max_gap = config.limits(smallest).max_gap
    found = find_candidates(pieces, stone[pieces.tree_of], max_gap, smallest)
    return bridged(pieces, judged(pieces, found, evidence), config.rival, verdicts)


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
