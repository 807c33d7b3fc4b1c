"""From a page's content to the JSON that its scripts read; here coordinates become x, y, z.

Arrays travel as base64 of little-endian float32 or uint32. Coordinates are told from the low corner
of the box around everything, so that float32 keeps them exact however far off the origin lies.
"""

from __future__ import annotations

import itertools
from base64 import b64encode
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurorecon.report.content import Layer, Page, PageTree, unit_sign
from neurorecon.report.pictures import SLABS, StackPictures


def page_data(page: Page) -> dict[str, Any]:
    """What `data.js` decodes: everything the scripts draw."""
    low, high = _box(page)
    return {
        "unit": unit_sign(page.unit),
        "origin": _xyz(low),
        "size": _xyz(high - low),
        "trees": [_tree(tree, low) for tree in page.trees],
        "stack": None if page.stack is None else _stack(page.stack, low),
        "slabs": _slabs(page.stack, low, high),
    }


def data_url(media_type: str, content: bytes) -> str:
    """The content as an address that needs no network."""
    return f"data:{media_type};base64,{b64encode(content).decode('ascii')}"


def _box(page: Page) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Corners (3,) of the box around all trees and the stack; a unit cube around nothing."""
    corners = [points for tree in page.trees for points in _points(tree) if len(points)]
    if page.stack is not None:
        corners.append(np.array([page.stack.low_zyx, page.stack.high_zyx]))
    if not corners:
        return np.zeros(3), np.ones(3)
    points = np.concatenate(corners)
    low, high = points.min(axis=0), points.max(axis=0)
    thin = 0.5 * (high - low < 1e-6)  # a flat tree still has a box, a lone node too
    return low - thin, high + thin


def _points(tree: PageTree) -> list[NDArray[np.float64]]:
    ends = [end for layer in tree.layers for end in (layer.start_zyx, layer.end_zyx)]
    return [tree.root_zyx, *ends]


def _tree(tree: PageTree, low: NDArray[np.float64]) -> dict[str, Any]:
    return {
        "name": tree.name,
        "layers": [_layer(layer, low) for layer in tree.layers],
        "roots": _floats((tree.root_zyx - low)[:, ::-1]),
        "headings": list(tree.headings),
        "figures": _floats(tree.figures),
    }


def _layer(layer: Layer, low: NDArray[np.float64]) -> dict[str, Any]:
    ends = np.stack([layer.start_zyx - low, layer.end_zyx - low], axis=1)  # (p, 2, zyx)
    return {
        "name": layer.name,
        "colour": layer.colour,
        "ends": _floats(ends[..., ::-1]),
        "branch": _base64(layer.branch.astype("<u4")),
    }


def _stack(stack: StackPictures, low: NDArray[np.float64]) -> dict[str, Any]:
    return {
        "low": _xyz(np.asarray(stack.low_zyx) - low),
        "high": _xyz(np.asarray(stack.high_zyx) - low),
        "negative": stack.negative,
        "projections": {
            "z": data_url("image/jpeg", stack.along_z),
            "y": data_url("image/jpeg", stack.along_y),
            "x": data_url("image/jpeg", stack.along_x),
        },
    }


def _slabs(
    stack: StackPictures | None, low: NDArray[np.float64], high: NDArray[np.float64]
) -> list[dict[str, Any]]:
    """The stack's own slabs; without a stack, equal ones through the trees."""
    if stack is None:
        faces = np.linspace(0.0, high[0] - low[0], SLABS + 1)
        return [
            {"low": float(start), "high": float(end), "picture": None}
            for start, end in itertools.pairwise(faces)
        ]
    return [
        {
            "low": slab.low - float(low[0]),
            "high": slab.high - float(low[0]),
            "picture": data_url("image/jpeg", slab.jpeg),
        }
        for slab in stack.slabs
    ]


def _xyz(values_zyx: NDArray[np.float64]) -> list[float]:
    return [float(value) for value in values_zyx[::-1]]


def _floats(values: NDArray[np.float64]) -> str:
    return _base64(values.astype("<f4"))


def _base64(array: NDArray[Any]) -> str:
    return b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
