"""Neurons as napari layers, and where a napari layer lies in space."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurorecon.morphology import Morphology
from neurorecon.report.content import TREE_COLOURS
from neurorecon.volume import Grid

LayerData = tuple[Any, dict[str, Any], str]
VoxelSize = tuple[float, float, float]

_THINNEST = 0.8  # voxels or µm: as thin as an edge is drawn


def neuron_layers(neuron: Morphology, name: str, number: int = 0) -> list[LayerData]:
    """The edges as vectors, as wide as the neurite, and roots, forks and tips as points.

    Coordinates are those of the neuron, so that a stack beside it needs its voxel size as scale.

    number: of the neuron among several, for its colour.
    """
    colour = TREE_COLOURS[number % len(TREE_COLOURS)]
    child, parent = neuron.edges.T
    start = neuron.point_zyx[parent]
    vectors = np.stack([start, neuron.point_zyx[child] - start], axis=1)  # (m, 2, zyx)
    known = neuron.radius[neuron.radius > 0]
    width = max(float(np.median(known)) if len(known) else 0.0, _THINNEST)
    edges: LayerData = (
        vectors,
        {
            "name": name,
            "edge_color": colour,
            "edge_width": width,
            "vector_style": "line",
            "features": {"type": neuron.kind[child], "radius": neuron.radius[child]},
            "metadata": {"neuron": neuron},
        },
        "vectors",
    )
    places = {"root": neuron.roots, "fork": neuron.forks, "tip": neuron.tips}
    kinds = np.repeat(list(places), [len(rows) for rows in places.values()])
    rows = np.concatenate(list(places.values()))
    nodes: LayerData = (
        neuron.point_zyx[rows],
        {
            "name": f"{name} nodes",
            "features": {"kind": kinds, "radius": neuron.radius[rows]},
            "size": np.where(kinds == "root", 2.5 * width, 1.2 * width),
            "face_color": np.where(kinds == "root", "white", colour).tolist(),
            "visible": len(rows) < 10_000,
        },
        "points",
    )
    return [edges, nodes]


def place_of(grid: Grid) -> dict[str, Any]:
    """Arguments that put the layer of a stack where its grid says."""
    unit = {"units": ("micrometer",) * 3} if grid.unit == "um" else {}
    return {"scale": grid.voxel_size_zyx, "translate": grid.origin_zyx, **unit}


def voxel_size_of(layer: Any) -> VoxelSize | None:
    """A layer's scale along z, y and x in µm, None where nobody has set it."""
    z, y, x = (float(size) for size in np.asarray(layer.scale)[-3:])
    return None if (z, y, x) == (1.0, 1.0, 1.0) else (z, y, x)


def stack_of(layer: Any) -> NDArray[Any]:
    """The voxels of an image layer (Z, Y, X), at its finest level."""
    data = layer.data[0] if layer.multiscale else layer.data
    return np.asarray(data)
