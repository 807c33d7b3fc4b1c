"""Commands run by the fork server, and what is true of everything that they leave."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CPU_S = 10  # what a malformed input may cost
PEAK_MIB = 1024  # beyond the imports
_PYTHONS_OWN = re.compile(r"Traceback|\w(Warning|Error|Exception)\b")


@dataclass(frozen=True)
class Outcome:
    """How a command ended. peak_mib: most memory held, beyond what the imports hold."""

    arguments: tuple[str, ...]
    code: int
    stdout: str
    stderr: str
    cpu_s: float
    seconds: float
    peak_mib: float

    @property
    def errors(self) -> list[str]:
        """The lines that say that something is wrong."""
        return [line for line in self.stderr.splitlines() if line.startswith("neurorecon: error")]

    def told(self) -> str:
        """For a failed assertion."""
        text = self.stderr[-1500:]
        return f"neurorecon {' '.join(self.arguments)}\n-> {self.code}, {self.cpu_s:.1f} s\n{text}"


class Runner:
    """The fork server and its commands."""

    def __init__(self) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}
        self._server = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("fork_server.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        self._answer()
        with tempfile.TemporaryDirectory() as folder:
            self._imports_mib = 0.0
            self._imports_mib = self.run(["--version"], Path(folder)).peak_mib

    def close(self) -> None:
        """End the server."""
        assert self._server.stdin and self._server.stdout
        self._server.stdin.close()
        self._server.wait(timeout=60)
        self._server.stdout.close()

    def run(self, arguments: list[Any], folder: Path, **request: Any) -> Outcome:
        """One command, in `folder`. Further words: as fork_server reads them."""
        return self.run_at_once([(arguments, request)], folder)[0]

    def run_at_once(
        self, commands: list[tuple[list[Any], dict[str, Any]]], folder: Path
    ) -> list[Outcome]:
        """Commands that run at the same time."""
        with tempfile.TemporaryDirectory(prefix="streams-") as name:
            streams, requests = Path(name), []
            for number, (arguments, request) in enumerate(commands):
                files = {
                    "stdin": os.devnull,
                    "stdout": str(streams / f"{number}.out"),
                    "stderr": str(streams / f"{number}.err"),
                }
                words = [str(word) for word in arguments]
                requests.append({"arguments": words, "folder": str(folder), **files, **request})
            assert self._server.stdin
            self._server.stdin.write(json.dumps(requests) + "\n")
            self._server.stdin.flush()
            answers = self._answer()
            return [
                Outcome(
                    tuple(request["arguments"]),
                    stdout=_text(request["stdout"]),
                    stderr=_text(request["stderr"]),
                    code=answer["code"],
                    cpu_s=answer["cpu_s"],
                    seconds=answer["seconds"],
                    peak_mib=answer["peak_mib"] - self._imports_mib,
                )
                for request, answer in zip(requests, answers, strict=True)
            ]

    def _answer(self) -> Any:
        assert self._server.stdout
        line = self._server.stdout.readline()
        assert line, "the fork server ended"
        return json.loads(line)


def _text(path: str) -> str:
    file = Path(path)
    return os.fsdecode(file.read_bytes()) if file.is_file() else ""


def contents(folder: Path) -> dict[str, str]:
    """What lies in a folder: a digest of each file, by its name."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[str(path.relative_to(folder))] = f"-> {path.readlink()}"
        elif path.is_file():
            found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            found[str(path.relative_to(folder))] = "folder"
    return found


def refused_cleanly(outcome: Outcome) -> str | None:
    """What is wrong with how an input was refused; None where nothing is.

    Notes and warnings of ours may come before the one line, nothing of Python's own.
    """
    if outcome.code != 2:
        return f"exit code {outcome.code}, not 2"
    before = outcome.stderr.splitlines()[:-1]
    if len(outcome.errors) != 1 or _PYTHONS_OWN.search("\n".join(before)):
        return "not one line"
    return used_little(outcome)


def used_little(outcome: Outcome) -> str | None:
    """What a command used too much of; None where nothing."""
    if outcome.cpu_s > CPU_S:
        return f"{outcome.cpu_s:.1f} s of processor time"
    if outcome.peak_mib > PEAK_MIB:
        return f"{outcome.peak_mib:.0f} MiB"
    return None
