"""How a run ends: one line and an exit code, also at the worst moment and in the poorest shell."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from neurorecon.cli.app import app

NEURORECON = [sys.executable, "-m", "neurorecon"]
INTERRUPTED = "neurorecon: error: interrupted; no half-written file was left\n"

# Presses Ctrl-C at the moment when a certain module is about to be imported.
CTRL_C_AT_IMPORT = """
import os, signal, sys

MOMENT = sys.argv[1]

class PressCtrlC:
    def find_spec(self, name, *_):
        if name == MOMENT:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, PressCtrlC())
signal.signal(signal.SIGINT, signal.default_int_handler)  # a parent may have had it ignored
from neurorecon.cli import main
del sys.argv[1]
main()
"""


# Is stopped where Python lets nothing be raised, and prints it instead: when an object goes away.
STOPPED_IN_A_CALLBACK = """
import os, signal, sys, time, weakref
from neurorecon.cli.ending import run_and_exit

class Thing: ...

def work():
    thing = Thing()
    watched = weakref.ref(thing, lambda _: (os.kill(os.getpid(), int(sys.argv[1])), time.sleep(1)))
    del thing
    time.sleep(60)

signal.signal(signal.SIGINT, signal.default_int_handler)
run_and_exit(work)
"""


# A module written in C is stopped while it sets itself up, and says only that it failed.
STOPPED_AS_A_FAILURE = """
import os, signal, sys
from neurorecon.cli.ending import run_and_exit

def work():
    try:
        os.kill(os.getpid(), int(sys.argv[1]))
        signal.pause()
    except BaseException:
        failed = True
    raise ImportError("initialization failed")

signal.signal(signal.SIGINT, signal.default_int_handler)
run_and_exit(work)
"""


@pytest.mark.parametrize("program", [STOPPED_IN_A_CALLBACK, STOPPED_AS_A_FAILURE])
@pytest.mark.parametrize(
    ("number", "code", "said"), [(signal.SIGINT, 130, INTERRUPTED), (signal.SIGTERM, 143, "")]
)
def test_a_signal_is_not_lost_on_its_way(program, number, code, said):
    run = [sys.executable, "-c", program, str(int(number))]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, said)


# A library forgets Ctrl-C; when it comes again, cleaning up takes longer than until the next time.
SWALLOWED = """
import os, signal, time
from neurorecon.cli.ending import run_and_exit

def work():
    try:
        time.sleep(0.1)
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        except KeyboardInterrupt:
            pass
        time.sleep(900)
    finally:
        time.sleep(2.2)
        print("cleaned")

signal.signal(signal.SIGINT, signal.default_int_handler)
run_and_exit(work)
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="Windows has no such timer")
def test_a_swallowed_ctrl_c_comes_again_but_does_not_disturb_the_cleaning_up():
    run = [sys.executable, "-c", SWALLOWED]
    done = subprocess.run(run, capture_output=True, text=True, check=False, timeout=600)
    assert (done.returncode, done.stdout, done.stderr) == (130, "cleaned\n", INTERRUPTED)


@pytest.mark.parametrize("module", ["typer.core", "neurorecon.cli.trace", "numpy", "torch.nn"])
def test_ctrl_c_during_imports_ends_in_one_line(module, write_stack, tmp_path):
    stack = write_stack(tmp_path / "a.tif")
    run = [sys.executable, "-c", CTRL_C_AT_IMPORT, module, "segment", str(stack)]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", INTERRUPTED)
    assert list(tmp_path.iterdir()) == [stack]


@pytest.mark.parametrize("arguments", ["", "--help", "--version"])
def test_a_reader_that_goes_away_is_no_failure(arguments):
    """As in `neurorecon ... | head -1`: here the reader is gone before the first byte."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*NEURORECON, *arguments.split()], stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_full_disk_behind_standard_output_is_named():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*NEURORECON, "--version"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "space" in line


def test_no_file_takes_the_place_of_a_closed_standard_stream(tmp_path):
    """What a library in C prints would else end up in it."""
    program = """
import os, sys
from neurorecon.cli.ending import run_and_exit

def work():
    with open(sys.argv[1], "w") as file:
        file.write(str(file.fileno()))
    print("lost")
    sys.stderr.write("lost")

run_and_exit(work)
"""
    run = 'exec "$0" -c "$1" "$2" <&- >&- 2>&-'
    subprocess.run(["bash", "-c", run, sys.executable, program, tmp_path / "number"], check=True)
    assert int((tmp_path / "number").read_text()) > 2


def test_no_home_no_terminal_and_the_plainest_locale(write_stack, tmp_path):
    """LC_ALL=C without Python's own rescue: neither µ nor the ö of a name is in ASCII."""
    stack = write_stack(tmp_path / "zellkörper 1.tif")
    env = {"PATH": os.defpath, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    run = [*NEURORECON, "info", str(stack), "--voxel-size", "2", "1", "1"]
    done = subprocess.run(run, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "zellkörper 1.tif".encode() in done.stdout
    assert "2 1 1 µm".encode() in done.stdout


@pytest.mark.parametrize(
    ("arguments", "found", "cure"),
    [
        ("--colour", "--colour", "neurorecon --help"),
        ("tracee a.tif", "tracee", "'trace'"),
        ("trace a.tif --out", "--out", ""),
        ("segment", "STACK", "neurorecon segment --help"),
        ("trace a.tif", "--out FILE.swc|DIR", "neurorecon trace --help"),
        ("segment a.tif --vozel-size 1 1 1", "--vozel-size", "did you mean --voxel-size?"),
        ("trace a.tif --out a.swc --threshold 1.5", "--threshold", "neurorecon trace --help"),
        ("segment a.tif --device gpu", "gpu", "cuda"),
        ("segment my stack.tif", "stack.tif", "quotes"),
        ("info a.tif --voxel-size 1 2", "--voxel-size", "3"),
    ],
)
def test_wrong_arguments_end_in_one_line(arguments, found, cure):
    result = CliRunner().invoke(app, arguments.split())
    assert (result.exit_code, result.stdout) == (2, "")
    [line] = result.stderr.splitlines()
    assert line.startswith("neurorecon: error: ")
    assert found in line and cure in line


def test_without_arguments_the_help_is_shown():
    result = CliRunner().invoke(app, [])
    assert result.exit_code == 2
    assert "evaluate" in result.stdout + result.stderr
