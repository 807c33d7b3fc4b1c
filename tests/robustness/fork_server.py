"""Runs commands of neurorecon, each in a fork of a process that has imported everything.

A command so costs milliseconds beyond its own work, and still is a process of its own: with limits,
signals, exit code and memory that the kernel counts. Reads a JSON object a line, answers with one.
"""

import gc
import json
import os
import resource
import signal
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import sandbox
import typer.testing

_PARENT_LIMIT_S = 600.0  # a hang (or a busy machine); the kernel limits the processor time


_IMPORTS = (
    *("matplotlib.pyplot", "scipy.ndimage", "skimage.morphology", "tensorboardX", "zarr"),
    *(f"neurorecon.commands.{name}" for name in ("distill", "evaluate", "segment", "simulate")),
    *("neurorecon.commands.trace", "neurorecon.commands.train", "neurorecon.cli"),
    # torch 2.9 makes a folder when it imports this, and forks end too abruptly to remove it.
    "torch.distributed.nn.jit.instantiator",
)


def _import_everything() -> None:
    for name in _IMPORTS:
        import_module(name)
    from neurorecon.cli.app import app

    for words in (["--help"], ["models"]):  # builds the options, and imports what prints tables
        typer.testing.CliRunner().invoke(app, words)
    gc.freeze()


def _stop_at(event: int) -> None:
    """SIGKILL this process at its n-th change of the file system."""
    seen = 0

    def watch(name: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        writes = name == "open" and isinstance(arguments[2], int) and arguments[2] & 3
        if writes or name in {"os.rename", "os.remove", "os.mkdir", "os.link"}:
            seen += 1
            if seen > event:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def _become(request: dict[str, Any]) -> None:
    """In the fork: everything that makes it a process of its own, then the command."""
    os.setpgrp()
    os.chdir(request["folder"])
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        os.dup2(os.open(request[name], flags, 0o600), number)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if seconds := request.get("cpu_s"):
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    if mib := request.get("memory_mib"):  # so that a failed case does not take the machine along
        held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held + mib * 2**20,) * 2)
    if situation := request.get("situation"):
        name, folder, *arguments = situation
        sandbox.SITUATIONS[name](Path(folder), *arguments)
        os.chdir(request["folder"])  # what is mounted there now
    os.environ.update(request.get("environment", {}))
    if (event := request.get("kill_at_event")) is not None:
        _stop_at(event)
    sys.argv = ["neurorecon", *request["arguments"]]
    from neurorecon.cli import main

    main()


def _fork(request: dict[str, Any]) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        _become(request)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # as the interpreter would end
        import traceback

        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                code = 120  # the interpreter's own code for a lost last line
        os._exit(code)


def _wait(child: int, request: dict[str, Any], started: float) -> dict[str, Any]:
    """Send the signal that was asked for in time, and wait for the end."""
    sent = request.get("signal")  # [number, seconds]
    while True:
        done, status, usage = os.wait4(child, os.WNOHANG)
        passed = time.monotonic() - started
        if done:
            return {
                "code": os.waitstatus_to_exitcode(status),
                "seconds": passed,
                "cpu_s": usage.ru_utime + usage.ru_stime,
                "peak_mib": usage.ru_maxrss / 1024,
            }
        if sent and passed >= sent[1]:
            os.kill(child, sent[0])
            sent = None
        if passed > _PARENT_LIMIT_S:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.002)


def main() -> None:
    """Serve until standard input ends."""
    _import_everything()
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        requests = json.loads(line)
        started = time.monotonic()
        children = [_fork(request) for request in requests]  # at once, where there are several
        answers = [
            _wait(child, request, started)
            for child, request in zip(children, requests, strict=True)
        ]
        print(json.dumps(answers), flush=True)


if __name__ == "__main__":
    main()
