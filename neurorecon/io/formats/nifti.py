"""NIfTI-1 and -2, plain or compressed, also as a pair of `.hdr` and `.img`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurorecon.io.damage import damage_reported
from neurorecon.io.formats.image import ArrayImage, Where, checked_dtype
from neurorecon.io.formats.quiet import quiet
from neurorecon.io.formats.rawfile import Crop, inflated, mapped
from neurorecon.io.tiff_grid import MaybeTriple, Placement, um_per_unit

_AXES = "XYZTCQQ"  # dim[1] to dim[7] of the header
_PACKINGS = {".gz": "gzip", ".bz2": "bzip2"}


@contextmanager
def open_nifti(path: Path, _dataset: str) -> Iterator[ArrayImage]:
    """Open a NIfTI image; values are scaled as its header says.

    Raises InputError where it is damaged or cut off.
    """
    name = str(path)
    with damage_reported(name), quiet("nibabel.global"):
        import nibabel

        image: Any = nibabel.load(path)
        stored = image.dataobj  # a proxy: nothing is read
        sizes = tuple(int(size) for size in stored.shape)
        shape, axes = sizes[::-1], _AXES[: len(sizes)][::-1]
        file = Path(image.file_map["image"].filename)
        packing = _PACKINGS.get(file.suffix.lower(), "none")
        dtype = checked_dtype(name, stored.dtype)
        if packing == "none":
            crop = mapped(file, int(stored.offset), stored.dtype, shape)
        else:
            crop = inflated(file, 0, int(stored.offset), stored.dtype, shape, packing)
        slope, inter = float(stored.slope), float(stored.inter)
        if (slope, inter) != (1.0, 0.0):
            dtype = np.dtype(np.float64 if dtype == np.float64 else np.float32)
            crop = _scaled(crop, slope, inter, dtype)
        where = _placement(image)
    plane = shape if packing != "none" else (1,) * (len(shape) - 2) + shape[-2:]
    yield ArrayImage(name, axes, shape, dtype, packing, crop, plane, where)


def _scaled(crop: Crop, slope: float, inter: float, dtype: np.dtype[Any]) -> Crop:
    def scaled(where: Where) -> NDArray[Any]:
        return (crop(where).astype(np.float64) * slope + inter).astype(dtype)

    return scaled


def _placement(image: Any) -> Placement:
    """Steps in the unit of the header; the origin only where the axes are neither turned nor
    mirrored."""
    unit = um_per_unit(image.header.get_xyzt_units()[0])
    if unit is None:
        return Placement(source="NIfTI header fields")
    steps = [float(step) * unit for step in image.header.get_zooms()[:3]]
    steps += [0.0] * (3 - len(steps))
    size = _triple([step if np.isfinite(step) and step > 0 else None for step in steps])
    affine = np.asarray(image.affine, np.float64)
    turn, start = affine[:3, :3], affine[:3, 3] * unit
    upright = np.allclose(turn, np.diag(np.diag(turn))) and (np.diag(turn) > 0).all()
    known = upright and np.isfinite(start).all()
    origin = _triple(start.tolist()) if known else (None, None, None)
    return Placement(size, origin, source="NIfTI header fields")


def _triple(xyz: list[float | None]) -> MaybeTriple:
    x, y, z = xyz
    return z, y, x
