"""Trees as files hold them: checked, and what is not known about where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from neurorecon.commands.evaluate.config import EvaluateConfig
from neurorecon.errors import InputError
from neurorecon.io.swc import SwcHeader, read_swc
from neurorecon.morphology import Morphology

# No stage is a kilometre long (1e9 µm). Squares of much larger numbers overflow.
FARTHEST = 1e12


def read_tree(path: Path, config: EvaluateConfig) -> Morphology:
    """The trees of an SWC file.

    Raises InputError as `read_swc`, and for a coordinate or radius that no neuron can have.
    """
    tree = read_swc(path, config.swc_units)
    largest = max(np.abs(tree.point_zyx).max(), np.abs(tree.radius).max())
    if largest > FARTHEST:
        raise InputError(
            f"{path}: a coordinate or radius is {largest:.3g} {tree.unit}s, beyond {FARTHEST:.0e}; "
            "correct it"
        )
    return tree


def doubts(paths: Sequence[Path], headers: Sequence[SwcHeader], config: EvaluateConfig) -> str:
    """Says where one file knows its place in a larger recording and another does not, else ''."""
    placed = [
        (p, h) for p, h in zip(paths, headers, strict=True) if h.origin_zyx and any(h.origin_zyx)
    ]
    silent = [p for p, h in zip(paths, headers, strict=True) if h.origin_zyx is None]
    if not placed or not silent or config.swc_origin == "stack":
        return ""
    path, header = placed[0]
    return _doubt(path, header.origin_zyx or (), header.unit or config.swc_units, silent)


def doubt_in_stack(
    stack: Path, origin: Sequence[float], unit: str, silent: Sequence[Path], config: EvaluateConfig
) -> str:
    """The same of a stack, and trees that do not say where they count from."""
    if not silent or not any(origin) or config.swc_origin == "stack":
        return ""
    return _doubt(stack, origin, unit, silent)


def _doubt(placed: Path, origin: Sequence[float], unit: str, silent: Sequence[Path]) -> str:
    where = " ".join(f"{value:g}" for value in origin) + (" µm" if unit == "um" else " voxels")
    more = f" and {len(silent) - 1} more" if len(silent) > 1 else ""
    return (
        f"the first voxel of {placed} lies at {where} (z y x); the coordinates of "
        f"{silent[0]}{more} are taken as those of the whole recording: give --swc-origin stack if "
        "they count from that voxel"
    )
