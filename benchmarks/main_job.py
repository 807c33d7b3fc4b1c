"""From raw stack to scored SWC with default options, over labelled development stacks.

    python benchmarks/main_job.py DATA_DIR --model FILE [--stack NAME ...] [--out DIR]

Each stack runs through the real commands, `segment`, `trace` and `evaluate`, in voxels
(`--voxel-size 1 1 1`). DATA_DIR holds `<family>/<stack>/stack.tif` with `gold.swc`, and
`gold_tree.swc` where the gold's pieces were joined (for forks). Prints a Markdown table; previews
and trees stay in the output folder, to be looked at.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from neurorecon.geometry import sample_edges
from neurorecon.io.swc import read_swc
from neurorecon.metrics.tree import compare_trees

HELD_OUT = (
    "OP_2",
    "OP_5",
    "OP_8",
    "intra_in40_tail",
    "sensory_M4-1",
    "sensory_primary_I4_2",
    "class1_sn92",
)
NEEDS_ROOT = {"OP_2"}  # two neurons of equal size in the stack, one of them in the gold
UNIT_VOXELS = ("--voxel-size", "1", "1", "1")
COLUMNS = (
    "stack",
    "precision",
    "recall",
    "F1",
    "F1 on the gold's side of its root",
    "ESA",
    "fork F1",
    "files",
    "segment s",
    "trace s",
)


def main() -> None:
    arguments = _parse()
    arguments.out.mkdir(parents=True, exist_ok=True)
    print("| " + " | ".join(COLUMNS) + " |")
    print("|" + "---|" * len(COLUMNS))
    for name in arguments.stack or HELD_OUT:
        (stack,) = arguments.data.glob(f"*/{name}/stack.tif")
        row = row_of(stack, arguments.model, arguments.out)
        print("| " + " | ".join(row) + " |", flush=True)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="default")
    parser.add_argument("--stack", action="append")
    parser.add_argument("--out", type=Path, default=Path("runs/main_job"))
    return parser.parse_args()


def row_of(stack: Path, model: str, folder: Path) -> list[str]:
    """The cells of a stack's row, by a model's name or file; trees and previews go to `folder`."""
    name = stack.parent.name
    segmentation, tree = folder / f"{name}_seg.tif", folder / f"{name}.swc"
    gold = stack.with_name("gold.swc")
    _, segment_s = _run(
        "segment", stack, "--model", model, "--out", segmentation, *UNIT_VOXELS,
        "--overwrite",
    )  # fmt: skip
    root = ("--root", *_root_zyx(gold)) if name in NEEDS_ROOT else ()
    written, trace_s = _run(
        "trace", segmentation, "--out", tree, "--preview", tree.with_suffix(".png"),
        "--overwrite", *UNIT_VOXELS, *root,
    )  # fmt: skip
    scores = _evaluate(tree, gold)
    joined = stack.with_name("gold_tree.swc")
    forks = _evaluate(tree, joined) if joined.exists() else scores
    return [
        name,
        *(f"{scores[key]:.3f}" for key in ("length_precision", "length_recall", "length_f1")),
        f"{_f1_on_the_golds_side(tree, gold):.3f}",
        f"{scores['esa']:.2f}",
        f"{forks['fork_f1']:.2f}",
        str(len(written.splitlines())),
        f"{segment_s:.0f}",
        f"{trace_s:.1f}",
    ]


def _f1_on_the_golds_side(tree: Path, gold: Path) -> float:
    """F1 of what lies on the annotated side of the gold's root.

    Some golds begin in the middle of a neurite: all that lies beyond is traced but not annotated.
    The tree is cut at its node nearest to that root, and parts of which less than a tenth is near
    the gold are left out.
    """
    test, truth = read_swc(tree), read_swc(gold, orphans_are_roots=True)
    if len(truth.roots) > 1:
        return _evaluate(tree, gold)["length_f1"]
    root = truth.point_zyx[truth.roots[0]]
    cut = np.linalg.norm(test.point_zyx - root, axis=1).argmin()
    edges = test.edges[(test.edges != cut).all(axis=1)]
    graph = coo_array((np.ones(len(edges)), edges.T), shape=(len(test), len(test)))
    count, part = connected_components(graph, directed=False)
    dense, _, _ = sample_edges(*truth.point_zyx[truth.edges.T], step=1.0)
    near = KDTree(dense).query(test.point_zyx)[0] <= 4.0
    share = np.bincount(part, near, count) / np.bincount(part, minlength=count)
    kept = (share[part] >= 0.1) | (np.arange(len(test)) == cut)
    # In the tree's own header unit, which is voxels of size 1
    voxels = replace(test.take(np.flatnonzero(kept)), unit="voxel")
    return compare_trees(voxels, truth, 4.0).f1


def _root_zyx(gold: Path) -> list[str]:
    """The gold's first node as a voxel index."""
    first = next(line for line in gold.read_text().splitlines() if not line.startswith("#"))
    x, y, z = first.split()[2:5]
    return [z, y, x]


def _evaluate(tree: Path, gold: Path) -> dict[str, float]:
    text, _ = _run("evaluate", tree, gold, "--tolerance", "4", "--json")
    return json.loads(text)


def _run(*command: object) -> tuple[str, float]:
    """Standard output and wall-clock seconds of one neurorecon command."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "neurorecon", *map(str, command)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout, time.perf_counter() - start


if __name__ == "__main__":
    main()
