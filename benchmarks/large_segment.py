"""`segment` and `trace` on stacks larger than memory: time, and the peak of it.

    python benchmarks/large_segment.py [--gigabytes 1,4,20] [--model NAME] [--folder DIR] [--seed S]

OME-Zarrs of 16 bits in which every chunk is stored and holds the noise of a camera in the dark; for
each GB one cell body with its neurites, as counted photons, at a random place. They are made within
seconds and take little disk: a few chunks of noise are linked to all places where nothing is.
Both commands run with `--max-memory` of 3 GB (`segment`) and by default (`trace`), each in a
process of its own. Windows: the share of them of which any part runs. Peak memory is that of the
whole process, interpreter and libraries included. Seconds are of the clock and, on a machine that
does other work too, of the processor. Linux only (`/proc`). Prints Markdown.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tracing_large import CHUNK, COMMAND, draw, new_zarr, row, run

from neurorecon.io.swc import read_swc

SHAPES = {1: (500, 1000, 1000), 4: (1000, 1000, 2000), 20: (2000, 2000, 2500)}
PHOTONS = 900  # in the middle of a neurite
DARK, PEDESTAL = 4, 100  # photons elsewhere, and what the camera adds
NOISES = 16  # chunks of noise, which recur
EDGE = 2 * CHUNK[0]  # of the cube that holds a cell
# Of the stack of `tracing_large`, around the cell body.
PART = (slice(100, 300), slice(125, 375), slice(125, 375))
# Runs the command, and tells how many windows it ran any part of.
SEGMENT = COMMAND.replace(
    "main()",
    """
from neurorecon.commands.segment import run
crops_to_run = run.crops_to_run
def told(plan, *arguments, **options):
    crops = crops_to_run(plan, *arguments, **options)
    print("windows", float(crops.runs.mean()), flush=True)
    return crops
run.crops_to_run = told
main()""",
)


def cell(seed: int, noise: np.random.Generator) -> NDArray[np.uint16]:
    """A cell body and its neurites as a camera would count them, (z, y, x)."""
    expected = np.full((EDGE, EDGE, EDGE), DARK, np.float32)
    certain = draw(seed)[PART]
    expected[tuple(slice(0, size) for size in certain.shape)] += certain * (PHOTONS / 255)
    return (PEDESTAL + noise.poisson(expected)).astype(np.uint16)


def stack_in(folder: Path, gigabytes: int, seed: int) -> Path:
    """The stack of this size in a folder, made if it is not there."""
    path, shape = folder / f"{gigabytes}.zarr", SHAPES[gigabytes]
    if path.exists():
        return path
    random = np.random.default_rng(seed)
    made = new_zarr(path, shape, np.uint16)
    places = list(np.ndindex(*(size // EDGE for size in shape)))
    counts = cell(seed, random)
    for number in random.choice(len(places), gigabytes, replace=False):
        z, y, x = (place * EDGE for place in places[number])
        made[z : z + EDGE, y : y + EDGE, x : x + EDGE] = counts
    noises = new_zarr(folder / "noise.zarr", (NOISES * CHUNK[0], *CHUNK[1:]), np.uint16)
    noises[:] = PEDESTAL + random.poisson(DARK, noises.shape).astype(np.uint16)
    for chunk in np.ndindex(*(-(-size // edge) for size, edge in zip(shape, CHUNK, strict=True))):
        target = path.joinpath("0", "c", *map(str, chunk))
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            noise = folder / "noise.zarr" / "0" / "c" / str(random.integers(NOISES)) / "0" / "0"
            target.hardlink_to(noise)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--gigabytes", default="1,4,20")
    parser.add_argument("--model", default="default")
    parser.add_argument("--folder", type=Path, help="where the stacks are, or are made")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    row("GB", "windows", "command", "seconds", "CPU", "peak MB", "length")
    row(*["---"] * 7)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for size in map(int, options.gigabytes.split(",")):
            stack, out = stack_in(folder, size, options.seed), folder / f"{size}_seg.zarr"
            common = ("--overwrite", "--out")
            limits = ("--model", options.model, "--max-memory", "3G")
            done = run(SEGMENT, "segment", str(stack), *limits, *common, str(out))
            share = f"{100 * float(done.output.split()[1]):.2f} %"
            row(size, share, "segment", done.seconds, done.cpu, done.peak / 1e6, "")
            tree = folder / f"{size}.swc"
            done = run(COMMAND, "trace", str(out), *common, str(tree))
            length = sum(read_swc(Path(path)).length for path in done.output.split())
            row("", "", "trace", done.seconds, done.cpu, done.peak / 1e6, round(length))


if __name__ == "__main__":
    main()
