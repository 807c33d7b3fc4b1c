"""`segment` and `trace` on stacks larger than memory: time, and the peak of it.

    python benchmarks/large_segment.py [--gigabytes 1,4,20] [--model NAME] [--folder DIR] [--seed S]

The middle of a random tree, bright on black with the noise of counted photons, in the middle of an
OME-Zarr of 16 bits of which only the chunks that hold it are stored. Both commands run with
`--max-memory` of 3 GB (`segment`) and by default (`trace`), each in a process of its own. Peak
memory is that of the whole process, interpreter and libraries included. Seconds are of the clock
and, on a machine that does other work too, of the processor. Linux only (`/proc`). Prints Markdown.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tracing_large import CHUNK, COMMAND, draw, row, run, write_zarr

from neurorecon.io.swc import read_swc

SHAPES = {1: (500, 1000, 1000), 4: (1000, 1000, 2000), 20: (2000, 2000, 2500)}
PHOTONS = 900  # in the middle of a neurite
# Of the stack of `tracing_large`, around the cell body.
PART = (slice(100, 300), slice(125, 375), slice(125, 375))


def photons(seed: int) -> NDArray[np.uint16]:
    """Neurites as a detector would count them, (z, y, x)."""
    certain = draw(seed)[PART]
    counts = np.zeros(certain.shape, np.uint16)
    inside = certain > 0
    expected = certain[inside] * (PHOTONS / 255)
    counts[inside] = np.random.default_rng(seed).poisson(expected)
    return counts


def stack_in(folder: Path, gigabytes: int, seed: int) -> Path:
    """The stack of this size in a folder, made if it is not there."""
    path = folder / f"{gigabytes}.zarr"
    if not path.exists():
        write_zarr(path, photons(seed), SHAPES[gigabytes])
    return path


def stored_share(path: Path, shape: tuple[int, int, int]) -> float:
    """Share of the chunks of an OME-Zarr of this shape that there is a file of."""
    stored = sum(1 for file in (path / "0" / "c").rglob("*") if file.is_file())
    chunks = np.prod([-(-size // edge) for size, edge in zip(shape, CHUNK, strict=True)])
    return stored / float(chunks)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--gigabytes", default="1,4,20")
    parser.add_argument("--model", default="default")
    parser.add_argument("--folder", type=Path, help="where the stacks are, or are made")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    row("GB", "chunks stored", "command", "seconds", "CPU", "peak MB", "length")
    row(*["---"] * 7)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for size in map(int, options.gigabytes.split(",")):
            stack, out = stack_in(folder, size, options.seed), folder / f"{size}_seg.zarr"
            share = f"{100 * stored_share(stack, SHAPES[size]):.2f} %"
            common = ("--overwrite", "--out")
            limits = ("--model", options.model, "--max-memory", "3G")
            done = run(COMMAND, "segment", str(stack), *limits, *common, str(out))
            row(size, share, "segment", done.seconds, done.cpu, done.peak / 1e6, "")
            tree = folder / f"{size}.swc"
            done = run(COMMAND, "trace", str(out), *common, str(tree))
            length = sum(read_swc(Path(path)).length for path in done.output.split())
            row("", "", "trace", done.seconds, done.cpu, done.peak / 1e6, round(length))


if __name__ == "__main__":
    main()
