"""The tree of a flipped, axis-swapped, shifted or padded stack against the transformed tree.

    python benchmarks/tracing_equivariance.py GOLD_DIR [--case thin] [--sample N --seed S]
        [--diadem DIADEM_OP_DIR]

Gold trees drawn as tubes (see tracing_perfect.py) on isotropic voxels, and, with --diadem, the
stacks of tracing_peers.py thresholded at 50. Each mask is traced as it is and transformed; the
second tree is transformed back. F1 at 1 voxel, and the difference in the number of forks. Prints
Markdown.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tracing_peers import masks
from tracing_perfect import CASES
from tubes import gold_trees, merged, tube_mask

from neurorecon.metrics.tree import compare_trees
from neurorecon.morphology import Morphology
from neurorecon.tracing import trace_volume
from neurorecon.volume import Grid

LARGEST_BOX = 3 * 10**7
TOLERANCE = 1.0
FLIPS = {"flip z": (0,), "flip y": (1,), "flip x": (2,), "flip all": (0, 1, 2)}
SWAPS = {"z y x to y x z": (1, 2, 0), "z y x to x z y": (2, 0, 1), "swap y, x": (0, 2, 1)}
PADS = {"shift": ((3, 0), (5, 0), (2, 0)), "pad": ((0, 7), (0, 1), (0, 4))}
TRANSFORMS = [*FLIPS, *SWAPS, *PADS]


def main() -> None:
    arguments = _parse()
    rows: dict[str, list[tuple[float, int, int]]] = {name: [] for name in TRANSFORMS}
    for mask in _masks(arguments):
        tree = _traced(mask)
        for name in TRANSFORMS:
            back = _back(_traced(_transformed(mask, name)), name, mask.shape)
            f1 = compare_trees(back, tree, TOLERANCE).f1
            rows[name].append((f1, len(back.forks), len(tree.forks)))
    print("| transform | masks | F1, mean | F1, lowest | forks | forks before | difference |")
    print("|" + "---|" * 7)
    for name, row in rows.items():
        f1, forks, before = np.transpose(row)
        print(
            f"| {name} | {len(row)} | {f1.mean():.4f} | {f1.min():.4f} | {forks.sum():.0f} | "
            f"{before.sum():.0f} | {abs(forks - before).sum() / before.sum():.2%} |"
        )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gold", type=Path)
    parser.add_argument("--case", choices=["thin", "own"], default="thin")
    parser.add_argument("--sample", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--diadem", type=Path)
    return parser.parse_args()


def _masks(arguments: argparse.Namespace) -> Iterator[NDArray[np.uint8]]:
    case = CASES[arguments.case]
    for _, gold in gold_trees(arguments.gold, arguments.sample, arguments.seed):
        if np.prod(np.ptp(gold.point_zyx, axis=0)) < LARGEST_BOX:
            yield tube_mask(gold, case.radii(gold))[0]
    if arguments.diadem:
        for case in masks(arguments.diadem, thresholds=(50,)):
            yield case.mask


def _traced(mask: NDArray[np.uint8]) -> Morphology:
    return merged(trace_volume(mask, Grid()).neurons)


def _transformed(mask: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    if name in FLIPS:
        mask = np.flip(mask, FLIPS[name])
    elif name in SWAPS:
        mask = mask.transpose(SWAPS[name])
    else:
        mask = np.pad(mask, PADS[name])
    return np.ascontiguousarray(mask)


def _back(tree: Morphology, name: str, shape_zyx: tuple[int, ...]) -> Morphology:
    point = tree.point_zyx.copy()
    if name in FLIPS:
        for axis in FLIPS[name]:
            point[:, axis] = shape_zyx[axis] - 1 - point[:, axis]
    elif name in SWAPS:
        point[:, SWAPS[name]] = tree.point_zyx
    else:
        point -= [before for before, _ in PADS[name]]
    return replace(tree, point_zyx=point)


if __name__ == "__main__":
    main()
