"""Every format that neurorecon reads: how a file is known, who opens it, what a user is told.

One source for the dispatch, for `neurorecon info --formats` and for the table in docs/formats.md.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from neurorecon.errors import InputError
from neurorecon.io.formats.bioio import bioio_opener
from neurorecon.io.formats.hdf5 import START as HDF5_START
from neurorecon.io.formats.hdf5 import open_hdf5
from neurorecon.io.formats.image import OpenImage
from neurorecon.io.formats.nifti import open_nifti
from neurorecon.io.formats.nrrd import START as NRRD_START
from neurorecon.io.formats.nrrd import open_nrrd
from neurorecon.io.formats.vaa3d import PBD_START, RAW5_START, RAW_START, open_pbd, open_raw
from neurorecon.io.omezarr import open_zarr
from neurorecon.io.tiff import open_tiff

# (file, data set in it or "") -> the open image
Opener = Callable[[Path, str], AbstractContextManager[OpenImage]]


@dataclass(frozen=True, slots=True)
class Format:
    """One row of the table.

    files: suffixes, as they are printed; those that begin with a dot are those of file names.
    starts: bytes that a file of the format begins with; none: it is known by its name.
    voxel_size: where it is read from. reading: how much of the file is read at once.
    has_datasets: whether a file may hold several images, which an address tells apart.
    opener: what opens it; None for what a TIFF or Zarr reader finds out itself, and for slices.
    """

    name: str
    files: tuple[str, ...]
    voxel_size: str
    reading: str
    opener: Opener | None = None
    starts: tuple[bytes, ...] = ()
    has_datasets: bool = False


def _tiff(path: Path, _dataset: str) -> AbstractContextManager[OpenImage]:
    return open_tiff(path)


def _zarr(path: Path, dataset: str) -> AbstractContextManager[OpenImage]:
    return open_zarr(path / dataset)


_NONE = "none: give --voxel-size"
_BIOIO = "by plane; neurorecon[bioio]"
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

FORMATS = (
    Format(
        "TIFF, BigTIFF",
        (".tif", ".tiff"),
        "ImageJ metadata; else only y and x",
        "box by box, compressed: by page",
        _tiff,
        _TIFF_STARTS,
    ),
    Format(
        "OME-TIFF, one file or several",
        (".ome.tif", ".ome.tiff"),
        "OME metadata",
        "as TIFF",
        _tiff,
    ),
    Format("ImageJ hyperstack", (".tif",), "ImageJ metadata", "as TIFF"),
    Format("Zeiss LSM", (".lsm",), "LSM metadata", "as TIFF", _tiff),
    Format(
        "slices: TIFF, PNG, JPEG, JP2, BMP",
        ("a folder", "'a pattern'"),
        "first slice, only y and x",
        "slice by slice",
    ),
    Format(
        "OME-Zarr 0.4, 0.5; Zarr 2, 3",
        (".ome.zarr", ".zarr"),
        "scale and unit of the axes",
        "chunk by chunk",
        _zarr,
        has_datasets=True,
    ),
    Format(
        "NRRD, also a detached header",
        (".nrrd", ".nhdr"),
        "space directions, spacings; units",
        "box by box, compressed: whole",
        open_nrrd,
        (NRRD_START,),
    ),
    Format(
        "HDF5 (ilastik, Fiji, ...)",
        (".h5", ".hdf5", ".hdf"),
        "element_size_um; resolution, units",
        "chunk by chunk",
        open_hdf5,
        (HDF5_START,),
        has_datasets=True,
    ),
    Format("Imaris", (".ims",), "extents", "chunk by chunk", open_hdf5, has_datasets=True),
    Format("Vaa3D raw", (".v3draw",), _NONE, "box by box", open_raw, (RAW_START, RAW5_START)),
    Format("Vaa3D PBD", (".v3dpbd",), _NONE, "whole", open_pbd, (PBD_START,)),
    Format(
        "NIfTI-1 and -2",
        (".nii", ".nii.gz", ".hdr", ".img"),
        "pixdim and xyzt_units",
        "box by box, compressed: whole",
        open_nifti,
    ),
    Format(
        "Zeiss CZI",
        (".czi",),
        "CZI metadata",
        _BIOIO,
        bioio_opener("bioio_czi", "Zeiss CZI"),
        (b"ZISRAWFILE",),
        has_datasets=True,
    ),
    Format(
        "Nikon ND2",
        (".nd2",),
        "ND2 metadata",
        _BIOIO,
        bioio_opener("bioio_nd2", "Nikon ND2"),
        (b"\xda\xce\xbe\x0a",),
        has_datasets=True,
    ),
    Format(
        "Leica LIF",
        (".lif",),
        "LIF metadata",
        _BIOIO,
        bioio_opener("bioio_lif", "Leica LIF"),
        has_datasets=True,
    ),
)

WRITTEN = (
    ("SWC", ".swc", "trace, simulate, convert"),
    ("Neuroglancer precomputed skeletons", "a folder", "convert"),
    ("table of edges", ".csv", "convert"),
    ("OME-TIFF, BigTIFF above 4 GB", ".tif", "segment, simulate"),
    ("OME-Zarr 0.4, 0.5, with its pyramid", ".zarr", "segment"),
)

# Longest first: `a.ome.tif` is `a`, not `a.ome`.
SUFFIXES = tuple(
    sorted(
        {suffix for each in FORMATS for suffix in each.files if suffix.startswith(".")},
        key=lambda suffix: (-len(suffix), suffix),
    )
)


def format_of(path: Path) -> Format | None:
    """The format of a file, by what it begins with or else by its name; None for none of them.

    Raises InputError for a file that cannot be read.
    """
    known = [each for each in FORMATS if each.opener is not None]
    try:
        with path.open("rb") as file:
            content = file.read(32)
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise InputError(f"cannot read {path} ({reason}); check who may read it") from error
    for each in known:
        if content.startswith(each.starts or (b"\0" * 33,)):
            return each
    named = [(suffix, each) for each in known for suffix in each.files]
    ending = [pair for pair in named if path.name.lower().endswith(pair[0])]
    return max(ending, key=lambda pair: len(pair[0]))[1] if ending else None


def table_rows() -> list[tuple[str, str, str, str]]:
    """Format, files, voxel size and reading of each format that is read, with a header."""
    rows = [(each.name, " ".join(each.files), each.voxel_size, each.reading) for each in FORMATS]
    return [("format", "files", "voxel size from", "is read"), *rows]


def written_rows() -> list[tuple[str, str, str]]:
    """Format, files and commands of what is written, with a header."""
    return [("format", "files", "written by"), *WRITTEN]
