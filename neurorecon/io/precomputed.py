"""Neuroglancer's precomputed skeletons.

Definition: https://github.com/google/neuroglancer/blob/master/src/datasource/precomputed/skeletons.md
"""

from __future__ import annotations

import json
import shutil
import struct
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neurorecon.errors import InputError
from neurorecon.morphology import Morphology

_NM_PER_UM = 1000.0
_PROPERTIES = "properties"
_INFO = {
    "@type": "neuroglancer_skeletons",
    # Positions are stored in nanometres, as the viewer shows them; so is the radius.
    "transform": [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0],
    "vertex_attributes": [
        {"id": "radius", "data_type": "float32", "num_components": 1},
        {"id": "type", "data_type": "int32", "num_components": 1},
    ],
    "segment_properties": _PROPERTIES,
}


def refuse_existing_skeletons(folder: Path, overwrite: bool) -> None:
    """Raise InputError where a folder of skeletons cannot be written, before any work.

    With `overwrite`, only a folder that holds skeletons is replaced, never another.
    """
    if not folder.resolve().parent.is_dir():
        raise InputError(f"the folder {folder.resolve().parent} does not exist; create it first")
    if not folder.exists():
        return
    if not folder.is_dir() or not _holds_skeletons(folder):
        if folder.is_dir() and not any(folder.iterdir()):
            return
        raise InputError(
            f"{folder} is something else than a folder of skeletons; choose another name"
        )
    if not overwrite:
        raise InputError(f"{folder} exists; add --overwrite to replace it, or choose another name")


def write_precomputed(
    folder: Path, neurons: Mapping[int, tuple[str, Morphology]], overwrite: bool = False
) -> None:
    """Write a folder of skeletons with their radii, types and names; whole or not at all.

    neurons: name and trees (in µm) of each segment id.

    Raises InputError as `refuse_existing_skeletons`, ValueError for trees that are not in µm.
    """
    refuse_existing_skeletons(folder, overwrite)
    final = folder.resolve()
    with tempfile.TemporaryDirectory(prefix=".", suffix=".partial", dir=final.parent) as made:
        fresh = Path(made) / "skeletons"
        (fresh / _PROPERTIES).mkdir(parents=True)
        for segment, (_, morphology) in neurons.items():
            (fresh / str(segment)).write_bytes(encoded(morphology))
        _write_json(fresh / "info", _INFO)
        names = {segment: name for segment, (name, _) in neurons.items()}
        _write_json(fresh / _PROPERTIES / "info", _properties(names))
        if final.exists():
            shutil.move(final, Path(made) / "replaced")
        fresh.replace(final)


def encoded(morphology: Morphology) -> bytes:
    """The skeleton of one segment: vertices in x, y, z and nm, edges, radii, types."""
    if morphology.unit != "um":
        raise ValueError("Neuroglancer needs nanometres; trees in voxels have none")
    morphology = morphology.take(morphology.parent_first)  # the first vertex is the root
    point = morphology.point_zyx[:, ::-1] * _NM_PER_UM
    edges = morphology.edges[:, ::-1]  # parent to child, as navis reads them
    return b"".join(
        (
            struct.pack("<II", len(morphology), len(edges)),
            np.ascontiguousarray(point, "<f4").tobytes(),
            np.ascontiguousarray(edges, "<u4").tobytes(),
            (morphology.radius * _NM_PER_UM).astype("<f4").tobytes(),
            morphology.kind.astype("<i4").tobytes(),
        )
    )


def _properties(names: Mapping[int, str]) -> dict[str, Any]:
    label = {"id": "label", "type": "label", "values": list(names.values())}
    inline = {"ids": [str(segment) for segment in names], "properties": [label]}
    return {"@type": "neuroglancer_segment_properties", "inline": inline}


def _holds_skeletons(folder: Path) -> bool:
    try:
        found = json.loads((folder / "info").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and found.get("@type") == _INFO["@type"]


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
