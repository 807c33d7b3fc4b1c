"""From a request to a PNG and a page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from neurorecon.commands.view.page import build_page
from neurorecon.commands.view.scene import Scene, SceneRequest, open_scene
from neurorecon.errors import InputError
from neurorecon.io.atomic import atomic_output, refuse_existing
from neurorecon.io.stack import default_folder, stack_stem
from neurorecon.report.page import render_page
from neurorecon.volume import Grid

PAGE_SUFFIXES = (".html", ".htm")
PICTURE_SUFFIX = ".png"


@dataclass(frozen=True)
class ViewRequest:
    """What to show, and where: outputs end in .png (projections) or .html (a page)."""

    scene: SceneRequest
    outputs: tuple[Path, ...]
    overwrite: bool = False


def default_outputs(scene: SceneRequest) -> tuple[Path, ...]:
    """`<stack>_view.png` and `.html` beside the stack, or named after the first tree."""
    if scene.stack is not None:
        folder, stem = default_folder(scene.stack), stack_stem(scene.stack)
    else:
        folder, stem = default_folder(scene.trees[0]), scene.trees[0].stem
    return tuple(folder / f"{stem}_view{suffix}" for suffix in (PICTURE_SUFFIX, PAGE_SUFFIXES[0]))


def view(request: ViewRequest, warn: Callable[[str], None]) -> None:
    """Draw what was asked for; errors and warnings as `open_scene`."""
    for path in request.outputs:
        if path.suffix.lower() not in (PICTURE_SUFFIX, *PAGE_SUFFIXES):
            raise InputError(
                f"--out {path}: the name says what to make; give one that ends in .png "
                "(projections) or .html (a page), or a directory that exists for both"
            )
        refuse_existing(path, request.overwrite)
    with open_scene(request.scene, warn) as scene:
        for path in request.outputs:
            if path.suffix.lower() == PICTURE_SUFFIX:
                _write_picture(path, scene, request.overwrite)
            else:
                html = render_page(build_page(request.scene, scene))
                with atomic_output(path, request.overwrite) as temporary:
                    temporary.write_text(html, encoding="utf-8")


def _write_picture(path: Path, scene: Scene, overwrite: bool) -> None:
    from neurorecon.report.preview import draw_preview  # matplotlib takes a second to import

    grid = scene.grid if scene.voxels is not None else _box_around(scene)
    figure = draw_preview(scene.voxels, grid, scene.neurons)
    with atomic_output(path, overwrite) as temporary:
        figure.savefig(temporary, format="png")


def _box_around(scene: Scene) -> Grid:
    """A grid with one voxel that holds all trees."""
    points = np.concatenate([neuron.point_zyx for neuron in scene.neurons])
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.02 * float((high - low).max()) or 1.0
    size, middle = high - low + 2 * margin, (low + high) / 2
    return replace(
        scene.grid,
        voxel_size_zyx=(float(size[0]), float(size[1]), float(size[2])),
        origin_zyx=(float(middle[0]), float(middle[1]), float(middle[2])),
    )
