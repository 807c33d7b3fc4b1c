"""Neuron reconstruction from 3D light microscopy: a stack goes in, an SWC tree comes out."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("neurorecon")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
