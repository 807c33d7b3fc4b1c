"""The page about a stack and its trees: what `evaluate --report` shows, without a gold standard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurorecon.commands.view.scene import Scene, SceneRequest
from neurorecon.metrics.morphometry import SHOLL_SPHERES, Morphometry, measure
from neurorecon.metrics.sections import Sections, find_sections
from neurorecon.metrics.sholl import sholl_centre, sholl_profile
from neurorecon.morphology import Morphology
from neurorecon.report.content import (
    TREE_COLOURS,
    Chart,
    Curve,
    Layer,
    Page,
    PageTree,
    Table,
    unit_sign,
)
from neurorecon.report.pictures import StackPictures, take_pictures
from neurorecon.report.projections import dark_along
from neurorecon.volume import Grid


def build_page(request: SceneRequest, scene: Scene) -> Page:
    """The trees in 3D and over the stack, their sizes and their Sholl profiles."""
    names = _names(request.trees)
    shown = [", ".join(names)] if names else []
    shown += [request.stack.name] if request.stack else []
    facts = [("stack", str(request.stack))] if request.stack else []
    facts += [("tree", str(path)) for path in request.trees]
    facts += [("voxel size (z, y, x)", _size_text(scene.grid))] if request.stack else []
    trees = [
        _tree(name, neuron, TREE_COLOURS[number % len(TREE_COLOURS)])
        for number, (name, neuron) in enumerate(zip(names, scene.neurons, strict=True))
    ]
    return Page(
        title=" in ".join(shown),
        facts=facts,
        unit=scene.grid.unit,
        trees=trees,
        stack=_pictures(scene),
        tables=[_sizes(names, scene)] if names else [],
        tables_title="Sizes",
        charts=[_sholl(names, scene)] if names else [],
    )


def _names(paths: Sequence[Path]) -> list[str]:
    """Names of files, with their folder's where they repeat."""
    count = Counter(path.name for path in paths)
    return [
        path.name if count[path.name] == 1 else f"{path.resolve().parent.name}/{path.name}"
        for path in paths
    ]


def _pictures(scene: Scene) -> StackPictures | None:
    if scene.voxels is None:
        return None
    nodes = [scene.grid.to_index(neuron.point_zyx) for neuron in scene.neurons]
    negative = bool(nodes) and dark_along(scene.voxels, np.concatenate(nodes))
    return take_pictures(scene.voxels, scene.grid, negative)


def _tree(name: str, neuron: Morphology, colour: str) -> PageTree:
    sections = find_sections(neuron)
    child, parent = neuron.edges.T
    unit = unit_sign(neuron.unit)
    return PageTree(
        name=name,
        layers=[
            Layer(
                name,
                colour,
                neuron.point_zyx[child],
                neuron.point_zyx[parent],
                sections.edge_section,
            )
        ],
        root_zyx=neuron.point_zyx[neuron.roots],
        headings=[f"length ({unit})", f"end to end ({unit})", f"mean radius ({unit})"],
        figures=_figures(neuron, sections),
    )


def _figures(neuron: Morphology, sections: Sections) -> NDArray[np.float64]:
    """(b, 3) length, distance of the ends, mean radius; not finite where no radius is known."""
    first, last = neuron.point_zyx[sections.ends].transpose(1, 0, 2)
    direct = np.linalg.norm(first - last, axis=1)
    radii = neuron.radius[neuron.edges]
    known = (radii > 0).all(axis=1)
    weight = np.where(known, neuron.edge_length, 0.0)
    count = len(sections.length)
    length = np.bincount(sections.edge_section, weight, count)
    weighted = np.bincount(sections.edge_section, weight * radii.mean(axis=1), count)
    radius = np.full(count, np.nan)
    np.divide(weighted, length, out=radius, where=length > 0)
    return np.stack([sections.length, direct, radius], axis=1)


def _sizes(names: Sequence[str], scene: Scene) -> Table:
    """A row a tree. Numbers are those of `evaluate --details`."""
    unit = unit_sign(scene.grid.unit)
    units = {"length": unit, "mean_radius": unit, "volume": f"{unit}³"}
    headings = [
        each.name.replace("_", " ") + (f" ({units[each.name]})" if each.name in units else "")
        for each in fields(Morphometry)
    ]
    rows = []
    for name, neuron in zip(names, scene.neurons, strict=True):
        sizes = measure(neuron)
        rows.append([name, *(_cell(getattr(sizes, each.name)) for each in fields(Morphometry))])
    return Table(["tree", *headings], rows)


def _cell(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.4g}"


def _sholl(names: Sequence[str], scene: Scene) -> Chart:
    centres = [sholl_centre(neuron) for neuron in scene.neurons]
    reach = max(
        float(np.linalg.norm(neuron.point_zyx - centre, axis=1).max())
        for neuron, centre in zip(scene.neurons, centres, strict=True)
    )
    radii = (reach or 1.0) / SHOLL_SPHERES * np.arange(1.0, SHOLL_SPHERES + 1)
    return Chart(
        title="Sholl profile",
        x_label=f"distance from the soma or root ({unit_sign(scene.grid.unit)})",
        y_label="crossings",
        curves=[
            Curve(
                name,
                TREE_COLOURS[number % len(TREE_COLOURS)],
                radii,
                sholl_profile(neuron, centre, radii).astype(np.float64),
            )
            for number, (name, neuron, centre) in enumerate(
                zip(names, scene.neurons, centres, strict=True)
            )
        ],
    )


def _size_text(grid: Grid) -> str:
    if grid.unit != "um":
        return "unknown"
    return " x ".join(f"{size:g}" for size in grid.voxel_size_zyx) + " µm"
