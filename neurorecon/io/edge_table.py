"""Trees as a CSV table with a row for each edge."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from neurorecon.io.atomic import atomic_output
from neurorecon.morphology import Morphology

COLUMNS = (
    *("tree", "child", "parent", "type"),
    *("child_x", "child_y", "child_z", "child_radius"),
    *("parent_x", "parent_y", "parent_z", "parent_radius"),
    *("length", "unit"),
)


def write_edge_table(
    path: Path, morphology: Morphology, unit: str, overwrite: bool = False
) -> None:
    """Write the edges, with the ids that `write_swc` gives, trees numbered from 1.

    unit: of lengths and coordinates, in words; empty: unknown. type: of the child.

    Raises InputError for an output that exists (unless `overwrite`) or cannot be written.
    """
    order = morphology.parent_first
    number = np.empty(len(morphology), np.int64)
    number[order] = np.arange(1, len(order) + 1)
    child, parent = morphology.edges.T
    place = np.argsort(number[child])
    child, parent = child[place], parent[place]
    xyz = np.column_stack([morphology.point_zyx[:, ::-1], morphology.radius])
    numbers = np.column_stack([xyz[child], xyz[parent], morphology.edge_length[place]])
    whole = np.column_stack(
        [morphology.tree_of[child] + 1, number[child], number[parent], morphology.kind[child]]
    )
    with (
        atomic_output(path, overwrite) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for ids, values in zip(whole.tolist(), numbers.tolist(), strict=True):
            writer.writerow([*ids, *(f"{value:.6g}" for value in values), unit])
