"""OME-Zarr images (0.4 on Zarr 2, 0.5 on Zarr 3), written chunk by chunk, with their pyramid."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from neurorecon.io.roi import Box
from neurorecon.io.tiff import PROBABILITY_NAME
from neurorecon.volume import Grid

if TYPE_CHECKING:
    import zarr

OmeVersion = Literal["0.4", "0.5"]

_SMALLEST = 256  # voxels along the longest axis of the coarsest level, about
_AXES = "zyx"


class ZarrBlocks:
    """A uint8 image in a folder, at full resolution until `finish` adds the pyramid.

    Processes may write at the same time where they share no chunk. Chunks that are empty have no
    file.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._array: zarr.Array[Any] | None = None

    def create(
        self,
        shape_zyx: Sequence[int],
        chunk_zyx: Sequence[int],
        grid: Grid,
        version: OmeVersion,
    ) -> None:
        """Make the image, empty, in the place of what is there; its grid tells voxel size, origin.

        The metadata name all levels at once, so that what is there is always a valid image.
        """
        import zarr  # half a second to import, and only where the output is a Zarr store

        levels = _levels(tuple(shape_zyx), grid.voxel_size_zyx)
        group = zarr.create_group(
            self.folder, zarr_format=2 if version == "0.4" else 3, overwrite=True
        )
        group.attrs.update(_attributes(levels, grid, version))
        for number, factor in enumerate(levels):
            shape = tuple(-(-size // by) for size, by in zip(shape_zyx, factor, strict=True))
            group.create_array(
                str(number),
                shape=shape,
                chunks=tuple(min(*pair) for pair in zip(chunk_zyx, shape, strict=True)),
                dtype=np.uint8,
                fill_value=0,
                **_layout(version),
            )

    def write(self, box: Box, values: NDArray[np.uint8]) -> None:
        """Write voxels of the finest level."""
        if self._array is None:
            self._array = self._level(0)
        self._array[box] = values

    def finish(self) -> None:
        """Fill the coarser levels, each voxel the highest of those that it stands for.

        The highest, not the mean: a neurite three voxels wide would fade away.
        """
        import zarr

        count = len(list(zarr.open_group(self.folder, mode="r").array_keys()))
        for number in range(1, count):
            fine, coarse = self._level(number - 1), self._level(number)
            factor = [-(-a // b) for a, b in zip(fine.shape, coarse.shape, strict=True)]
            for box in _chunks(coarse.shape, coarse.chunks):
                source = tuple(
                    slice(side.start * by, min(side.stop * by, size))
                    for side, by, size in zip(box, factor, fine.shape, strict=True)
                )
                values = np.asarray(fine[source])
                if values.any():
                    coarse[box] = _highest(values, factor)

    def _level(self, number: int) -> zarr.Array[Any]:
        import zarr

        array = zarr.open_group(self.folder, mode="r+")[str(number)]
        assert isinstance(array, zarr.Array)
        return array


def _levels(shape: tuple[int, ...], voxel_size: Sequence[float]) -> list[tuple[int, ...]]:
    """How many voxels along each axis a voxel of each level stands for.

    An axis is halved where its voxels are not much longer than the shortest: levels become more
    isotropic, not less.
    """
    factors = [(1,) * len(shape)]
    while True:
        factor = factors[-1]
        sizes = [-(-size // by) for size, by in zip(shape, factor, strict=True)]
        if max(sizes) <= _SMALLEST:
            return factors
        lengths = [size * by for size, by in zip(voxel_size, factor, strict=True)]
        least = min(length for length, size in zip(lengths, sizes, strict=True) if size > 1)
        factors.append(
            tuple(
                by * 2 if size > 1 and length < 2 * least else by
                for by, size, length in zip(factor, sizes, lengths, strict=True)
            )
        )


def _attributes(levels: list[tuple[int, ...]], grid: Grid, version: OmeVersion) -> dict[str, Any]:
    unit = {"unit": "micrometer"} if grid.unit == "um" else {}
    datasets = []
    for number, factor in enumerate(levels):
        size = [length * by for length, by in zip(grid.voxel_size_zyx, factor, strict=True)]
        # The centre of a coarse voxel lies between those of the fine ones.
        start = [
            first + (by - 1) / 2 * length
            for first, by, length in zip(grid.origin_zyx, factor, grid.voxel_size_zyx, strict=True)
        ]
        datasets.append(
            {
                "path": str(number),
                "coordinateTransformations": [
                    {"type": "scale", "scale": size},
                    {"type": "translation", "translation": start},
                ],
            }
        )
    image: dict[str, Any] = {
        "name": PROBABILITY_NAME,
        "axes": [{"name": axis, "type": "space", **unit} for axis in _AXES],
        "datasets": datasets,
        "type": "local maximum",
    }
    if version == "0.4":
        return {"multiscales": [{"version": version, **image}]}
    return {"ome": {"version": version, "multiscales": [image]}}


def _layout(version: OmeVersion) -> dict[str, Any]:
    """How chunks are named and compressed: folders, and zstandard, which every reader has."""
    if version == "0.5":
        return {"dimension_names": list(_AXES)}
    return {"chunk_key_encoding": {"name": "v2", "separator": "/"}}


def _chunks(shape: Sequence[int], size: Sequence[int]) -> Iterator[tuple[slice, ...]]:
    counts = [range(math.ceil(n / step)) for n, step in zip(shape, size, strict=True)]
    for index in product(*counts):
        yield tuple(
            slice(i * step, min((i + 1) * step, n))
            for i, step, n in zip(index, size, shape, strict=True)
        )


def _highest(values: NDArray[np.uint8], factor: Sequence[int]) -> NDArray[np.uint8]:
    """The maximum over cells of `factor` voxels; those at the border may be smaller."""
    for axis, by in enumerate(factor):
        starts = np.arange(0, values.shape[axis], by)
        values = np.maximum.reduceat(values, starts, axis=axis)
    return values
