"""The commands as widgets: they work in the background and add layers when they are done.

magicgui makes widgets of annotations, which must be objects: no `from __future__` here.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from magicgui import magic_factory
from napari.layers import Image
from napari.qt.threading import FunctionWorker, thread_worker
from napari.types import LayerDataTuple

from neurorecon.api import segment, trace
from neurorecon.io.models import named_models
from neurorecon.napari_plugin.layers import neuron_layers, stack_of, voxel_size_of


def _models(_widget: Any) -> list[str]:
    return [model.name for model in named_models()]


@magic_factory(
    call_button="Segment",
    stack={"label": "raw stack"},
    model={"choices": _models},
    invert={"label": "dark neurites", "tooltip": "on a bright background (brightfield)"},
    tta={"label": "mirror images", "tooltip": "eight times the time, a little more certain"},
)
def segment_widget(
    stack: Image, model: str = "default", invert: bool = False, tta: bool = False
) -> FunctionWorker[LayerDataTuple]:
    """Mark the neurites of a raw stack: a new layer of probabilities, 255 = certain."""
    place = {"scale": stack.scale[-3:], "translate": stack.translate[-3:]}
    array, voxel_size, name = stack_of(stack), voxel_size_of(stack), f"{stack.name} probability"

    @thread_worker(start_thread=True, progress={"desc": "segmenting"})
    def work() -> LayerDataTuple:
        found = segment(array, voxel_size_um=voxel_size, model=model, invert=invert, tta=tta)
        shown = {"name": name, "colormap": "magenta", "blending": "additive", **place}
        return LayerDataTuple((found, shown, "image"))

    worker: FunctionWorker[LayerDataTuple] = work()
    return worker


@magic_factory(
    call_button="Trace",
    image={"label": "raw stack", "nullable": True, "tooltip": "evidence in gaps; may be left out"},
    threshold={"min": 0.01, "max": 1.0, "step": 0.05},
    keep_fragments={"label": "keep fragments", "tooltip": "also what could not be joined"},
)
def trace_widget(
    segmentation: Image,
    image: Image | None = None,
    threshold: float = 0.5,
    keep_fragments: bool = False,
) -> FunctionWorker[list[LayerDataTuple]]:
    """Trace the neurons of a segmentation: two layers for each, its edges and its nodes.

    The layer's scale is its voxel size in µm. `layer.metadata["neuron"].save("a.swc")` in napari's
    console writes an SWC file.
    """
    array, voxel_size = stack_of(segmentation), voxel_size_of(segmentation)
    raw = None if image is None or image is segmentation else stack_of(image)
    start, name = np.asarray(segmentation.translate)[-3:], segmentation.name

    @thread_worker(start_thread=True, progress={"desc": "tracing"})
    def work() -> list[LayerDataTuple]:
        neurons = trace(
            array,
            voxel_size_um=voxel_size,
            image=raw,
            threshold=threshold,
            keep_fragments=keep_fragments,
        )
        placed = [replace(each, point_zyx=each.point_zyx + start) for each in neurons]
        return [
            LayerDataTuple(layer)
            for number, neuron in enumerate(placed)
            for layer in neuron_layers(neuron, f"{name} neuron {number + 1}", number)
        ]

    worker: FunctionWorker[list[LayerDataTuple]] = work()
    return worker
