"""HDF5 data sets, and Imaris files, which are HDF5 of a fixed layout."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neurorecon.errors import InputError
from neurorecon.io.damage import damage_reported
from neurorecon.io.formats.hdf5_sources import checked_crop
from neurorecon.io.formats.image import ArrayImage, checked_dtype
from neurorecon.io.formats.imaris import imaris_image, is_imaris
from neurorecon.io.tiff_grid import MaybeTriple, Placement, um_per_unit

if TYPE_CHECKING:
    import h5py

START = b"\x89HDF\r\n\x1a\n"
_SOURCE = "HDF5 attributes"
_UNNAMED = {2: "YX", 3: "ZYX", 5: "TCZYX"}
_MOST_CHANNELS = 7  # of a fourth axis that nothing names, as in `tiff_axes`
_LISTED = 8


@contextmanager
def open_hdf5(path: Path, dataset: str) -> Iterator[ArrayImage]:
    """Open a data set of an HDF5 file, or the image of an Imaris file.

    dataset: its path in the file, or a group that holds only one; empty where the file does. Of
        an Imaris file, a resolution level; empty for the finest.

    Raises InputError where the file is damaged, or it is not clear which data set is meant.
    """
    import h5py

    name = str(path / dataset)
    with damage_reported(str(path)):
        # Locks fail on many network drives, and reading needs none.
        file = h5py.File(path, "r", locking=False)
    with file:
        with damage_reported(name):
            image = (
                imaris_image(name, file, dataset)
                if is_imaris(file)
                else _image(path, name, _chosen(path, file, dataset))
            )
        yield image


def _chosen(path: Path, file: h5py.File, dataset: str) -> h5py.Dataset:
    import h5py

    found = file.get(dataset) if dataset else file
    if isinstance(found, h5py.Dataset):
        return found
    all_of_them = _volumes(file)
    if found is None:
        raise InputError(f"{path} has no data set {dataset}; {_listed(path, all_of_them)}")
    inside = f"{found.name.rstrip('/')}/"
    volumes = [each for each in all_of_them if each.name.startswith(inside)]
    if not all_of_them:
        raise InputError(f"{path} holds no 3D data set; give another file")
    if len(volumes) != 1:
        of_them = f"{path}{f'/{dataset}' if dataset else ''} holds {len(volumes)} 3D data sets"
        raise InputError(f"{of_them}; {_listed(path, volumes or all_of_them)}")
    return volumes[0]


def _volumes(file: h5py.File) -> list[h5py.Dataset]:
    """The data sets of numbers with three long axes or more, in the order of their names."""
    import h5py

    found: list[h5py.Dataset] = []

    def look(_name: str, each: Any) -> None:
        if not isinstance(each, h5py.Dataset) or each.dtype.kind not in "uifb":
            return
        if sum(size > 1 for size in each.shape or ()) >= 3:
            found.append(each)

    file.visititems(look)
    return found


def _listed(path: Path, volumes: list[h5py.Dataset]) -> str:
    names = [f"{each.name[1:]} ({' x '.join(map(str, each.shape))})" for each in volumes[:_LISTED]]
    more = f" and {len(volumes) - _LISTED} more" if len(volumes) > _LISTED else ""
    example = volumes[0].name[1:] if volumes else "raw"
    return (
        f"choose with --dataset {example}, or name {path}/{example}: "
        f"{', '.join(names) or 'there is no 3D one'}{more}"
    )


def _image(path: Path, name: str, dataset: h5py.Dataset) -> ArrayImage:
    crop = checked_crop(path, name, dataset)
    shape = tuple(dataset.shape or ())
    axes = _axes(dataset)
    plane = (1,) * (len(shape) - 2) + shape[-2:]
    return ArrayImage(
        name=name,
        axes=axes,
        shape=shape,
        dtype=checked_dtype(name, dataset.dtype),
        compression=dataset.compression or "none",
        crop=crop,
        chunks=dataset.chunks or plane,
        where=_placement(dataset, axes),
    )


def _axes(dataset: h5py.Dataset) -> str:
    """Letters from ilastik's axistags, from dimension labels, or the usual order."""
    count = len(dataset.shape or ())
    keys = _axistags(dataset) or [dimension.label for dimension in dataset.dims]
    letters = "".join(_letter(key) for key in keys)
    if len(letters) == count and set("YX") <= set(letters):
        return letters
    if count == 4:
        first, last = dataset.shape[0], dataset.shape[-1]
        return "ZYXC" if last <= _MOST_CHANNELS and last < first else "CZYX"
    return _UNNAMED.get(count, "Q" * count)


def _letter(key: str) -> str:
    letter = key.strip().upper()[:1]
    return letter if letter in {*"TCZYX"} else "Q"


def _axistags(dataset: h5py.Dataset) -> list[str]:
    """The axes as ilastik and vigra write them; empty where they do not stand there."""
    try:
        return [str(axis["key"]) for axis in json.loads(dataset.attrs["axistags"])["axes"]]
    except (KeyError, TypeError, ValueError):
        return []


def _placement(dataset: h5py.Dataset, axes: str) -> Placement:
    """`element_size_um` as Fiji's HDF5 plugin writes it, or `resolution` with its `units`."""
    attributes = dataset.attrs
    if sizes := _numbers(attributes.get("element_size_um")):
        return Placement(_last_three(sizes), source=_SOURCE)
    unit_names = attributes.get("units", attributes.get("unit"))
    steps = _numbers(attributes.get("resolution", attributes.get("voxel_size")))
    if not steps or unit_names is None:
        return Placement(source=_SOURCE)
    names = _texts(unit_names)
    units = [um_per_unit(each) for each in (names * 3 if len(names) == 1 else names)[-3:]]
    if len(steps) < 3 or len(units) != 3 or None in units:
        return Placement(source=_SOURCE)
    return Placement(
        _last_three(np.array(steps[-3:]) * np.array(units, np.float64)), source=_SOURCE
    )


def _numbers(attribute: Any) -> list[float]:
    """The numbers of an attribute; of text, exactly three ("2 0.5 0.5"). Else empty: not said."""
    is_text = any(isinstance(each, str | bytes) for each in np.asarray(attribute).ravel().tolist())
    words = re.split(r"[\s,;]+", " ".join(_texts(attribute)).strip(" ()[]"))
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        return []
    return numbers if not is_text or len(numbers) == 3 else []


def _texts(attribute: Any) -> list[str]:
    return [
        each.decode(errors="replace") if isinstance(each, bytes) else str(each)
        for each in np.asarray(attribute).ravel().tolist()
    ]


def _last_three(sizes: Any) -> MaybeTriple:
    """z, y, x, the last of the axes; None where a size has no meaning."""
    known = [float(size) if np.isfinite(size) and size > 0 else None for size in sizes[-3:]]
    z, y, x = [None] * (3 - len(known)) + known
    return z, y, x
