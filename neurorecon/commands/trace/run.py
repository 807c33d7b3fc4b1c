"""From a request to SWC files and whatever else was asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurorecon.commands.trace.blocks import Progress, no_progress, skeleton_on
from neurorecon.commands.trace.evidence import Evidence, open_evidence
from neurorecon.commands.trace.preview import write_preview
from neurorecon.commands.trace.record import build_record
from neurorecon.commands.trace.request import TraceRequest, refuse_outputs
from neurorecon.distributed import Cluster
from neurorecon.errors import InputError
from neurorecon.io.atomic import refuse_existing
from neurorecon.io.doubts import read_verdicts, write_doubts
from neurorecon.io.jsonfile import write_json
from neurorecon.io.stack import open_stack
from neurorecon.io.swc import read_swc_header, write_swc
from neurorecon.tracing import TraceConfig, TraceResult, trace_volume
from neurorecon.volume import Grid

Say = Callable[[str], None]

_ROOT_OFF = 20.0  # smallest voxel sizes; nobody places a root to the voxel


def check_request(request: TraceRequest) -> None:
    """Raise InputError for what can be known to be wrong before any voxel is read."""
    refuse_outputs([request])
    _with_verdicts(request)
    if request.roots_zyx or request.roots_xyz:
        channel = request.channel if request.image is None else None
        with open_stack(
            request.source, voxel_size_zyx=request.voxel_size_zyx, channel=channel
        ) as stack:
            _root_points(request, stack.grid, stack.shape_zyx)


def trace(
    request: TraceRequest,
    warn: Say,
    note: Say,
    cluster: Cluster | None = None,
    progress: Progress = no_progress,
) -> list[Path]:
    """Trace one stack; returns the SWC files written, the largest neuron first.

    cluster: whose workers look for the neurites. progress: of that search.
    """
    refuse_outputs([request])
    config = _with_verdicts(request)
    started = time.perf_counter()
    with open_evidence(request, warn, note) as evidence:
        roots = _root_points(request, evidence.grid, evidence.probability.shape)
        opened = time.perf_counter()
        skeleton, probability = None, evidence.probability
        if cluster:
            skeleton, probability = skeleton_on(cluster, request, evidence, config, progress)
        result = trace_volume(
            probability, evidence.grid, config, roots, image=evidence.image, skeleton=skeleton
        )
        traced = time.perf_counter()
        paths = _write_trees(request, result, evidence.grid, warn)
        _write_views(request, evidence, result)
        if request.report is not None:
            seconds = {
                "read": opened - started,
                "trace": traced - opened,
                "write": time.perf_counter() - traced,
            }
            record = build_record(request, config, evidence, result, paths, seconds)
            write_json(request.report, record, request.overwrite)
    note(_summary(result, evidence.grid, request.doubts))
    for warning in _doubtful_choices(result, evidence.grid, roots):
        warn(warning)
    return paths


def _with_verdicts(request: TraceRequest) -> TraceConfig:
    """The settings with a person's verdicts from the table; those given by id come first."""
    config = request.config
    if both := sorted(config.accepted & config.rejected):
        raise InputError(f"{', '.join(both)}: both --accept and --reject; give one of them")
    if request.verdicts is None:
        return config
    verdicts = read_verdicts(request.verdicts)
    accepted = {name for name, verdict in verdicts.items() if verdict == "accept"}
    rejected = {name for name, verdict in verdicts.items() if verdict == "reject"}
    return replace(
        config,
        accepted=config.accepted | (accepted - config.rejected),
        rejected=config.rejected | (rejected - config.accepted),
    )


def _root_points(
    request: TraceRequest, grid: Grid, shape_zyx: tuple[int, ...]
) -> NDArray[np.float64] | None:
    """The roots asked for, in the frame and unit of the grid; InputError outside the stack."""
    points = [grid.to_physical(np.asarray(index)) for index in request.roots_zyx]
    points += [np.asarray(point[::-1], np.float64) for point in request.roots_xyz]
    if not points:
        return None
    last = np.asarray(shape_zyx) - 1
    for index in grid.to_index(np.stack(points)):
        if ((index < -0.5) | (index > last + 0.5)).any():
            raise InputError(
                f"the root's voxel index (z y x) {_spaced(index)} lies outside the stack, which "
                f"ends at {_spaced(last)}; --root takes voxel indices Z Y X, --root-swc the SWC's "
                "X Y Z"
            )
    return np.stack(points)


def _spaced(values: NDArray[np.float64] | NDArray[np.int64]) -> str:
    return " ".join(f"{value:g}" for value in np.round(np.asarray(values, np.float64), 2))


