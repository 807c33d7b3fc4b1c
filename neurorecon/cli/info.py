"""`neurorecon info`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurorecon.cli.console import warning_line
from neurorecon.cli.options import OUTPUT_PANEL, Channel, Dataset, VoxelSize
from neurorecon.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from neurorecon.commands.info import StackReport


def info(
    stack: Annotated[
        Path | None,
        typer.Argument(
            metavar="STACK",
            help="The stack: a file, a Zarr store, or a folder or quoted pattern of slices.",
            show_default=False,
        ),
    ] = None,
    formats: Annotated[
        bool,
        typer.Option(
            "--formats", help="List the formats that are read and written instead of a stack."
        ),
    ] = False,
    voxel_size: VoxelSize = None,
    channel: Channel = None,
    dataset: Dataset = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print one JSON object instead of the default table.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = False,
) -> None:
    """Say what a stack holds and what `segment` would do with it."""
    if formats:
        _print_formats(as_json)
        return
    if stack is None:
        raise InputError("no stack given; name one, or --formats for the formats that are read")
    from neurorecon.io.address import in_dataset

    stack = in_dataset(stack, dataset)
    from neurorecon.commands.info import info as run

    report = run(stack, voxel_size, channel)
    if as_json:
        typer.echo(json.dumps(_record(report), indent=2))
    else:
        rows = list(_rows(report))
        width = max(len(name) for name, _ in rows)
        for name, value in rows:
            typer.echo(f"{name:<{width}}  {value}")
    for warning in report.warnings:
        warning_line(warning)


def _print_formats(as_json: bool) -> None:
    """The tables of `io.formats.table`, as docs/formats.md has them."""
    from neurorecon.io.formats.table import table_rows, written_rows

    tables: list[list[tuple[str, ...]]] = [[*table_rows()], [*written_rows()]]
    if as_json:
        read, written = (
            [dict(zip(table[0], row, strict=True)) for row in table[1:]] for table in tables
        )
        typer.echo(json.dumps({"read": read, "written": written}, indent=2))
        return
    for number, table in enumerate(tables):
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        typer.echo("\n" * (number > 0), nl=False)
        for row in table:
            cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
            typer.echo("  ".join(cells).rstrip())


def _rows(report: StackReport) -> Iterator[tuple[str, str]]:
    yield from _stack_rows(report)
    yield from _intensity_rows(report)
    yield from _segment_rows(report)


def _stack_rows(report: StackReport) -> Iterator[tuple[str, str]]:
    description, grid = report.description, report.description.grid
    yield "file", description.name
    yield "axes", f"{description.axes}: {_by(description.shape)}"
    yield "dtype", f"{description.dtype}, compression {description.compression}"
    if description.channels > 1:
        yield "channels", str(description.channels)
    if description.shape_zyx is not None:
        yield "stack (z y x)", f"{_by(description.shape_zyx)} voxels"
    if grid is None:
        return
    if grid.unit == "um":
        yield "voxel size (z y x)", f"{_listed(grid.voxel_size_zyx)} µm, from {grid.source}"
    else:
        yield "voxel size (z y x)", grid.source
    if any(grid.origin_zyx):
        sign = "µm" if grid.unit == "um" else "voxels"
        yield "origin (z y x)", f"{_listed(grid.origin_zyx)} {sign}"


def _intensity_rows(report: StackReport) -> Iterator[tuple[str, str]]:
    from neurorecon.commands.info import PERCENTILES

    if (intensity := report.intensity) is None:
        return
    shape = report.description.shape_zyx
    sampled = shape is not None and intensity.planes < shape[0]
    planes = f", from {intensity.planes} planes" if sampled else ""
    yield "intensity", f"{intensity.minimum:g} to {intensity.maximum:g}{planes}"
    listed = zip(PERCENTILES, intensity.percentiles, strict=True)
    yield "percentiles", ", ".join(f"{share:g} %: {value:g}" for share, value in listed)


def _segment_rows(report: StackReport) -> Iterator[tuple[str, str]]:
    if report.problem is not None:
        yield "segment", f"would stop: {report.problem}"
    if (plan := report.segment) is None:
        return
    run = plan.forecast
    yield "segment", f"model {plan.model} on {plan.device}, {plan.precision}"
    runs = "" if run.runs == run.windows else f", about {run.runs} of them not empty"
    size = _by(run.window_zyx)
    yield "windows", f"{run.windows} of {size} voxels{runs}, {run.batch_size} at once"
    yield "time", f"about {_duration(run.seconds)}"
    on_device = f", and {_megabytes(run.device_bytes)} on {plan.device}" if run.device_bytes else ""
    yield "memory", f"about {_megabytes(run.host_bytes)}{on_device}"


def _record(report: StackReport) -> dict[str, Any]:
    """The report as plain values; lengths in the unit that `unit` names, memory in bytes."""
    from neurorecon.commands.info import PERCENTILES

    description, grid, intensity = report.description, report.description.grid, report.intensity
    plan = report.segment
    return {
        "file": description.name,
        "axes": description.axes,
        "shape": description.shape,
        "dtype": description.dtype,
        "compression": description.compression,
        "channels": description.channels,
        "shape_zyx": description.shape_zyx,
        "voxel_size_zyx": grid.voxel_size_zyx if grid else None,
        "origin_zyx": grid.origin_zyx if grid else None,
        "unit": grid.unit if grid else None,
        "voxel_size_source": grid.source if grid else None,
        "intensity": intensity
        and {
            "minimum": intensity.minimum,
            "maximum": intensity.maximum,
            "percentiles": dict(zip(map(str, PERCENTILES), intensity.percentiles, strict=True)),
            "planes": intensity.planes,
        },
        "segment": plan
        and {
            "model": plan.model,
            "device": plan.device,
            "precision": plan.precision,
            "windows": plan.forecast.windows,
            "window_zyx": plan.forecast.window_zyx,
            "windows_run": plan.forecast.runs,
            "batch_size": plan.forecast.batch_size,
            "seconds": plan.forecast.seconds,
            "memory_bytes": plan.forecast.host_bytes,
            "device_memory_bytes": plan.forecast.device_bytes,
        },
        "problem": report.problem,
    }


def _by(sizes: tuple[int, ...]) -> str:
    return " x ".join(map(str, sizes))


def _listed(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:.6g}" for value in values)


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 6000 else f"{seconds / 3600:.1f} hours"
