"""`run --jobs N`: processes that work on the same stacks at the same time.

Each is `neurorecon run` again. Locks keep them apart: what one is at, the others leave to it. So a
helper that dies costs nothing but its stack, which whoever started it then finds undone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neurorecon.cli.console import note_line
from neurorecon.cli.saving import TYPED, command_line

_PASSED_ON = ("[", "neurorecon: warning:")  # what begins, and what is to be known about it


def work_beside(
    count: int, stacks: Sequence[Path], out: Path, tables: Mapping[str, Mapping[str, Any]]
) -> None:
    """Let `count` helpers do what they can of the stacks; back when all of them have ended.

    tables: all options, by command, as a config file holds them. Each helper has its share of the
    processor's cores, unless OMP_NUM_THREADS says something else.
    """
    from neurorecon.io.tomlfile import write_toml

    share = max((os.cpu_count() or 1) // count, 1)
    typed = command_line().partition(": ")[2]
    environment = {"OMP_NUM_THREADS": str(share), **os.environ, TYPED: typed}
    with tempfile.TemporaryDirectory(prefix="neurorecon-") as folder:
        config = Path(folder, "options.toml")
        write_toml(config, tables, "options of a run, for its helpers", overwrite=False)
        options = ["--out", str(out), "--config", str(config), "--jobs", "1"]
        command = [sys.executable, "-m", "neurorecon", "run", *options, "--", *map(str, stacks)]
        helpers = [
            subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=environment,
                errors="surrogateescape",
            )
            for _ in range(count)
        ]
        try:
            _listen(helpers)
        finally:
            for helper in helpers:  # where this run was stopped
                helper.terminate()
                helper.wait()


def _listen(helpers: Sequence[subprocess.Popen[str]]) -> None:
    """Pass on what the helpers say until they are done."""

    def pass_on(helper: subprocess.Popen[str]) -> None:
        with helper.stderr or open(os.devnull) as lines:  # noqa: PTH123
            for line in lines:
                if line.startswith(_PASSED_ON):
                    note_line(line.rstrip("\n"))

    threads = [threading.Thread(target=pass_on, args=(one,), daemon=True) for one in helpers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
