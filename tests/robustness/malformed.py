"""Cases of damaged input: drawn from a seed, tried, judged."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from random import Random

import mutation_model
import mutation_text
import mutation_tiff
import mutation_zarr
from corpus import COMMANDS, SAMPLES, Sample, write_companions
from mutation import Mutator, mutators_of
from running import CPU_S, PEAK_MIB, Outcome, Runner, contents, refused_cleanly, used_little

__all__ = ["Case", "Workshop", "draw_cases", "try_case"]
assert mutation_tiff and mutation_zarr and mutation_text and mutation_model  # registers them


@dataclass(frozen=True)
class Case:
    """One damaged file and the command that gets it."""

    sample: Sample
    mutator: Mutator
    command: tuple[str, ...]
    seed: int

    def __str__(self) -> str:
        words = " ".join(self.command)
        return f"{self.sample.name}, {self.mutator.name} (seed {self.seed}): {words}"


def draw_cases(kind: str, malformed: bool, count: int, seed: int) -> Iterator[Case]:
    """`count` cases of one kind of file, every mutator in turn."""
    rng = Random(f"{kind} {malformed} {seed}")
    samples = [one for one in SAMPLES if one.kind == kind]
    mutators = mutators_of(kind, malformed)
    rng.shuffle(mutators)
    for number, one in zip(range(count), cycle(mutators), strict=False):
        command = rng.choice(COMMANDS[kind])
        yield Case(rng.choice(samples), one, command, 1_000_000 * seed + number)


class Workshop:
    """Valid files, made once, that cases start from."""

    def __init__(self, folder: Path) -> None:
        self._samples = {}
        for number, one in enumerate(SAMPLES):
            self._samples[one] = folder / f"{number}{one.suffix}"
            one.write(self._samples[one])
        self._companions = folder / "companions"
        self._companions.mkdir()
        write_companions(self._companions)

    def prepare(self, case: Case, folder: Path) -> Path:
        """What a case needs, in a folder; returns the damaged file."""
        shutil.copytree(self._companions, folder, dirs_exist_ok=True)
        (folder / "tmp").mkdir()
        file = folder / f"damaged{case.sample.suffix}"
        source = self._samples[case.sample]
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, file)
        case.mutator.mutate(file, Random(case.seed))
        return file


def try_case(case: Case, runner: Runner, workshop: Workshop) -> tuple[Outcome, str | None]:
    """How the command ended, and what was wrong with that (None: nothing)."""
    with tempfile.TemporaryDirectory(prefix="case-") as name:
        folder = Path(name)
        file = workshop.prepare(case, folder)
        before = contents(folder)
        words = [word.format(file=file.name) for word in case.command]
        limits = {"cpu_s": CPU_S + 1, "memory_mib": 3 * PEAK_MIB}
        environment = {"TMPDIR": str(folder / "tmp")}
        outcome = runner.run(words, folder, environment=environment, **limits)
        left = sorted(contents(folder).items() - before.items())
    if any("owned" in path for path, _ in left):
        return outcome, "what the file says was executed"
    wrong = (refused_cleanly if case.mutator.malformed else _ended_cleanly)(outcome)
    if left and outcome.code != 0:
        wrong = wrong or f"left {left[0][0]}"
    return outcome, wrong


def _ended_cleanly(outcome: Outcome) -> str | None:
    """As `refused_cleanly`, for a file that may still be readable."""
    if outcome.code == 2:
        return refused_cleanly(outcome)
    if outcome.code not in (0, 1) or "Traceback" in outcome.stderr:
        return f"exit code {outcome.code}"
    if outcome.code == 1 and len(outcome.errors) != 1:
        return "not one line"
    return used_little(outcome)
