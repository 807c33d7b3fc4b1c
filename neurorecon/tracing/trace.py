"""From a probability stack to rooted trees, one for each neuron."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurorecon.morphology import Morphology
from neurorecon.tracing.blockwise import find_skeleton
from neurorecon.tracing.bridging import (
    Bridging,
    bridge_doubts,
    bridge_records,
    bridged,
)
from neurorecon.tracing.candidates import find_candidates
from neurorecon.tracing.config import TraceConfig
from neurorecon.tracing.crossings import parted
from neurorecon.tracing.doubts import Verdicts, ranked
from neurorecon.tracing.evidence import GapEvidence
from neurorecon.tracing.foreground import Probability
from neurorecon.tracing.judging import judged
from neurorecon.tracing.loops import opened
from neurorecon.tracing.network import Network
from neurorecon.tracing.neurons import Neurons, find_neurons
from neurorecon.tracing.result import TraceResult
from neurorecon.tracing.rooting import tree_lengths
from neurorecon.tracing.skeleton import Skeleton
from neurorecon.tracing.stones import with_stones
from neurorecon.tracing.summary import branch_table, fragments, placed
from neurorecon.volume import Grid, LazyVoxels


def trace_volume(
    probability: Probability,
    grid: Grid,
    config: TraceConfig | None = None,
    roots_zyx: NDArray[np.float64] | None = None,
    image: NDArray[Any] | LazyVoxels | None = None,
    skeleton: Skeleton | None = None,
) -> TraceResult:
    """Trace the neurons in a segmentation.

    probability: (Z, Y, X) float32 0..1 or uint8 0..255, in memory or on disk.
    roots_zyx: (k, 3) or (3,) points in the frame and unit of the grid; one tree for each, rooted at
        its node nearest to the point, and no others.
    image: (Z, Y, X) the raw stack, as evidence in gaps, in memory or on disk. Neurites are bright.
    skeleton: of the segmentation, where it is known already (`blockwise.find_skeleton`).

    Raises NeuroreconError where nothing is above the threshold or too much is, InputError where the
    root is too far from every tree.
    """
    config = config or TraceConfig()
    voxel_size = np.asarray(grid.voxel_size_zyx)
    if skeleton is None:
        skeleton = find_skeleton(probability, voxel_size, config)
    verdicts = Verdicts.of(config)
    parting = parted(skeleton.network, voxel_size, verdicts)
    opening = opened(parting.network, voxel_size, verdicts)
    evidence = GapEvidence(probability, image, config.threshold, skeleton.soft, voxel_size)
    bridging = _joined(opening.network, evidence, config, verdicts)
    roots = None if roots_zyx is None else np.asarray(roots_zyx, np.float64).reshape(-1, 3)
    neurons, dust_count = _neurons(bridging, grid, config, roots, verdicts)
    found = (parting.doubts, opening.doubts, bridge_doubts(bridging, verdicts), neurons.doubts)
    doubts = ranked([doubt for kind in found for doubt in kind])
    verdicts.check(doubt.id for doubt in doubts)
    local = TraceResult(
        neurons=neurons.trees,
        bridges=bridge_records(bridging, neurons.neuron_of),
        loops_opened=opening.loops,
        crossings=parting.crossings,
        dropped=fragments(neurons.dropped, neurons.trees),
        min_branch=skeleton.margin,
        dust_count=dust_count,
        branches=branch_table(neurons.trees, probability, voxel_size),
        doubts=doubts,
    )
    return placed(local, grid)


def _joined(
    network: Network, evidence: GapEvidence, config: TraceConfig, verdicts: Verdicts
) -> Bridging:
    """The pieces, their gaps bridged; what has hardly any length is at most a stepping stone."""
    smallest = float(evidence.voxel_size_zyx.min())
    network, extent = with_stones(network, config.min_fragment * smallest)
    pieces = network.trees
    max_gap = config.limits(smallest).max_gap
    found = find_candidates(pieces, extent, max_gap, smallest)
    seen = judged(pieces, found, evidence)
    return bridged(pieces, network.probability, seen, config.rival, verdicts)


def _neurons(
    bridging: Bridging,
    grid: Grid,
    config: TraceConfig,
    roots_zyx: NDArray[np.float64] | None,
    verdicts: Verdicts,
) -> tuple[Neurons, int]:
    """The neurons among what was joined, and how many pieces of dust are left out before."""
    everything = bridging.forest
    rows = _more_than_dust(everything, config.min_fragment * min(grid.voxel_size_zyx))
    forest, strength = everything.take(rows), bridging.strength[rows]
    neurons = find_neurons(forest, strength, grid, config, roots_zyx, verdicts)
    neuron_of = np.full(len(everything), -1)
    neuron_of[rows] = neurons.neuron_of
    return replace(neurons, neuron_of=neuron_of), len(everything.roots) - len(forest.roots)


def _more_than_dust(forest: Morphology, least: float) -> NDArray[np.int64]:
    """Rows of the trees that have at least this length, or of the longest."""
    length = tree_lengths(forest, forest.tree_of)
    return np.flatnonzero((length >= min(least, float(length.max())))[forest.tree_of])
