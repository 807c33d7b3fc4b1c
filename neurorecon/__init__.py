"""Neuron reconstruction from 3D light microscopy: a stack goes in, an SWC tree comes out.

`segment`, `trace`, `evaluate` and `Neuron` are the commands for Python; each is imported when it is
first used, so that `import neurorecon` takes no time. `__init__.pyi` tells their types.
"""

from __future__ import annotations

import importlib
from typing import Any

_PLACES = {
    "InputError": "errors",
    "Neuron": "api",
    "NeuroreconError": "errors",
    "Stack": "api",
    "evaluate": "api",
    "read_stack": "api",
    "segment": "api",
    "trace": "api",
}

__all__ = ["__version__", *_PLACES]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("neurorecon")
    if name in _PLACES:
        return getattr(importlib.import_module(f"neurorecon.{_PLACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
