"""TIFF files as z stacks: opened, checked for completeness, and read box by box."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tifffile
from numpy.typing import NDArray

from neurorecon.errors import InputError
from neurorecon.io.damage import COPY_AGAIN, damage_reported
from neurorecon.io.formats.quiet import quiet
from neurorecon.io.roi import Box
from neurorecon.io.tiff_axes import AxisPlan
from neurorecon.io.tiff_grid import Placement, find_placement

# What `tiff_writer` calls the image of a segmentation.
PROBABILITY_NAME = "neurite probability"

_CONVERT = (
    "convert it (in Fiji: File > Save As > Tiff); `neurorecon info --formats` lists what is read"
)
# Deflate and LZW reach 1000 to 3000 on an empty stack, zstd some 10,000; beyond is a lying header.
_MOST_BYTES_PER_STORED = 100_000


@dataclass(frozen=True)
class OpenTiff:
    """The one image of an open TIFF.

    name: of the file, for messages.
    axes, shape: of the image, tifffile's letters, none left out (axes of one voxel included).
    dtype: of the values in memory, in the machine's byte order.
    compression: the name in the TIFF specification, "none" where there is none.
    """

    name: str
    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    compression: str
    _file: tifffile.TiffFile
    _series: tifffile.TiffPageSeries

    @property
    def is_probability(self) -> bool:
        """Whether the metadata say that this is a segmentation of ours."""
        return self._file.is_ome and PROBABILITY_NAME in (self._file.ome_metadata or "")

    @property
    def remarks(self) -> tuple[str, ...]:
        """That low values are shown bright, where the file says so: they are read as stored."""
        if getattr(self._file.pages.first, "photometric", None) != tifffile.PHOTOMETRIC.MINISWHITE:
            return ()
        return (
            f"{self.name} shows low values as white (MINISWHITE); they are taken as they are "
            "stored: if the neurites have the low ones, add --invert",
        )

    @property
    def is_mapped(self) -> bool:
        """Whether the values lie in one piece, uncompressed."""
        return self._series.dataoffset is not None

    def chunk_zyx(self, plan: AxisPlan) -> tuple[int, int, int]:
        """Voxels along each axis that are stored, and so read, together."""
        height, width = self.shape[plan.y], self.shape[plan.x]
        if self._series.dataoffset is not None or self._has_page_for_plane(plan):
            return 1, height, width
        return self.shape[plan.z], height, width

    def placement(self, shape_zyx: tuple[int, int, int]) -> Placement:
        """What the metadata say about voxel size and origin."""
        with damage_reported(self.name):
            return find_placement(self._file, shape_zyx)

    def read(self, plan: AxisPlan, box: Box) -> NDArray[Any]:
        """The voxels of one channel in a box, (Z, Y, X), in the machine's byte order.

        Only the planes in the box are read and, where the file is not compressed, only the box.

        Raises InputError when the data are damaged, NeuroreconError when they do not fit in memory.
        """
        where: list[int | slice] = [0] * len(self.shape)
        where[plan.z], where[plan.y], where[plan.x] = box
        if plan.channel is not None:
            where[plan.channel] = plan.channel_index
        with damage_reported(self.name):
            cropped = self._crop(tuple(where), plan)
        # (spatial axes in the file's order) -> (Z, Y, X)
        order = np.argsort(np.argsort([plan.z, plan.y, plan.x]))
        return np.ascontiguousarray(cropped.transpose(order), dtype=self.dtype)

    def _crop(self, where: tuple[int | slice, ...], plan: AxisPlan) -> NDArray[Any]:
        if (offset := self._series.dataoffset) is not None:
            # A copy, for what is mapped cannot be written and changes when the file does.
            return self._contiguous(offset)[where].copy()
        leading = self.shape[: min(plan.y, plan.x)]
        if self._has_page_for_plane(plan):
            wanted = np.arange(len(self._series.pages)).reshape(leading)[where[: len(leading)]]
            with self._opened(wanted):
                planes = self._file.asarray(key=wanted.tolist(), series=self._series)
            # (n planes of Y, X and axes of one voxel) -> (n, ...)
            planes = planes.reshape(len(wanted), *self.shape[len(leading) :])
            return planes[(slice(None), *where[len(leading) :])]
        return self._series.asarray().reshape(self.shape)[where]

    @contextmanager
    def _opened(self, wanted: NDArray[Any]) -> Iterator[None]:
        """Of a data set in several files, the one that a single plane lies in.

        tifffile closes the others and opens them as it reads, but of a single page it warns.
        """
        handle = self._series.pages[int(wanted[0])].parent.filehandle  # type: ignore[union-attr]
        closed = len(wanted) == 1 and handle.closed
        if closed:
            handle.open()
        try:
            yield
        finally:
            if closed:
                handle.close()

    def _has_page_for_plane(self, plan: AxisPlan) -> bool:
        leading = self.shape[: min(plan.y, plan.x)]
        return plan.z < len(leading) and len(self._series.pages) == np.prod(leading)

    def _contiguous(self, offset: int) -> NDArray[Any]:
        """All values as they lie in the file, mapped into memory and not read yet."""
        handle = self._file.filehandle
        on_disk = self.dtype.newbyteorder(self._file.byteorder)
        buffer: Any
        if isinstance(handle._fh, io.BytesIO):
            buffer = handle._fh.getbuffer()
        else:
            buffer = np.memmap(handle.path, mode="r")
        return np.ndarray(self.shape, on_disk, buffer, offset)


@contextmanager
def open_tiff(source: Path | BinaryIO) -> Iterator[OpenTiff]:
    """Open a TIFF that holds one image.

    source: a path, or a stream of a TIFF's bytes such as standard input (read to its end).

    Raises InputError for a file that does not exist, cannot be read, is no TIFF, is cut off, or
    holds several images or values that are not real numbers.
    """
    name, opened = _open(source)
    with quiet("tifffile"), opened:
        with damage_reported(name):
            _refuse_truncated(name, opened)
            series = _only_series(name, opened)
            axes, shape = series.get_axes(False), series.get_shape(False)
            page = opened.pages.first
        yield OpenTiff(
            name, axes, shape, _checked_dtype(name, series), _compression(page), opened, series
        )


def _open(source: Path | BinaryIO) -> tuple[str, tifffile.TiffFile]:
    name = str(source) if isinstance(source, Path) else "standard input"
    stream: Path | BinaryIO = source
    if not isinstance(source, Path):
        stream = io.BytesIO(source.read())
    elif source.is_dir():
        raise InputError(f"{name} is a directory; give one TIFF file")
    elif not source.exists():
        raise InputError(f"{name} does not exist; check the name")
    elif not source.is_file():  # a named pipe, as in <(command)
        stream = io.BytesIO(source.read_bytes())
    try:
        with quiet("tifffile"):
            return name, tifffile.TiffFile(stream)
    except OSError as error:
        raise InputError(f"cannot read {name}: {error.strerror or error}") from error
    except tifffile.TiffFileError as error:
        if not str(error).startswith("not a TIFF"):
            raise InputError(f"{name} is damaged ({error}); {COPY_AGAIN}") from error
        empty = _is_empty(stream)
        found = "is empty" if empty else "is not a TIFF file"
        raise InputError(f"{name} {found}; {COPY_AGAIN if empty else _CONVERT}") from error
    except Exception as error:  # tifffile raises anything on a file that is not whole
        raise InputError(f"{name} is damaged ({error}); {COPY_AGAIN}") from error


def _is_empty(stream: Path | BinaryIO) -> bool:
    if isinstance(stream, Path):
        return stream.stat().st_size == 0
    return stream.seek(0, io.SEEK_END) == 0


def _refuse_truncated(name: str, tif: tifffile.TiffFile) -> None:
    """tifffile takes a file whose chain of pages breaks for one with fewer pages."""
    pages = tif.pages
    count = len(pages)  # walks the whole chain
    handle = tif.filehandle
    handle.seek(pages.next_page_offset or 0)
    following = handle.read(tif.tiff.offsetsize)
    if len(following) < tif.tiff.offsetsize or any(following):  # a whole chain ends with zeros
        raise InputError(
            f"{name} is cut off or damaged after page {count} (the next page lies outside the "
            f"file); {COPY_AGAIN}"
        )


def _only_series(name: str, tif: tifffile.TiffFile) -> tifffile.TiffPageSeries:
    series = list(tif.series)
    if tif.is_lsm:  # what follows the image are thumbnails of it
        series = series[:1]
    if len(series) > 1 and len({(one.shape, one.dtype, one.axes) for one in series}) == 1:
        series = [_joined(series)] if series[0].axes == "YX" else series
    volumes = [one for one in series if len(one.shape) > 2]
    if len(volumes) > 1 or (len(series) > 1 and not volumes):
        shapes = ", ".join(" x ".join(map(str, one.shape)) for one in series[:4])
        raise InputError(
            f"{name} holds {len(series)} images of their own ({shapes}{', ...' * (len(series) > 4)}"
            "); save the z stack alone, with slices of one size"
        )
    chosen = (volumes or series)[0]
    _refuse_missing_data(name, tif, chosen)
    return chosen


def _joined(series: list[tifffile.TiffPageSeries]) -> tifffile.TiffPageSeries:
    """Slices that were written one by one, each an image of its own to tifffile, as one stack."""
    pages = [page for one in series for page in one.pages]
    shape = (len(pages), *series[0].shape)
    return tifffile.TiffPageSeries(pages, shape=shape, dtype=series[0].dtype, axes="QYX")


def _refuse_missing_data(
    name: str, tif: tifffile.TiffFile, series: tifffile.TiffPageSeries
) -> None:
    pages: list[Any] = list(series.pages)
    if any(page is None for page in pages):
        raise InputError(
            f"{name} leaves some planes to other files that are not there; put all files of the "
            "data set into one folder, or save it as one file"
        )
    if 0 in series.shape:
        return
    parts = [
        (offset, count, page.parent.filehandle.size)
        for page in pages
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True)
    ]
    if series.dataoffset is not None:
        parts = [(series.dataoffset, series.nbytes, tif.filehandle.size)]
    if any(offset + count > size for offset, count, size in parts):
        raise InputError(f"{name} is cut off (data beyond its end); {COPY_AGAIN}")
    if series.nbytes > _MOST_BYTES_PER_STORED * sum(count for _, count, _ in parts):
        raise InputError(
            f"{name} is damaged (it says {series.nbytes / 1e9:.1f} GB and holds almost nothing); "
            f"{COPY_AGAIN}"
        )


def _checked_dtype(name: str, series: tifffile.TiffPageSeries) -> np.dtype[Any]:
    dtype = series.dtype
    if dtype is None:
        raise InputError(f"{name} has values of an unusual kind; save it as 8- or 16-bit gray")
    if dtype.kind == "c":
        raise InputError(
            f"{name} holds complex numbers; save their magnitude (numpy.abs) as float32"
        )
    if dtype.kind not in "uifb":
        raise InputError(f"{name} holds {dtype} values; save it as 8- or 16-bit gray")
    return dtype.newbyteorder("=")


def _compression(page: Any) -> str:
    return str(getattr(page.compression, "name", page.compression)).lower()
