"""`--workers` and `--dask`: the same files as one process writes."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from micrographs import NEURITE, drawn, line, micrograph
from micrographs import run as trace
from typer.testing import CliRunner

pytest.importorskip("distributed")

from neurorecon.cli.app import app
from neurorecon.commands.trace import blocks as trace_blocks
from neurorecon.commands.trace import run as trace_run
from neurorecon.distributed import Cluster, Where, open_cluster
from neurorecon.io import ondisk


@pytest.fixture(scope="module")
def cluster():
    with open_cluster(Where(workers=2), print) as workers:
        yield workers


@pytest.fixture(scope="module")
def address(cluster) -> str:
    return cluster._client.scheduler.address


@pytest.fixture
def segmentation(tmp_path: Path, monkeypatch) -> Path:
    """Two neurites with a gap between them, in many blocks."""
    gap = line((12, 10, 8), (10, 30, 95)), line((10.8, 34, 102), (14, 50, 170))
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.rint(drawn(*gap, shape=(24, 60, 180)) * 255).astype(np.uint8))
    monkeypatch.setattr(ondisk, "BLOCK_BYTES", 9000)
    monkeypatch.setattr(ondisk, "CACHE_BYTES", 9000)
    monkeypatch.setattr(ondisk, "_MOST_KEPT", 9000)
    return path


def traced(segmentation: Path, tmp_path: Path, *where: object) -> str:
    """What one run writes."""
    out, report = tmp_path / "a.swc", tmp_path / "doubts.csv"
    result = trace(segmentation, "--out", out, "--doubts", report, "--overwrite", *where)
    assert result.exit_code == 0, result.stderr
    assert "bridged" in result.stderr
    return out.read_text() + report.read_text()


def kills_a_worker(monkeypatch) -> list[int]:
    """From now on a worker dies at the first result of any work; its process, once it has."""
    each, killed = Cluster.each, []

    def fatal(self, *arguments):
        for number, result in enumerate(each(self, *arguments)):
            yield result
            if number == 0:
                victim = next(iter(self._client.run(os.getpid).values()))
                os.kill(victim, signal.SIGKILL)
                killed.append(victim)

    monkeypatch.setattr(Cluster, "each", fatal)
    return killed


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "block by block"])
def test_trace_writes_the_same_bytes_though_a_worker_is_killed(
    segmentation: Path, address: str, tmp_path: Path, monkeypatch, at_once: bool
) -> None:
    monkeypatch.setattr(trace_blocks, "_BLOCKS_AT_ONCE", 1)
    with_verdicts = trace_run._with_verdicts
    config = {} if at_once else {"max_foreground": 1500, "block_edge": 24}
    monkeypatch.setattr(
        trace_run, "_with_verdicts", lambda request: replace(with_verdicts(request), **config)
    )
    alone = traced(segmentation, tmp_path)
    killed = kills_a_worker(monkeypatch)
    assert traced(segmentation, tmp_path, "--dask", address) == alone
    assert len(killed) == (1 if at_once else 2)


def test_a_process_of_its_own_uses_a_cluster_that_runs(
    segmentation: Path, address: str, tmp_path: Path
) -> None:
    """Here the tests' own client would do what the command's should."""
    command = [sys.executable, "-m", "neurorecon", "trace", segmentation, "--dask", address]
    done = subprocess.run(
        [*command, "--out", tmp_path / "b.swc"], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert trace(segmentation, "--out", tmp_path / "a.swc").exit_code == 0
    assert (tmp_path / "b.swc").read_text() == (tmp_path / "a.swc").read_text()


def segment(*arguments: object):
    return CliRunner().invoke(app, ["segment", *map(str, arguments)])


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*")}


def test_segment_writes_the_same_bytes_though_a_worker_is_killed(
    cluster, address: str, tmp_path: Path, small_model: Path, write_stack, monkeypatch
) -> None:
    from neurorecon.commands.segment import memory

    monkeypatch.setattr(memory, "CORE_EDGE", 64)
    stack = write_stack(tmp_path / "a.tif", (16, 430, 440))
    options = ("--model", small_model, "--no-skip", "--tta", "--batch-size", 4)
    torch.set_num_threads(cluster.threads())
    alone = segment(stack, "--out", tmp_path / "alone.zarr", *options)
    assert alone.exit_code == 0, alone.stderr

    noted = tmp_path / ".a.zarr.unfinished" / "finished"
    [victim, _] = cluster._client.run(os.getpid).values()
    when_killed: list[int] = []

    def kill() -> None:
        while not noted.exists() or not (count := noted.read_text().count("\n")):
            time.sleep(0.005)
        os.kill(victim, signal.SIGKILL)
        when_killed.append(count)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    shared = segment(stack, "--out", tmp_path / "a.zarr", *options, "--dask", address)
    assert shared.exit_code == 0, shared.stderr
    killer.join(10)
    assert 1 <= when_killed[0] < 9
    assert "was lost" in shared.stderr
    assert files_in(tmp_path / "a.zarr") == files_in(tmp_path / "alone.zarr")
    assert not noted.parent.exists()


def test_what_workers_cannot_do_is_said(address: str, tmp_path: Path) -> None:
    raw = tmp_path / "raw.tif"
    tifffile.imwrite(raw, micrograph(NEURITE).astype(np.uint8))
    refused = trace(raw, "--out", tmp_path / "a.swc", "--dask", address)
    assert refused.exit_code == 2 and "--segment" in refused.stderr
    both = trace(raw, "--out", tmp_path / "a.swc", "--dask", address, "--workers", 2)
    assert both.exit_code == 2 and "one of the two" in both.stderr
    assert not (tmp_path / "a.swc").exists()


# Whoever starts the tests in the background of a script has Ctrl-C ignored, and so would the run.
HEARS_CTRL_C = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from neurorecon.cli import main
main()
"""


def test_ctrl_c_stops_workers_too_in_one_line(segmentation: Path, tmp_path: Path) -> None:
    psutil = pytest.importorskip("psutil")  # comes with Dask
    command = [sys.executable, "-c", HEARS_CTRL_C, "trace", segmentation, "--workers", "2"]
    with subprocess.Popen(
        [*command, "--out", tmp_path / "a.swc"],
        start_new_session=True,  # a terminal's Ctrl-C reaches the whole group
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while len(psutil.Process(process.pid).children(recursive=True)) < 2:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        _, told = process.communicate(timeout=300)
    assert process.returncode == 130
    assert told.splitlines()[-1].startswith("neurorecon: error: interrupted")
    assert "Traceback" not in told
    assert not (tmp_path / "a.swc").exists()
