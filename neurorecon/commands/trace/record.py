"""The report of a tracing: plain values for a JSON file."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from neurorecon import __version__
from neurorecon.commands.trace.evidence import Evidence
from neurorecon.commands.trace.request import TraceRequest
from neurorecon.morphology import SOMA, Morphology
from neurorecon.tracing import TraceConfig, TraceResult
from neurorecon.tracing.result import Branch
from neurorecon.volume import Grid


def build_record(
    request: TraceRequest,
    config: TraceConfig,
    evidence: Evidence,
    result: TraceResult,
    paths: Sequence[Path],
    seconds: Mapping[str, float],
) -> dict[str, Any]:
    """Everything that a run was told, found and decided.

    Points are z, y, x in the frame of the SWC files; lengths are in `unit`.

    paths: the SWC files, one for each neuron. seconds: by stage.
    """
    grid = evidence.grid
    return _input(request, evidence) | {
        "parameters": _parameters(request, config, result, grid),
        "versions": {
            "neurorecon": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in ("numpy", "scipy", "scikit-image")},
        },
        "seconds": {stage: round(spent, 3) for stage, spent in seconds.items()},
        "trees": len(result.neurons),
        "length": sum(neuron.length for neuron in result.neurons),
        "forks": sum(len(neuron.forks) for neuron in result.neurons),
        "tips": sum(len(neuron.tips) for neuron in result.neurons),
        "neurons": [
            _neuron(path, neuron, [one for one in result.branches if one.neuron == number])
            for number, (path, neuron) in enumerate(zip(paths, result.neurons, strict=True))
        ],
        "bridges": [_plain(asdict(bridge)) for bridge in result.bridges],
        "loops_opened": [_plain(asdict(loop)) for loop in result.loops_opened],
        "crossings": [_plain(asdict(crossing)) for crossing in result.crossings],
        "dropped": {
            "dust": result.dust_count,
            "fragments": result.fragment_count,
            "length": result.fragment_length,
            "each": [_plain(asdict(fragment)) for fragment in result.dropped],
        },
        "doubts": [_plain(asdict(doubt)) for doubt in result.doubts],
    }


def _input(request: TraceRequest, evidence: Evidence) -> dict[str, Any]:
    """What was read, and how."""
    grid = evidence.grid
    source = str(request.source) if isinstance(request.source, Path) else "standard input"
    return {
        "stack": request.stack or source,
        "segmented_with": request.made_with,
        "read_as": evidence.reading.value,
        "image": str(request.image) if request.image else None,
        "shape_zyx": list(evidence.probability.shape),
        "unit": grid.unit,
        "voxel_size_zyx": list(grid.voxel_size_zyx),
        "voxel_size_source": grid.source,
        "origin_zyx": list(grid.origin_zyx),
    }


def _parameters(
    request: TraceRequest, config: TraceConfig, result: TraceResult, grid: Grid
) -> dict[str, Any]:
    """Settings as they were used, defaults put in."""
    settings = asdict(config) | asdict(config.limits(min(grid.voxel_size_zyx)))
    settings["min_branch"] = result.min_branch
    settings["accepted"], settings["rejected"] = sorted(config.accepted), sorted(config.rejected)
    settings["roots_zyx"] = [list(point) for point in request.roots_zyx]
    settings["roots_xyz"] = [list(point) for point in request.roots_xyz]
    return settings


def _neuron(path: Path, neuron: Morphology, branches: Sequence[Branch]) -> dict[str, Any]:
    root = neuron.roots[0]
    return {
        "file": str(path),
        "nodes": len(neuron),
        "length": neuron.length,
        "forks": len(neuron.forks),
        "tips": len(neuron.tips),
        "root_zyx": neuron.point_zyx[root].tolist(),
        "soma_radius": float(neuron.radius[root]) if neuron.kind[root] == SOMA else None,
        "branches": [
            {name: value for name, value in _plain(asdict(branch)).items() if name != "neuron"}
            for branch in branches
        ],
    }


def _plain(value: Any) -> Any:
    """Arrays and NumPy numbers as JSON can hold them."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, np.ndarray):
        return np.round(value, 4).tolist()
    return value.item() if isinstance(value, np.generic) else value
