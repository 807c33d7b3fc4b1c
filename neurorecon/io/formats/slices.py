"""A folder, or a pattern, of 2D images as a z stack, in the natural order of their names."""

from __future__ import annotations

import glob
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from neurorecon.errors import InputError
from neurorecon.io.damage import damage_reported
from neurorecon.io.formats.image import ArrayImage, Where, checked_dtype, refuse_impossible
from neurorecon.io.formats.slice_names import in_order
from neurorecon.io.tiff import open_tiff
from neurorecon.io.tiff_grid import Placement, find_placement

_TIFF = (".tif", ".tiff")
_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".jp2", ".j2k")
SUFFIXES = (*_TIFF, *_PICTURES)
_MOST_BYTES_PER_STORED = 100_000
# Of Pillow's modes; all others hold bytes.
_DTYPES = {"1": "?", "I;16": "u2", "I;16B": "u2", "I": "i4", "F": "f4"}
_CURE = "give a folder of 2D slices of one size, or a pattern in quotes ('slices/*_ch0.tif')"


@dataclass(frozen=True, slots=True)
class _Slice:
    """What the header of a slice says; samples: 1 for gray."""

    shape_yx: tuple[int, int]
    dtype: np.dtype[Any]
    samples: int


@contextmanager
def open_slices(source: Path) -> Iterator[ArrayImage]:
    """Open the slices of a folder or pattern; each is read when asked for.

    Raises InputError where there are none, they differ in size or type, hold more than one page,
    or their names do not tell one order.
    """
    files, gaps = in_order(source, _files(source))
    name = str(source)
    first = _header(files[0])
    for file in files:
        if (found := _header(file)) != first:
            raise InputError(
                f"{file} is {_told(found)}, but {files[0].name} is {_told(first)}; {_CURE}"
            )
    stack = (len(files), *first.shape_yx)
    colours = () if first.samples == 1 else (first.samples,)
    shape = (*stack, *colours)

    def crop(where: Where) -> NDArray[Any]:
        z, *inside = where
        assert isinstance(z, slice)
        return np.stack([_pixels(file)[tuple(inside)] for file in files[z]])

    yield ArrayImage(
        name=name,
        axes="ZYXS"[: len(shape)],
        shape=shape,
        dtype=checked_dtype(name, first.dtype),
        compression="slice by slice",
        crop=crop,
        chunks=(1, *shape[1:]),
        where=_placement(files[0], stack),
        gaps=gaps,
    )


def _files(source: Path) -> list[Path]:
    if source.is_dir():
        found = [file for file in source.iterdir() if file.suffix.lower() in SUFFIXES]
        found = [file for file in found if not file.name.startswith(".")]
        kinds = {".tif" if file.suffix.lower() in _TIFF else file.suffix.lower() for file in found}
        if len(kinds) > 1:
            raise InputError(f"{source} holds {' and '.join(sorted(kinds))} files; {_CURE}")
    else:
        # (Path.glob takes no absolute patterns)
        found = [Path(file) for file in glob.glob(str(source))]  # noqa: PTH207
        other = [file for file in found if file.suffix.lower() not in SUFFIXES]
        if other:
            raise InputError(f"{other[0]} is no image of one slice ({', '.join(SUFFIXES)})")
    if not found:
        what = "is a directory without image slices" if source.is_dir() else "matches no file"
        raise InputError(
            f"{source} {what}; give one TIFF file or one OME-Zarr image, or {_CURE[5:]}"
        )
    return found


def _header(file: Path) -> _Slice:
    if file.suffix.lower() in _TIFF:
        with open_tiff(file) as image:
            sizes = dict(zip(image.axes, image.shape, strict=True))
            pages = int(np.prod([size for axis, size in sizes.items() if axis not in "YXS"]))
            if pages > 1 or not {"Y", "X"} <= sizes.keys():
                raise InputError(
                    f"{file} is no single slice: it holds {' x '.join(map(str, image.shape))} "
                    f"values ({image.axes}); give that file alone, several stacks as "
                    f"stacks/*.tif, or {_CURE[5:]}"
                )
            return _Slice((sizes["Y"], sizes["X"]), image.dtype, sizes.get("S", 1))
    with damage_reported(str(file)), _picture(file) as picture:
        width, height = picture.size
        dtype = np.dtype(_DTYPES.get(picture.mode, "u1"))
        # The colours of a palette are no intensities.
        samples = 3 if picture.mode == "P" else len(picture.getbands())
        declared = width * height * dtype.itemsize * samples
        refuse_impossible(str(file), declared, file.stat().st_size, _MOST_BYTES_PER_STORED)
    return _Slice((height, width), dtype, samples)


def _picture(file: Path) -> Any:
    """An open picture whose pixels are not decoded yet."""
    from PIL import Image

    with warnings.catch_warnings():
        # Pillow warns of pictures that are large; a slice of a brain is.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(file)


def _pixels(file: Path) -> NDArray[Any]:
    """(Y, X), or (Y, X, S) of colours."""
    with damage_reported(str(file)):
        if file.suffix.lower() in _TIFF:
            return np.asarray(tifffile.imread(file)).squeeze()
        with _picture(file) as picture:
            return np.asarray(picture)


def _placement(file: Path, shape_zyx: tuple[int, int, int]) -> Placement:
    if file.suffix.lower() not in _TIFF:
        return Placement(source="names of slices")
    with damage_reported(str(file)), tifffile.TiffFile(file) as tif:
        found = find_placement(tif, shape_zyx)
    # A slice need not know its step along z: that ImageJ leaves out a step of 1 is no reason here.
    return replace(found, source=found.source and f"{found.source} of the first slice")


def _told(header: _Slice) -> str:
    height, width = header.shape_yx
    return f"{height} x {width} {header.dtype}{' RGB' if header.samples > 1 else ''}"
