"""The pipelines in `examples/`, run as a user runs them."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from micrographs import NEURITE, length_near, micrograph

from neurorecon.io.swc import write_swc

EXAMPLES = Path(__file__).parents[2] / "examples"
PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


@pytest.fixture
def folders(tmp_path):
    """A folder of stacks, one of them with a space in its name, and their gold standard."""
    stacks, gold = tmp_path / "my stacks", tmp_path / "gold"
    stacks.mkdir()
    gold.mkdir()
    tifffile.imwrite(
        stacks / "a b.tif", micrograph(NEURITE).astype(np.uint8), photometric="minisblack"
    )
    write_swc(gold / "a b.swc", NEURITE)
    return stacks, tmp_path / "results", gold


def run(*arguments):
    return subprocess.run(
        list(map(str, arguments)),
        env={**os.environ, "PATH": PATH},
        capture_output=True,
        text=True,
        check=False,
    )


def check_results(results):
    assert length_near(results / "a b.swc", NEURITE) > 0.95
    assert (results / "a b.html").stat().st_size > 100_000
    with (results / "scores.csv").open(newline="") as file:
        [row] = csv.DictReader(file)
    assert float(row["length_f1"]) > 0.9


def test_the_shell_pipeline(folders):
    stacks, results, _ = folders
    (stacks / "broken.tif").write_text("no stack")
    first = run(EXAMPLES / "pipeline.sh", *folders)
    assert first.returncode == 1
    assert f"failed: {stacks / 'broken.tif'}" in first.stderr.splitlines()
    check_results(results)
    made = (results / "a b.swc").stat().st_mtime_ns
    (stacks / "broken.tif").unlink()
    again = run(EXAMPLES / "pipeline.sh", stacks, results)
    assert again.returncode == 0, again.stderr
    assert (results / "a b.swc").stat().st_mtime_ns == made
    assert run(EXAMPLES / "pipeline.sh").returncode != 0


def test_the_shell_pipeline_lists_failures_though_nothing_can_be_scored(folders):
    stacks, results, gold = folders
    (stacks / "a b.tif").write_text("no stack")
    (gold / "a b.swc").rename(gold / "other.swc")
    done = run(EXAMPLES / "pipeline.sh", *folders)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert f"failed: {stacks / 'a b.tif'}" in lines
    assert lines[-1].startswith("neurorecon: error")  # of evaluate
    assert not list(results.iterdir())
    (results / "scores.csv").write_text("earlier scores")
    assert run(EXAMPLES / "pipeline.sh", *folders).returncode == 1
    assert (results / "scores.csv").read_text() == "earlier scores"


@pytest.mark.skipif(
    not shutil.which("snakemake", path=PATH),
    reason="snakemake is not installed; make test-snakemake does it",
)
def test_the_snakemake_pipeline(folders):
    stacks, results, gold = folders
    config = ["--config", f"stacks={stacks}", f"results={results}", f"gold={gold}"]
    snakefile = EXAMPLES / "snakemake" / "Snakefile"
    where = ("--snakefile", snakefile, "--directory", results.parent)  # its state goes there
    done = run("snakemake", *where, "--cores", 2, *config)
    assert done.returncode == 0, done.stderr
    check_results(results)
