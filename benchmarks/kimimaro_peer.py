"""kimimaro behind the interface of the benchmarks: a mask goes in, trees come out."""

from __future__ import annotations

from dataclasses import dataclass

import kimimaro
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from neurorecon.morphology import Morphology
from neurorecon.volume import Grid

_DUST = 5  # voxels
_NEVER = 1e9  # no cell body is looked for: its thresholds are meant for nanometres


@dataclass(frozen=True)
class Settings:
    """TEASAR parameters; const in the unit of the grid. The defaults are kimimaro's but const."""

    scale: float = 1.5
    const: float = 4.0
    pdrf_scale: float = 100_000
    pdrf_exponent: int = 4

    def __str__(self) -> str:
        return (
            f"scale {self.scale:g}, const {self.const:g}, "
            f"pdrf {self.pdrf_scale:g} ^ {self.pdrf_exponent}"
        )


def trees_of(
    mask: NDArray[np.uint8],
    grid: Grid,
    settings: Settings,
    root_zyx: NDArray[np.float64] | None = None,
) -> list[Morphology]:
    """One tree for each connected piece of the mask, largest first.

    root_zyx: a point in the frame of the grid; the foreground voxel nearest to it is handed to
        kimimaro as a target that it has to reach.
    """
    targets = [] if root_zyx is None else [_nearest_voxel(mask, grid.to_index(root_zyx))]
    skeletons = kimimaro.skeletonize(
        (mask > 0).astype(np.uint8),
        teasar_params={
            "scale": settings.scale,
            "const": settings.const,
            "pdrf_scale": settings.pdrf_scale,
            "pdrf_exponent": settings.pdrf_exponent,
            "soma_detection_threshold": _NEVER,
            "soma_acceptance_threshold": _NEVER,
        },
        anisotropy=grid.voxel_size_zyx,
        extra_targets_before=targets,
        dust_threshold=_DUST,
        progress=False,
        parallel=1,
        fix_borders=False,
    )
    return _rooted_trees(next(iter(skeletons.values())), grid) if skeletons else []


def _nearest_voxel(mask: NDArray[np.uint8], index_zyx: NDArray[np.float64]) -> tuple[int, ...]:
    voxels = np.argwhere(mask)
    return tuple(voxels[np.square(voxels - index_zyx).sum(axis=1).argmin()].tolist())


def _rooted_trees(skeleton: object, grid: Grid) -> list[Morphology]:
    point = np.asarray(skeleton.vertices, np.float64) + grid.origin_zyx
    count = len(point)
    edges = np.asarray(skeleton.edges, np.int64)
    graph = sparse.coo_array((np.ones(len(edges)), edges.T), shape=(count, count)).tocsr()
    _, piece = csgraph.connected_components(graph, directed=False)
    first = np.unique(piece, return_index=True)[1]
    _, parent, _ = csgraph.dijkstra(
        graph, directed=False, indices=first, unweighted=True, return_predecessors=True,
        min_only=True,
    )  # fmt: skip
    parent = np.where(parent < 0, -1, parent).astype(np.int64)
    radius = np.asarray(skeleton.radii, np.float64)
    whole = Morphology(point, radius, parent, np.zeros(count, np.int64), grid.unit)
    return sorted(whole.trees(), key=lambda tree: -tree.length)
