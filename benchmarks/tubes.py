"""Gold trees drawn as tubes into masks whose tracing has a known answer. Used by the benchmarks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurorecon.geometry import tree_distance
from neurorecon.io.swc import read_swc
from neurorecon.morphology import Morphology
from neurorecon.volume import Grid

_MARGIN = 3  # voxels of background around the tree
_SLAB = 2**26  # voxels whose distances are held at once
THINNEST = 0.5  # voxels; a thinner tube would hold hardly any voxel centre


def gold_trees(
    folder: Path, sample: int | None = None, seed: int = 0
) -> Iterator[tuple[str, Morphology]]:
    """Name and tree of each `<id>.swc`, in the order of their ids, or of a random sample."""
    files = sorted(folder.glob("*.swc"), key=lambda file: (len(file.stem), file.stem))
    if sample is not None and sample < len(files):
        chosen = np.random.default_rng(seed).choice(len(files), sample, replace=False)
        files = [files[number] for number in sorted(chosen)]
    for file in files:
        yield file.stem, read_swc(file)


def tube_mask(
    tree: Morphology,
    radius: NDArray[np.float64],
    voxel_size_zyx: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> tuple[NDArray[np.uint8], Grid]:
    """The tree as tubes, drawn by voxel centres: 255 inside, 0 outside, and the box's grid."""
    size = np.asarray(voxel_size_zyx)
    low = np.floor((tree.point_zyx - radius[:, None]).min(axis=0) / size) - _MARGIN
    high = np.ceil((tree.point_zyx + radius[:, None]).max(axis=0) / size) + _MARGIN
    shape = (high - low + 1).astype(int)
    mask = np.empty(tuple(shape), np.uint8)
    planes = max(int(_SLAB // (shape[1] * shape[2])), 1)
    for start in range(0, shape[0], planes):
        slab = mask[start : start + planes]
        origin = (low + np.array([start, 0, 0])) * size
        distance = tree_distance(tree, radius, slab.shape, voxel_size_zyx, origin)
        slab[:] = np.where(distance <= 0, np.uint8(255), np.uint8(0))
    z, y, x = low * size
    return mask, Grid(voxel_size_zyx, (float(z), float(y), float(x)), "voxel", "benchmark")


def merged(trees: list[Morphology]) -> Morphology:
    """All trees in one morphology."""
    start = np.cumsum([0, *map(len, trees)])
    parents = [
        np.where(tree.parent < 0, -1, tree.parent + first)
        for tree, first in zip(trees, start, strict=False)
    ]
    return Morphology(
        np.concatenate([tree.point_zyx for tree in trees]),
        np.concatenate([tree.radius for tree in trees]),
        np.concatenate(parents),
        np.concatenate([tree.kind for tree in trees]),
        trees[0].unit,
    )
