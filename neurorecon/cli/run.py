"""`neurorecon run`: segment, trace and view, one stack after the other.

The commands themselves are called, with the options that each of them has.
"""

from __future__ import annotations

import contextlib
import io
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurorecon.cli import trace_options as tracing
from neurorecon.cli.config import CONFIG_TABLES, STEP_TABLES
from neurorecon.cli.console import note_line, warning_line, warnings_once
from neurorecon.cli.options import (
    OUTPUT_PANEL,
    Channel,
    Dataset,
    Device,
    DeviceOption,
    ModelName,
    Precision,
    PrecisionOption,
    VoxelSize,
)
from neurorecon.cli.run_helpers import work_beside
from neurorecon.cli.saving import PER_FILE, command_line, options_of, without
from neurorecon.cli.sources import make_folder
from neurorecon.errors import InputError, NeuroreconError

if TYPE_CHECKING:
    from neurorecon.commands.run import Job, Outcome

_NO_STEP = {"segment", "napari"}  # switches of commands that make no sense within a run
_RUN_ONLY = {"out", "overwrite", "at_once"}
_RECORDED = ("segment", "trace")


def run(
    ctx: typer.Context,
    stacks: Annotated[
        list[Path],
        typer.Argument(
            metavar="STACK...", help="Raw stacks, as `segment` takes them.", show_default=False
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="Directory for the outputs; made where it does not exist.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ],
    model: ModelName = "default",
    voxel_size: VoxelSize = None,
    channel: Channel = None,
    dataset: Dataset = None,
    invert: tracing.Invert = None,
    device: DeviceOption = Device.auto,
    precision: PrecisionOption = Precision.auto,
    threshold: tracing.Threshold = 0.5,
    somas: tracing.Somas = "auto",
    max_gap: tracing.MaxGap = None,
    min_length: tracing.MinLength = None,
    min_branch: tracing.MinBranch = None,
    keep_fragments: tracing.KeepFragments = False,
    at_once: Annotated[
        int,
        typer.Option(
            "--jobs",
            metavar="N",
            min=1,
            help="Stacks to work on at the same time, each in a process with its share of the "
            "processor; each takes the memory that one takes.",
        ),
    ] = 1,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Do everything again, and replace files in DIR that no run wrote.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = False,
) -> None:
    """From raw stacks to trees, pictures and reports, many files in a row. Prints the SWC files.

    Each stack NAME gives NAME.swc (and NAME_2.swc, ...), NAME_seg.tif, NAME.png, NAME.html (a page
    to look at), NAME.json (what was found), NAME.csv (doubtful places) and NAME.options.toml (all
    options, for --config). summary.csv has a row for each stack.

    What is there already, made of the same stack with the same options, is not made again; where
    only options of tracing changed, the segmentation is kept. A stack that fails does not stop the
    others: the failures are listed at the end, with exit code 1. With --jobs, a stack that failed
    beside others is tried once more, alone.

    All other options of `segment` and `trace` can stand in the tables [segment] and [trace] of a
    file for --config.
    """
    from neurorecon.commands.run import Job, content_hash, name_jobs, run_batch, write_summary
    from neurorecon.io.models import find_model

    names = name_jobs(stacks)
    steps = _Steps(ctx)
    settings = {name: steps.options(name, stacks[0]) for name in _RECORDED}
    ctx.meta[STEP_TABLES] = settings
    weights = content_hash(find_model(str(settings["segment"]["model"])))
    make_folder(out)
    if not os.access(out, os.W_OK | os.X_OK):
        raise InputError(f"the folder {out} cannot be written; choose another place")
    jobs = [Job(s, name, out, settings, weights) for s, name in zip(stacks, names, strict=True)]
    place = {job.name: number for number, job in enumerate(jobs, start=1)}

    def begin(job: Job) -> None:
        note_line(f"[{place[job.name]}/{len(jobs)}] {job.stack}")

    started = time.time()
    if (helpers := min(at_once, len(jobs))) > 1:
        for job in jobs if overwrite else ():
            job.write_record(False, [], "", 0.0, command_line())  # helpers do what is not done
        overwrite = False
        work_beside(helpers, stacks, out, {**settings, "run": options_of(ctx)})

    outcomes = []
    work = warnings_once()(steps.work)
    for outcome in run_batch(jobs, work, begin, command_line(), overwrite):
        if outcome.state == "skipped" and outcome.job.record.stat().st_mtime >= started:
            outcome = replace(outcome, state="done")  # by a helper
        outcomes.append(outcome)
        if outcome.state == "failed":
            warning_line(f"failed: {outcome.failure}")
        for path in outcome.trees if outcome.state in ("done", "skipped") else ():
            typer.echo(path)
    write_summary(out / "summary.csv", outcomes)
    _tell(outcomes)


def _tell(outcomes: Sequence[Outcome]) -> None:
    """What became of the stacks; raises NeuroreconError where some failed."""
    words = {
        "done": "done",
        "skipped": "skipped (done before)",
        "busy": "left to another run",
        "failed": "failed",
    }
    counts = {state: sum(one.state == state for one in outcomes) for state in words}
    note_line(", ".join(f"{count} {words[state]}" for state, count in counts.items() if count))
    failed = [one for one in outcomes if one.state == "failed"]
    if not failed:
        return
    for one in failed:
        note_line(f"  {one.failure}")
    raise NeuroreconError(
        f"{len(failed)} of {len(outcomes)} stacks failed, as listed above; the same command again "
        "tries them alone"
    )


@dataclass(frozen=True)
class _Steps:
    """The commands that a run consists of, called with the options that each of them has."""

    ctx: Any

    def work(self, job: Job, keep_segmentation: bool) -> list[Path]:
        """Make all outputs of one stack; the files written."""
        segmentation, page = job.output("_seg.tif"), job.output(".html")
        extras = {"--preview": ".png", "--report": ".json", "--doubts": ".csv"}
        told = []
        if not keep_segmentation:
            dark = self._is_dark(job.stack)
            inverted = ["--invert"] if dark else []
            self._call("segment", job.stack, "--out", segmentation, *inverted, "--overwrite")
            told = inverted or ["--no-invert"]  # `trace` need not look, and say so, again
        named = [part for option, ending in extras.items() for part in (option, job.output(ending))]
        trees = self._call(
            "trace",
            *(segmentation, "--image", job.stack, "--out", job.output(".swc")),
            *(*named, *told, "--overwrite"),
        )
        self._call("view", job.stack, *trees, "--out", page, "--overwrite")
        return [segmentation, *trees, *(job.output(ending) for ending in extras.values()), page]

    def options(self, name: str, stack: Path) -> dict[str, Any]:
        """The options of a command, parsed and so checked as if for this stack."""
        out = ["--out", "unused"] if name == "trace" else []
        with self._context(name, stack, *out) as context:
            found = options_of(context)
        if name == "segment" and not found["invert"] and self.ctx.params["invert"] is None:
            del found["invert"]  # told from the values of each stack
        return {
            option: value for option, value in found.items() if option not in PER_FILE | _NO_STEP
        }

    def _call(self, name: str, *arguments: object) -> list[Path]:
        """Run a command; the paths that it prints."""
        printed = io.StringIO()
        with self._context(name, *arguments) as context, contextlib.redirect_stdout(printed):
            context.invoke(context.command.callback, **context.params)
        return [Path(line) for line in printed.getvalue().splitlines()]

    def _context(self, name: str, *arguments: object) -> Any:
        command = self.ctx.parent.command.commands[name]
        given = [*self._given(command), *map(str, arguments)]
        tables: Mapping[str, Any] = self.ctx.meta.get(CONFIG_TABLES, {})
        return command.make_context(
            name, given, parent=self.ctx.parent, default_map=without(tables.get(name, {}), _NO_STEP)
        )

    def _given(self, command: Any) -> list[str]:
        """The options of this run that the command has too, as arguments, but for the defaults."""
        having = {flag for one in command.params for flag in (*one.opts, *one.secondary_opts)}
        arguments = []
        for option in self.ctx.command.params:
            source = self.ctx.get_parameter_source(option.name)
            if option.param_type_name != "option" or source is None or source.name == "DEFAULT":
                continue
            if option.name in _RUN_ONLY or option.name not in self.ctx.params:
                continue
            arguments += _as_arguments(option, self.ctx.params[option.name], having)
        return arguments

    def _is_dark(self, stack: Path) -> bool:
        """Whether the neurites of a raw stack are dark, where the user does not say."""
        from neurorecon.commands.trace import TraceRequest, has_dark_neurites

        with self._context("trace", stack, "--out", "unused") as context:
            told = context.params["invert"]
            channel, dataset = context.params["channel"], context.params["dataset"]
        from neurorecon.io.address import in_dataset

        source = in_dataset(stack, dataset)
        request = TraceRequest(source, Path("unused"), channel=channel, invert=told)
        return has_dark_neurites(request, note_line)


def _as_arguments(option: Any, value: Any, having: set[str]) -> list[str]:
    """An option and its value as they would stand on the command line of another command."""
    flags = [*option.opts, *option.secondary_opts]
    if getattr(option, "is_flag", False):
        flag = flags[0] if value else flags[-1] if option.secondary_opts else None
        return [flag] if flag in having else []
    if flags[0] not in having or value is None:
        return []
    several = value if isinstance(value, tuple | list) else [value]
    return [flags[0], *(str(getattr(each, "value", each)) for each in several)]
