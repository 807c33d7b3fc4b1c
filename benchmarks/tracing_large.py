"""Large and sparse stacks: time and peak memory of tracing, in memory and from disk.

    python benchmarks/tracing_large.py [--folder DIR] [--runs array,tiff,plain,zarr,huge] [--seed S]

A random tree of some 300,000 voxels in a stack of 10^8 voxels, traced from an array in memory, from
a compressed and an uncompressed TIFF and from OME-Zarr with the command line, each in a process of
its own; and the same tree in the middle of an OME-Zarr of 4 * 10^9 voxels whose empty chunks are
not stored. Peak memory is that of the whole process, interpreter and libraries included; a process
that only imports them is the first row. Seconds are of the clock and, on a machine that does other
work too, of the processor. Linux only (`/proc`). Prints Markdown.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tifffile
import zarr
from numpy.typing import NDArray

from neurorecon.geometry import tree_distance
from neurorecon.io.swc import read_swc
from neurorecon.simulation import GrowthConfig, grow_tree

SHAPE = (400, 500, 500)
HUGE = (1000, 2000, 2000)
CHUNK = (128, 128, 128)
MARGIN = 10  # voxels between the tree and the border
GROWTH = GrowthConfig(
    extent_zyx_um=tuple(size - 2.0 * MARGIN for size in SHAPE),  # type: ignore[arg-type]
    stems=17,
    soma_radius_um=9.0,
    stem_radius_um=5.0,
    tip_radius_um=1.1,
    fork_interval_um=120.0,
    turn_per_um=0.08,
    taper_per_um=0.001,
    max_length_um=31_500.0,
)

# The peak is the process's own, which that of a parent would hide in ru_maxrss.
_PEAK = """
import atexit, sys
def peak():
    with open("/proc/self/status") as status:
        [line] = [line for line in status if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024
atexit.register(lambda: print("peak", peak()))
"""
_IMPORTS = _PEAK + "import neurorecon.commands.trace"
KIND = ("--input", "probability", "--overwrite")
COMMAND = _PEAK + "from neurorecon.cli import main; main()"
_ARRAY = (
    _PEAK
    + """
import time
import numpy as np
from neurorecon.tracing import trace_volume
from neurorecon.volume import Grid
array = np.load(sys.argv[1])
before = peak()
start, cpu = time.perf_counter(), time.process_time()
result = trace_volume(array, Grid())
seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
beyond = (peak() - before) / array.size
print(seconds, cpu, beyond, sum(tree.length for tree in result.neurons))
"""
)


@dataclass(frozen=True)
class Run:
    """One process. cpu: seconds. peak: of its memory, in bytes. output: what it printed."""

    seconds: float
    cpu: float
    peak: int
    output: str


def draw(seed: int) -> NDArray[np.uint8]:
    """The tree as a network would mark it: 255 inside, falling off over half a voxel outside."""
    tree = grow_tree(GROWTH, seed)
    array = np.empty(SHAPE, np.uint8)
    depth = 50
    for z in range(0, SHAPE[0], depth):
        shape = (min(depth, SHAPE[0] - z), *SHAPE[1:])
        origin = (z - MARGIN, -MARGIN, -MARGIN)
        distance = tree_distance(tree, tree.radius, shape, (1, 1, 1), origin, reach=2.0)
        certain = 1.0 / (1.0 + np.exp(np.clip(8.0 * distance, -30.0, 30.0)))
        array[z : z + depth] = np.rint(255 * certain)
    return array


def write_zarr(path: Path, array: NDArray[np.uint8], shape: tuple[int, int, int]) -> None:
    """The array in the middle of an OME-Zarr, on chunk borders so that it shares no chunk."""
    made = new_zarr(path, shape, array.dtype)
    low = [
        (whole - part) // 2 // edge * edge
        for whole, part, edge in zip(shape, array.shape, CHUNK, strict=True)
    ]
    made[tuple(slice(a, a + n) for a, n in zip(low, array.shape, strict=True))] = array


def new_zarr(path: Path, shape: tuple[int, int, int], dtype: npt.DTypeLike) -> zarr.Array:
    """The only scale of a new OME-Zarr 0.5, all 0."""
    group = zarr.open_group(path, mode="w", zarr_format=3)
    made = group.create_array("0", shape=shape, chunks=CHUNK, dtype=dtype, fill_value=0)
    axes = [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "zyx"]
    scale = [{"type": "scale", "scale": [1.0, 1.0, 1.0]}]
    dataset = {"path": "0", "coordinateTransformations": scale}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": [dataset]}]}
    return made


def run(*arguments: str) -> Run:
    """Run Python with this code and these arguments."""
    start, before = time.perf_counter(), os.times()
    done = subprocess.run([sys.executable, "-c", *arguments], stdout=subprocess.PIPE, check=True)
    seconds, after = time.perf_counter() - start, os.times()
    cpu = sum(after[2:4]) - sum(before[2:4])
    output, peak = done.stdout.decode().rsplit("peak", 1)
    return Run(seconds, cpu, int(peak), output)


def trace(stack: Path) -> tuple[Run, float]:
    """Trace a file with the command line; the run, and the length of what was written."""
    out = stack.with_suffix(".swc")
    done = run(COMMAND, "trace", str(stack), "--out", str(out), *KIND)
    return done, sum(read_swc(Path(path)).length for path in done.output.split())


STACKS = {
    "tiff": ("TIFF, deflate, command", "deflate.tif", SHAPE),
    "plain": ("TIFF, uncompressed, command", "plain.tif", SHAPE),
    "zarr": ("OME-Zarr, command", "small.zarr", SHAPE),
    "huge": ("OME-Zarr, command", "huge.zarr", HUGE),
}


def row(*cells: str | float) -> None:
    shown = (f"{cell:,.3g}" if isinstance(cell, float) else str(cell) for cell in cells)
    print(f"| {' | '.join(shown)} |", flush=True)


def table(folder: Path, array: NDArray[np.uint8], runs: list[str]) -> None:
    row("run", "voxels", "seconds", "CPU", "peak MB", "beyond the input, bytes a voxel", "length")
    row(*["---"] * 7)
    bare = run(_IMPORTS)
    row("imports alone", "-", bare.seconds, bare.cpu, bare.peak / 1e6, "-", "-")
    if "array" in runs:
        np.save(folder / "a.npy", array)
        done = run(_ARRAY, str(folder / "a.npy"))
        seconds, cpu, beyond, length = map(float, done.output.split())
        size = f"{array.size:,}"
        row("array, in process", size, seconds, cpu, done.peak / 1e6, beyond, round(length))
    for name, (words, file, shape) in STACKS.items():
        if name not in runs:
            continue
        path = folder / file
        if file.endswith("zarr"):
            write_zarr(path, array, shape)
        else:
            tifffile.imwrite(path, array, compression="zlib" if name == "tiff" else None)
        done, length = trace(path)
        size = int(np.prod(shape))
        beyond = (done.peak - bare.peak) / size
        row(words, f"{size:,}", done.seconds, done.cpu, done.peak / 1e6, beyond, round(length))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folder", type=Path, help="where the stacks are made; kept")
    parser.add_argument("--runs", default=",".join(("array", *STACKS)))
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        array = draw(options.seed)
        voxels = np.count_nonzero(array >= 128)
        print(f"{array.size:,} voxels, {voxels:,} of them foreground, seed {options.seed}.\n")
        table(folder, array, options.runs.split(","))


if __name__ == "__main__":
    main()
