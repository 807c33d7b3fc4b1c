"""`neurorecon trace` behind other commands: paths and bytes on standard input."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from segmentations import LONG, SHORT, SIZE, run, segmentation, tube

from neurorecon.io.swc import read_swc, read_swc_header


def piped(*arguments, stdin: bytes, cwd: Path):
    return subprocess.run(
        [sys.executable, "-m", "neurorecon", "trace", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        cwd=cwd,
        timeout=600,
        check=False,
    )


def test_path_on_a_pipe(tmp_path):
    stack = segmentation(tmp_path / "a_seg.tif", LONG)
    done = piped("--out", "a.swc", stdin=f"{stack}\n".encode(), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, b"a.swc\n"), done.stderr
    assert read_swc(tmp_path / "a.swc").length == pytest.approx(LONG.length, abs=3)


def test_bytes_of_a_tiff_on_a_pipe(tmp_path):
    stack = segmentation(tmp_path / "a_seg.tif", LONG)
    done = piped("--out", "a.swc", stdin=stack.read_bytes(), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, b"a.swc\n"), done.stderr
    assert read_swc_header(tmp_path / "a.swc").voxel_size_zyx == SIZE


def test_several_paths_on_a_pipe_go_into_a_directory(tmp_path):
    one = segmentation(tmp_path / "a_seg.tif", LONG, SHORT)
    other = segmentation(tmp_path / "b.ome.tif", SHORT)
    result = run("--out", tmp_path / "trees", stdin=f"{one}\n{other}\n")
    assert result.exit_code == 0, result.stderr
    expected = [tmp_path / "trees" / name for name in ("a.swc", "a_2.swc", "b.swc")]
    assert result.stdout.splitlines() == [str(path) for path in expected]
    assert all(path.is_file() for path in expected)


def test_a_folder_for_bytes_on_a_pipe_is_refused_and_not_made(tmp_path):
    stack = segmentation(tmp_path / "a_seg.tif", LONG)
    done = piped("--out", "trees/", stdin=stack.read_bytes(), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"trees/NAME.swc" in done.stderr
    assert list(tmp_path.iterdir()) == [stack]


def test_a_path_that_is_not_utf_8_on_a_pipe(tmp_path):
    name = os.fsdecode(b"m\xfcller_seg.tif")
    stack = segmentation(tmp_path / "a_seg.tif", LONG).rename(tmp_path / name)
    done = piped("--out", "a.swc", stdin=os.fsencode(stack) + b"\n", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, b"a.swc\n"), done.stderr


def test_several_stacks_of_one_name_are_refused_before_the_work(tmp_path):
    (tmp_path / "x").mkdir()
    one = segmentation(tmp_path / "a_seg.tif", LONG)
    other = segmentation(tmp_path / "x" / "a_seg.tif", SHORT)
    result = run("--out", tmp_path / "trees", stdin=f"{one}\n{other}\n")
    assert result.exit_code == 2
    assert list((tmp_path / "trees").iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"\n  \n"])
def test_empty_pipe_means_that_the_command_before_it_failed(tmp_path, content):
    done = piped("--out", "a.swc", stdin=content, cwd=tmp_path)
    assert done.returncode == 2
    assert b"command before the pipe failed" in done.stderr
    assert done.stdout == b""
    assert list(tmp_path.iterdir()) == []


def test_bytes_that_are_no_stack_are_refused(tmp_path):
    done = piped("--out", "a.swc", stdin=b"\x89PNG\r\n\x1a\n\0\0\xff\xfe", cwd=tmp_path)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr


def test_truncated_tiff_on_a_pipe_is_refused(tmp_path):
    stack = segmentation(tmp_path / "a_seg.tif", LONG)
    done = piped("--out", "a.swc", stdin=stack.read_bytes()[:200], cwd=tmp_path)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert not (tmp_path / "a.swc").exists()


def test_terminal_as_standard_input_gets_a_hint_and_does_not_hang(tmp_path, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    from neurorecon.cli import trace
    from neurorecon.errors import InputError

    monkeypatch.setattr(sys, "stdin", Terminal())
    with pytest.raises(InputError, match="neurorecon segment"):
        trace.trace(out=tmp_path / "a.swc")


def test_a_missing_stack_among_several_stops_the_run_before_the_work(tmp_path):
    segmentation(tmp_path / "a_seg.tif", tube((8, 10, 5), (8, 10, 40)))
    done = piped("--out", "trees", stdin=b"a_seg.tif\n missing_seg.tif \n", cwd=tmp_path)
    assert done.returncode == 2 and b"missing_seg.tif does not exist" in done.stderr
    assert not list(tmp_path.glob("trees/*"))


def test_a_closed_standard_input_gets_a_hint(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    from neurorecon.cli import trace as module
    from neurorecon.errors import InputError

    with pytest.raises(InputError, match="no segmentation given"):
        module.standard_input()
