"""Which trees are neurons, where each has its root, and what is left over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurorecon.errors import InputError
from neurorecon.morphology import Morphology
from neurorecon.tracing.config import TraceConfig
from neurorecon.tracing.doubts import Verdicts
from neurorecon.tracing.network import Network
from neurorecon.tracing.result import Doubt
from neurorecon.tracing.rooting import rooted_at, thickest_end, tree_lengths
from neurorecon.tracing.sampling import resampled
from neurorecon.tracing.soma import Soma, find_somas, with_soma
from neurorecon.tracing.territories import divided
from neurorecon.volume import Grid

_NEARLY_ALL = 0.5  # of the length found; a tree that has as much is the only neuron there is
_SCRAP = 0.05  # of the longest tree; what is shorter is not what a root is put on
_END = 8.0  # smallest voxel sizes; the end of a branch that tells its calibre


@dataclass(frozen=True)
class Neurons:
    """Points count from voxel (0, 0, 0).

    trees: rooted, evenly sampled, cell bodies as one node; in the order of the roots asked for,
        then largest first. dropped: all trees that are none. doubts: about borders between neurons.
    neuron_of: (n,) number of the neuron that each node of the forest is in, -1 for none.
    """

    trees: list[Morphology]
    dropped: Morphology
    doubts: list[Doubt]
    neuron_of: NDArray[np.int64]


def find_neurons(
    forest: Morphology,
    probability: NDArray[np.float64],
    grid: Grid,
    config: TraceConfig,
    roots_zyx: NDArray[np.float64] | None,
    verdicts: Verdicts,
) -> Neurons:
    """Divide the trees among cell bodies or roots, and choose which to report.

    forest: trees that are more than dust. probability: (n,) evidence for each of its nodes.
    roots_zyx: (k, 3) points in the frame of the grid.

    Raises InputError where a root is too far from every tree, or two roots are at one place.
    """
    voxel_size = np.asarray(grid.voxel_size_zyx)
    smallest = float(voxel_size.min())
    somas = find_somas(forest, smallest, config.somas)
    if roots_zyx is None:
        asked = np.zeros(0, np.int64)
        seeds = np.array([soma.row for soma in somas], np.int64)
    else:
        asked = seeds = _rows_at(forest, roots_zyx, grid, config, somas)
    network = Network.of(forest, np.zeros((0, 2), np.int64), probability)
    division = divided(network, seeds, voxel_size, verdicts)
    trees = division.network.trees
    number = trees.tree_of
    length = tree_lengths(trees, number)
    chosen = _chosen(length, number[asked], number[seeds], config)
    root_of = {int(number[row]): int(row) for row in seeds}
    soma_of = {int(number[soma.row]): soma for soma in reversed(somas)}
    finished = [
        _finished(trees, number == tree, root_of.get(tree), soma_of.get(tree), smallest, config)
        for tree in chosen
    ]
    neuron_of = np.full(len(length), -1)
    neuron_of[chosen] = np.arange(len(chosen))
    dropped = trees.take(np.flatnonzero(neuron_of[number] < 0))
    return Neurons(finished, dropped, division.doubts, neuron_of[number])


def _chosen(
    length: NDArray[np.float64],
    asked: NDArray[np.int64],
    seeded: NDArray[np.int64],
    config: TraceConfig,
) -> list[int]:
    """Numbers of the trees to report. asked: those at roots. seeded: those with a seed."""
    first: list[int] = asked.tolist()
    order = np.argsort(-length, kind="stable").tolist()
    if first and not config.keep_fragments:
        return first
    if config.min_length is not None:
        least = config.min_length
    else:
        least = 0.0 if config.keep_fragments else config.further_neuron * float(length.max())
    with_seed = set(seeded.tolist())
    further = [tree for tree in order if length[tree] >= least or tree in with_seed]
    return first + [tree for tree in further or order[:1] if tree not in first]


def _rows_at(
    forest: Morphology,
    roots_zyx: NDArray[np.float64],
    grid: Grid,
    config: TraceConfig,
    somas: Sequence[Soma],
) -> NDArray[np.int64]:
    """The node at each root asked for, the centre of the cell body that it lies in."""
    length = tree_lengths(forest, forest.tree_of)
    neuron = (length >= config.further_neuron * length.max())[forest.tree_of]
    limit = config.max_root_distance * min(grid.voxel_size_zyx)
    alone = len(roots_zyx) == 1 and length.max() >= _NEARLY_ALL * length.sum()
    rows = []
    for root in roots_zyx - np.asarray(grid.origin_zyx):
        apart = np.linalg.norm(forest.point_zyx - root, axis=1)
        if apart.min() > limit:
            raise InputError(
                f"the root lies {apart.min():.1f} {grid.unit} from the nearest tree, at most "
                f"{limit:.1f} are allowed; give a point on the neuron"
            )
        # A whole neuron within reach is meant rather than a fragment that happens to be nearer; the
        # only one there is also beyond, where what lies at the root is no more than a scrap.
        whole = np.where(neuron, apart, np.inf)
        scrap = length[forest.tree_of[apart.argmin()]] < _SCRAP * length.max()
        near = whole.min() <= limit or (alone and scrap)
        row = int(whole.argmin() if near else apart.argmin())
        rows.append(_centre(forest, row, somas))
    if len(set(rows)) < len(rows):
        raise InputError("two roots are at the same place of a tree; give one for each neuron")
    return np.array(rows, np.int64)


def _centre(forest: Morphology, row: int, somas: Sequence[Soma]) -> int:
    for soma in somas:
        same = forest.tree_of[row] == forest.tree_of[soma.row]
        apart = np.linalg.norm(forest.point_zyx[row] - forest.point_zyx[soma.row])
        if same and apart <= soma.radius:
            return soma.row
    return row


def _finished(
    trees: Morphology,
    inside: NDArray[np.bool_],
    root_row: int | None,
    soma: Soma | None,
    smallest: float,
    config: TraceConfig,
) -> Morphology:
    """One tree rooted, evenly sampled, with its cell body as one node.

    inside: (n,) nodes of the tree. root_row, soma: in rows of all trees; None where there is none.
    """
    rows = np.flatnonzero(inside)
    tree = trees.take(rows)
    if root_row is None and soma is not None:
        root_row = soma.row
    if root_row is None:
        local = thickest_end(tree, _END * smallest)
    else:
        local = int(np.searchsorted(rows, root_row))
    at_soma = soma is not None and rows[local] == soma.row
    tree = resampled(rooted_at(tree, np.array([local])), config.spacing * smallest)
    if soma is not None and at_soma:
        return with_soma(tree, Soma(int(tree.roots[0]), soma.radius))
    return tree
