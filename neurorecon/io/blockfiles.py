"""A stack of bytes that is written block by block and read plane by plane, without memory of it.

A TIFF's planes are compressed one after the other, while blocks come in any order: until all are
there, each is a file of its own. One that is empty has none.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurorecon.io.roi import Box


class BlockFiles:
    """uint8 voxels in a folder.

    edges_zyx: where blocks begin along each axis, and where the last one ends.
    """

    def __init__(self, folder: Path, edges_zyx: Sequence[Sequence[int]]) -> None:
        self.folder = folder
        self.edges_zyx = edges_zyx

    def create(self) -> None:
        """Make the folder, unless it is there."""
        self.folder.mkdir(exist_ok=True)

    def write(self, box: Box, values: NDArray[np.uint8]) -> None:
        """Write one block, whole or not at all. box: as the edges have it."""
        path = self._path(*(side.start for side in box))
        if not values.any():
            path.unlink(missing_ok=True)
            return
        temporary = path.with_suffix(f".{os.getpid()}")
        np.ascontiguousarray(values).tofile(temporary)
        temporary.replace(path)

    def planes(self) -> Iterator[NDArray[np.uint8]]:
        """The stack from its first plane to its last, each (1, Y, X)."""
        depths, heights, widths = (list(pairwise(edges)) for edges in self.edges_zyx)
        for first, last in depths:
            there = [
                (self._path(first, y[0], x[0]), slice(*y), slice(*x))
                for y in heights
                for x in widths
                if self._path(first, y[0], x[0]).exists()
            ]
            for z in range(last - first):
                plane = np.zeros((1, heights[-1][1], widths[-1][1]), np.uint8)
                for path, y, x in there:
                    count = (y.stop - y.start) * (x.stop - x.start)
                    values = np.fromfile(path, np.uint8, count, offset=z * count)
                    plane[0, y, x] = values.reshape(y.stop - y.start, -1)
                yield plane

    def _path(self, z: int, y: int, x: int) -> Path:
        return self.folder / f"{z}_{y}_{x}.raw"
