"""Where finished blocks go, and what makes an output of them."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from neurorecon.commands.segment.request import SegmentRequest
from neurorecon.io.atomic import replace_store
from neurorecon.io.blockfiles import BlockFiles
from neurorecon.io.omezarr_writer import ZarrBlocks
from neurorecon.io.roi import Box
from neurorecon.io.tiff_writer import write_slabs
from neurorecon.segmentation.blocks import BlockGrid
from neurorecon.volume import Grid


class Output(Protocol):
    """A segmentation in the making, in the folder of an unfinished run."""

    def create(self) -> None:
        """Make it, empty."""

    def write(self, box: Box, values: NDArray[np.uint8]) -> None:
        """Write the core of a block; processes may do so at the same time."""

    def finish(self) -> None:
        """All blocks are there: make the output of them, under its own name."""


def open_output(request: SegmentRequest, folder: Path, blocks: BlockGrid, grid: Grid) -> Output:
    """The output that a request asks for. grid: where the voxels of the result lie."""
    if request.writes_zarr:
        return _ZarrOutput(request, folder / "image.zarr", blocks, grid)
    return _TiffOutput(request, folder / "voxels", blocks, grid)


class _TiffOutput:
    def __init__(
        self, request: SegmentRequest, folder: Path, blocks: BlockGrid, grid: Grid
    ) -> None:
        self._request, self._shape, self._grid = request, blocks.plan.shape_zyx, grid
        self._files = BlockFiles(folder, blocks.edges_zyx)
        self.create, self.write = self._files.create, self._files.write

    def finish(self) -> None:
        write_slabs(
            self._request.target,
            self._files.planes(),
            self._shape,
            self._grid,
            overwrite=self._request.overwrite,
        )


class _ZarrOutput:
    def __init__(
        self, request: SegmentRequest, folder: Path, blocks: BlockGrid, grid: Grid
    ) -> None:
        self._request, self._blocks, self._grid = request, blocks, grid
        self._image = ZarrBlocks(folder)
        self.write = self._image.write

    def create(self) -> None:
        self._image.create(
            self._blocks.plan.shape_zyx,
            self._blocks.chunk_zyx,
            self._grid,
            self._request.ome_version,
        )

    def finish(self) -> None:
        self._image.finish()
        assert isinstance(self._request.target, Path)
        replace_store(self._image.folder, self._request.target, self._request.overwrite)