def _write_trees(request: TraceRequest, result: TraceResult, grid: Grid, warn: Say) -> list[Path]:
    paths = [_numbered(request.out, number) for number in range(1, len(result.neurons) + 1)]
    for path in paths:
        if path.resolve() in {one.resolve() for one in request.inputs}:
            raise InputError(f"{path} is an input and would be replaced; choose another --out")
        refuse_existing(path, request.overwrite)
    for path, neuron in zip(paths, result.neurons, strict=True):
        write_swc(path, neuron, grid, overwrite=request.overwrite)
    _clear_further(request, len(paths), warn)
    return paths


def _write_views(request: TraceRequest, evidence: Evidence, result: TraceResult) -> None:
    """The table of doubts and the picture, where they were asked for."""
    if request.doubts is not None:
        write_doubts(request.doubts, _doubt_rows(result, evidence.grid), request.overwrite)
    if request.preview is not None:
        gaps = [bridge.path_zyx for bridge in result.bridges]
        write_preview(
            request.preview,
            evidence.picture,
            evidence.grid,
            result.neurons,
            gaps,
            overwrite=request.overwrite,
        )


def _clear_further(request: TraceRequest, found: int, warn: Say) -> None:
    """Remove what an earlier run that found more neurons wrote: it would be taken for this one's.

    Only with `--overwrite`, and only files that neurorecon wrote; others are named.
    """
    number = found + 1
    while (path := _numbered(request.out, number)).exists():
        known = {one.resolve() for one in (*request.inputs, *request.outputs)}
        if request.overwrite and path.resolve() not in known and _is_ours(path):
            path.unlink()
            warn(f"removed {path}, of an earlier run: this one found {_counted(found, 'tree')}")
        else:
            warn(f"{path} is not of this run, which found {_counted(found, 'tree')}")
        number += 1


def _is_ours(path: Path) -> bool:
    try:
        return read_swc_header(path).unit is not None
    except InputError:
        return False


def _numbered(out: Path, number: int) -> Path:
    return out if number == 1 else out.with_name(f"{out.stem}_{number}{out.suffix}")


def _doubt_rows(result: TraceResult, grid: Grid) -> list[dict[str, object]]:
    """Rows for `io.doubts`, most doubtful first."""
    rows: list[dict[str, object]] = []
    for doubt in result.doubts:
        index = grid.to_index(doubt.point_zyx)
        verdict = {"accepted": "accept", "rejected": "reject", None: ""}[doubt.verdict]
        rows.append(
            {
                **{f"axis-{axis}": round(float(index[axis]), 2) for axis in range(3)},
                "id": doubt.id,
                "kind": doubt.kind,
                "score": round(float(doubt.score), 4),
                "done": "yes" if doubt.done else "no",
                "verdict": verdict,
                **dict(zip("zyx", (round(float(c), 4) for c in doubt.point_zyx), strict=True)),
                "unit": grid.unit,
                "note": doubt.note,
            }
        )
    return rows


def _summary(result: TraceResult, grid: Grid, doubts: Path | None) -> str:
    unit = {"um": "µm", "voxel": "voxels"}[grid.unit]
    length = sum(neuron.length for neuron in result.neurons)
    parts = [f"{_counted(len(result.neurons), 'tree')}, {length:.0f} {unit}"]
    if result.bridge_count:
        parts.append(f"{_counted(result.bridge_count, 'gap')} bridged")
    if result.loops_opened:
        parts.append(f"{_counted(len(result.loops_opened), 'loop')} opened")
    if result.fragment_count:
        left_out = _counted(result.fragment_count, "further tree")
        parts.append(f"{left_out} ({result.fragment_length:.0f} {unit}) left out")
    open_doubts = sum(doubt.verdict is None for doubt in result.doubts)
    if open_doubts:
        listed = f"in {doubts}" if doubts else "(--doubts lists them)"
        parts.append(f"{_counted(open_doubts, 'doubtful place')} {listed}")
    return "; ".join(parts)


def _doubtful_choices(
    result: TraceResult, grid: Grid, roots: NDArray[np.float64] | None
) -> Iterator[str]:
    """Where a root may have got another tree, or less of it, than the user meant."""
    if roots is None:
        return
    unit = {"um": "µm", "voxel": "voxels"}[grid.unit]
    for root, tree in zip(roots, result.neurons, strict=False):
        apart = float(np.linalg.norm(tree.point_zyx[tree.roots[0]] - root))
        body = float(tree.radius[tree.roots[0]])
        if apart > body + _ROOT_OFF * min(grid.voxel_size_zyx):
            index = _spaced(grid.to_index(root))
            yield f"the root at voxel {index} lies {apart:.0f} {unit} from the tree that it got"
    longest = result.dropped[0].length if result.dropped else 0.0
    if longest > min(tree.length for tree in result.neurons):
        yield (
            f"what was left out has a tree of {longest:.0f} {unit}: if it belongs to the neuron, "
            "give a longer --max-gap or a lower --threshold; --keep-fragments writes it"
        )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
