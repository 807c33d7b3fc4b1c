"""Where the values of an HDF5 data set lie: in its own file, or in others that it names.

HDF5 fills what it does not find with zeros, silently, and opens any path that a file names: here
every source must be there, whole, and in the folder of the file or below it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from neurorecon.errors import InputError
from neurorecon.io.damage import damage_reported
from neurorecon.io.formats.image import refuse_impossible
from neurorecon.io.formats.rawfile import Crop, mapped

if TYPE_CHECKING:
    import h5py

# Chunks that were never written take no place: a whole stack of them is a lying header.
_MOST_BYTES_PER_STORED = 100_000
_MOST_DEEP = 8  # virtual data sets of virtual data sets: one that names itself has no end
_ONE_FILE = "save the stack as one plain data set in one file"


def checked_crop(path: Path, name: str, dataset: h5py.Dataset) -> Crop:
    """What cuts boxes out of a data set.

    path: the file that the user named. name: of the data set, for messages.

    Raises InputError where it declares more than there is, is compressed in a way that is not
    known here, or has a source that is missing, damaged, or outside of the file's folder.
    """
    folder = path.parent.resolve()
    actual = Path(dataset.file.filename)
    _refuse_outside(name, folder, actual)
    if dataset.external:
        return _external(name, folder, actual, dataset)
    refuse_impossible(name, dataset.nbytes, _stored(name, folder, dataset), _MOST_BYTES_PER_STORED)
    crop: Crop = dataset.__getitem__
    return crop


def _external(name: str, folder: Path, path: Path, dataset: h5py.Dataset) -> Crop:
    """Values in a raw file beside the HDF5 file; HDF5 would look in the working folder."""
    (named, offset, _), *others = dataset.external
    if others:
        raise InputError(f"{name} spreads its values over several files; {_ONE_FILE}")
    return mapped(_beside(name, folder, path, named), offset, dataset.dtype, dataset.shape)


def _stored(name: str, folder: Path, dataset: h5py.Dataset, depth: int = 0) -> int:
    """Bytes on disk of a data set or, where it is virtual, of all its sources, which are checked.

    depth: how many virtual data sets led here.
    """
    import h5py

    if not dataset.is_virtual:
        _refuse_missing_filter(name, dataset)
        return int(dataset.id.get_storage_size())
    if depth == _MOST_DEEP:
        raise InputError(f"{name} is virtual {depth} times over; {_ONE_FILE}")
    path, stored = Path(dataset.file.filename), 0
    for names in sorted({source[1:3] for source in dataset.virtual_sources()}):
        named, inside = (_plain(name, each) for each in names)
        file = path if named == "." else _beside(name, folder, path, named)
        with damage_reported(str(file)), h5py.File(file, "r", locking=False) as opened:
            source = opened.get(inside)
            if not isinstance(source, h5py.Dataset) or source.external:
                raise InputError(
                    f"{name} takes its values from {inside} in {file}, which is no data set there; "
                    f"{_ONE_FILE}"
                )
            _refuse_outside(name, folder, Path(source.file.filename))
            stored += _stored(f"{file}/{inside.strip('/')}", folder, source, depth + 1)
    return stored


def _plain(name: str, named: str) -> str:
    """A file's or data set's name as it is, of which HDF5 stores a pattern: %% for a percent."""
    if "%" in named.replace("%%", ""):  # %b counts the files that are there
        raise InputError(f"{name} takes its values from numbered sources ({named}); {_ONE_FILE}")
    return named.replace("%%", "%")


def _beside(name: str, folder: Path, path: Path, named: str) -> Path:
    """The source that the HDF5 file at `path` calls `named`."""
    file = path.parent / named
    _refuse_outside(name, folder, file)
    if not file.is_file():
        raise InputError(
            f"{name} takes its values from {file}, which is no file; copy that one too"
        )
    return file


def _refuse_outside(name: str, folder: Path, file: Path) -> None:
    if not file.resolve().is_relative_to(folder):
        raise InputError(
            f"{name} takes its values from {file}, outside of its own folder; {_ONE_FILE}"
        )


def _refuse_missing_filter(name: str, dataset: h5py.Dataset) -> None:
    import h5py

    filters = dataset.id.get_create_plist()
    for number in range(filters.get_nfilters()):
        code, _, _, title = filters.get_filter(number)
        if not h5py.h5z.filter_avail(code) and not _filters_installed():
            raise InputError(
                f"{name} is compressed with {title.decode(errors='replace') or code}; "
                "pip install hdf5plugin, which reads it"
            )


def _filters_installed() -> bool:
    """Whether hdf5plugin is there; importing it registers its filters."""
    try:
        import hdf5plugin  # type: ignore[import-not-found]  # noqa: F401
    except ImportError:
        return False
    return True
