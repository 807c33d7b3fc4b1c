"""Speed of tracing against kimimaro: the same masks, in process, in turns, in one run.

    python benchmarks/tracing_speed.py op DIADEM_OP_DIR [--stack NAME ...] [--threshold N ...]
    python benchmarks/tracing_speed.py large GOLD_DIR [--tree ID ...]

`op`: the stacks of tracing_peers.py, thresholded, with the gold's root for both; and the command
`neurorecon trace MASK --out TREE`, started cold. `large`: gold trees drawn as tubes of radius 1.5
whose mask has 50 to 500 million voxels. Array in, tree out, the median of five after a warm-up;
kimimaro at scale 1.5, const 5, pdrf 100000 ^ 4, in one process. Prints Markdown.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import kimimaro_peer
import numpy as np
import tifffile
from numpy.typing import NDArray
from tracing_peers import THRESHOLDS, USUAL, masks, side_by_side
from tubes import gold_trees, tube_mask

from neurorecon.tracing import trace_volume
from neurorecon.volume import Grid

RADIUS = 1.5
LARGE = 5 * 10**7  # voxels
LARGEST = 5 * 10**8  # kimimaro takes more than 10 bytes a voxel


def main() -> None:
    arguments = _parse()
    print("| mask | megavoxels | foreground | neurorecon | kimimaro | ratio | cold command |")
    print("|" + "---|" * 7)
    ratios = _op(arguments) if arguments.what == "op" else _large(arguments)
    mean = np.exp(np.mean(np.log(ratios)))
    print(f"\nRatios: lowest {min(ratios):.2f}, geometric mean {mean:.2f}.")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["op", "large"])
    parser.add_argument("data", type=Path)
    parser.add_argument("--stack", action="append")
    parser.add_argument("--threshold", action="append", type=int)
    parser.add_argument("--tree", action="append")
    return parser.parse_args()


def _op(arguments: argparse.Namespace) -> list[float]:
    ratios = []
    thresholds = tuple(arguments.threshold or THRESHOLDS)
    for case in masks(arguments.data, arguments.stack, thresholds):
        mask, root = case.mask, case.root_zyx
        ratios.append(
            _row(
                f"{case.stack} at {case.threshold}",
                mask,
                lambda mask=mask, root=root: trace_volume(mask, Grid(), roots_zyx=root),
                lambda mask=mask, root=root: kimimaro_peer.trees_of(mask, Grid(), USUAL, root),
                f"{_cold_seconds(mask):.2f}",
            )
        )
    return ratios


def _large(arguments: argparse.Namespace) -> list[float]:
    ratios = []
    for name, gold in gold_trees(arguments.data):
        box = np.prod(np.ptp(gold.point_zyx, axis=0) + 2 * RADIUS)
        if not LARGE < box < LARGEST or (arguments.tree and name not in arguments.tree):
            continue
        mask, grid = tube_mask(gold, np.full(len(gold), RADIUS))
        ratios.append(
            _row(
                f"tree {name}",
                mask,
                lambda mask=mask, grid=grid: trace_volume(mask, grid),
                lambda mask=mask, grid=grid: kimimaro_peer.trees_of(mask, grid, USUAL),
                "-",
            )
        )
    return ratios


def _row(
    name: str,
    mask: NDArray[np.uint8],
    ours: Callable[[], object],
    peer: Callable[[], object],
    cold: str,
) -> float:
    """Print a row; the ratio of kimimaro's time to ours."""
    seconds = side_by_side([ours, peer])
    cells = [name, f"{mask.size / 1e6:.1f}", f"{np.count_nonzero(mask):,}"]
    cells += [f"{each:.2f}" for each in seconds]
    ratio = seconds[1] / seconds[0]
    print(f"| {' | '.join([*cells, f'{ratio:.2f}', cold])} |", flush=True)
    return ratio


def _cold_seconds(mask: NDArray[np.uint8]) -> float:
    """Of the command in a process of its own, from the TIFF to the tree."""
    with tempfile.TemporaryDirectory() as folder:
        stack = Path(folder) / "mask.tif"
        tifffile.imwrite(stack, mask)
        command = [sys.executable, "-m", "neurorecon", "trace", str(stack)]
        started = time.perf_counter()
        subprocess.run([*command, "--out", f"{folder}/tree.swc"], check=True, capture_output=True)
        return time.perf_counter() - started


if __name__ == "__main__":
    main()
