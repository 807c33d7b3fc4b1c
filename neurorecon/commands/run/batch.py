"""Job after job; one that fails does not stop the others."""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from neurorecon.commands.run.job import Job, fingerprint
from neurorecon.errors import InputError, NeuroreconError
from neurorecon.io.address import exists, is_pattern
from neurorecon.io.lock import locked

# (job, whether to keep the segmentation that is there) -> the files written
Work = Callable[[Job, bool], Sequence[Path]]


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    skipped: its outputs were there, made of the same stack with the same options. busy: another run
        is at it.
    problem: why it failed, in one line.
    """

    job: Job
    state: Literal["done", "skipped", "busy", "failed"]
    problem: str = ""

    @property
    def failure(self) -> str:
        """The problem, with the name of the stack."""
        named = self.problem.startswith(str(self.job.stack))
        return self.problem if named else f"{self.job.stack}: {self.problem}"

    @property
    def trees(self) -> list[Path]:
        """The SWC files, the largest neuron first."""
        outputs = self.job.read_record().get("made", {}).get("outputs", {})
        return [self.job.folder / name for name in outputs if name.endswith(".swc")]


def run_batch(
    jobs: Sequence[Job],
    work: Work,
    begin: Callable[[Job], None],
    comment: str,
    overwrite: bool = False,
) -> Iterator[Outcome]:
    """Do what is not done yet, and tell what became of each job as soon as it is known.

    begin: told each job that is about to be worked on. comment: for the records.
    overwrite: do everything again, and replace files that no run wrote.
    """
    for job in jobs:
        with locked(job.folder / f".{job.name}.lock") as free:
            yield _outcome(job, work, begin, comment, overwrite) if free else Outcome(job, "busy")


def _outcome(
    job: Job, work: Work, begin: Callable[[Job], None], comment: str, overwrite: bool
) -> Outcome:
    try:
        if not exists(job.stack) and not is_pattern(job.stack):
            raise InputError(f"{job.stack} does not exist; check the name")
        source, record = fingerprint(job.stack), job.read_record()
        if not overwrite and job.is_done(record, source):
            return Outcome(job, "skipped")
        if not overwrite and (others := job.not_ours(record)):
            raise InputError(
                f"{others[0]} was not written by `neurorecon run`, or changed since; move it away, "
                "or replace it with --overwrite"
            )
        begin(job)
        started = time.perf_counter()
        keep = not overwrite and job.has_segmentation(record, source)
        kept = [job.output("_seg.tif")] if keep else []
        job.write_record(False, kept, source, 0.0, comment)
        outputs = work(job, keep)
        job.write_record(True, outputs, source, time.perf_counter() - started, comment)
    except (NeuroreconError, OSError, MemoryError) as error:
        return Outcome(job, "failed", str(error) or type(error).__name__)
    except Exception as error:
        # A night's work shall not end with one stack; what happened is kept for a report.
        path = job.output(".error.txt")
        with contextlib.suppress(OSError):
            path.write_text(traceback.format_exc(), encoding="utf-8", errors="replace")
        found = f"{type(error).__name__}: {error}"
        return Outcome(job, "failed", f"{found}; this is a defect, please report it with {path}")
    return Outcome(job, "done")
