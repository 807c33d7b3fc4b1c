"""SWC files, dropped into napari."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from neurorecon.api import Neuron
from neurorecon.napari_plugin.layers import LayerData, neuron_layers

Paths = str | list[str]


def get_reader(path: Paths) -> Callable[[Paths], list[LayerData]] | None:
    """What reads these files, None where one of them is no SWC file."""
    return read_swc if all(each.lower().endswith(".swc") for each in _listed(path)) else None


def read_swc(path: Paths) -> list[LayerData]:
    """The layers of one or more SWC files, in the coordinates that these hold."""
    return [
        layer
        for number, each in enumerate(_listed(path))
        for layer in neuron_layers(Neuron.read(each), Path(each).stem, number)
    ]


def _listed(path: Paths) -> list[str]:
    return [path] if isinstance(path, str) else path
