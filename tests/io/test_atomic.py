import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from neurorecon.errors import InputError, NeuroreconError
from neurorecon.io.atomic import atomic_output, refuse_existing


def test_output_appears_only_when_whole(tmp_path: Path) -> None:
    path = tmp_path / "tree.swc"
    with atomic_output(path, overwrite=False) as temporary:
        temporary.write_text("half")
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".swc"
        assert not path.exists()
        temporary.write_text("whole")
    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("raised", [ValueError, KeyboardInterrupt, SystemExit])
def test_nothing_is_left_after_a_failure(tmp_path: Path, raised: type[BaseException]) -> None:
    path = tmp_path / "tree.swc"
    path.write_text("old")
    with pytest.raises(raised), atomic_output(path, overwrite=True) as temporary:
        temporary.write_text("half")
        raise raised
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_existing_output_is_refused_before_the_work_unless_overwrite(tmp_path: Path) -> None:
    path = tmp_path / "tree.swc"
    path.write_text("old")
    with pytest.raises(InputError, match="--overwrite"):
        refuse_existing(path, overwrite=False)
    with pytest.raises(InputError, match="--overwrite"), atomic_output(path, overwrite=False):
        pytest.fail("the work has begun")
    with atomic_output(path, overwrite=True) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"


def test_output_of_another_run_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "tree.swc"
    with pytest.raises(InputError, match="--overwrite"), atomic_output(path, False) as temporary:
        temporary.write_text("ours")
        path.write_text("theirs")
    assert path.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_missing_folder_directory_and_device_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="mkdir"):
        refuse_existing(tmp_path / "no" / "tree.swc", overwrite=False)
    with pytest.raises(InputError, match="name of a file"):
        refuse_existing(tmp_path, overwrite=True)
    with pytest.raises(InputError, match="standard output"):
        refuse_existing(Path(os.devnull), overwrite=True)


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_read_only_folder_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="another place"):
        refuse_existing(tmp_path / "tree.swc", overwrite=False)


def test_folder_that_turns_unwritable_is_an_input_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with (
        pytest.raises(InputError, match="another place"),
        atomic_output(tmp_path / "tree.swc", overwrite=False),
    ):
        pytest.fail("the work has begun")


def test_full_disk_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(NeuroreconError, match="no space left") as caught,
        atomic_output(tmp_path / "tree.swc", overwrite=False),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.exit_code == 1
    assert list(tmp_path.iterdir()) == []


def test_permissions_follow_the_umask_and_links_stay_links(tmp_path: Path) -> None:
    target, link = tmp_path / "real.swc", tmp_path / "link.swc"
    link.symlink_to(target)
    before = os.umask(0o027)
    try:
        with atomic_output(link, overwrite=False) as temporary:
            temporary.write_text("new")
    finally:
        os.umask(before)
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stopped_command_leaves_no_file(tmp_path: Path, number: int, exit_code: int) -> None:
    # A shell's background job inherits an ignored Ctrl-C, and its children too.
    script = """
import signal
import time
from pathlib import Path
from neurorecon import cli
from neurorecon.cli.app import app
from neurorecon.io.atomic import atomic_output

signal.signal(signal.SIGINT, signal.default_int_handler)

@app.command("wait")
def wait(path: Path) -> None:
    with atomic_output(path, overwrite=False) as temporary:
        temporary.write_text("half")
        print("ready", flush=True)
        while True:  # one long sleep would miss a signal that comes just before it begins
            time.sleep(0.05)

cli.main()
"""
    with subprocess.Popen(
        [sys.executable, "-c", script, "wait", str(tmp_path / "tree.swc")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            pytest.fail(f"the command did not start: {process.communicate()[1]}")
        process.send_signal(number)
        _, errors = process.communicate(timeout=300)
    assert process.returncode == exit_code
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []
