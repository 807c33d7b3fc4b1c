"""`neurorecon view --napari`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from neurorecon.commands.view import SceneRequest, open_scene
from neurorecon.errors import InputError
from neurorecon.napari_plugin.layers import neuron_layers, place_of


def show(request: SceneRequest, warn: Callable[[str], None]) -> None:
    """Open stack and trees in napari, and wait until its window is closed.

    Raises InputError where napari is not installed; errors and warnings as `open_scene`.
    """
    try:
        import napari
    except ImportError as error:
        raise InputError(
            f"napari cannot be imported ({error}); install it: pip install 'neurorecon[napari]'"
        ) from error
    viewer = napari.Viewer(ndisplay=3, title="neurorecon")
    add_scene(viewer, request, warn)
    napari.run()


def add_scene(viewer: Any, request: SceneRequest, warn: Callable[[str], None]) -> None:
    """Add the layers of stack and trees to a viewer."""
    with open_scene(request, warn) as scene:
        if request.stack is not None and scene.voxels is not None:
            whole = (slice(None), slice(None), slice(None))
            voxels = scene.voxels[whole]
            viewer.add_image(voxels, name=request.stack.stem, **place_of(scene.grid))
        for number, (path, neuron) in enumerate(zip(request.trees, scene.neurons, strict=True)):
            for data, options, kind in neuron_layers(neuron, path.stem, number):
                getattr(viewer, f"add_{kind}")(data, **options)
