"""Arrays as the commands take them: files in a temporary folder."""

from __future__ import annotations

import logging
import math
import numbers
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tifffile
from numpy.typing import ArrayLike, NDArray

from neurorecon.errors import InputError, NeuroreconError
from neurorecon.io.address import in_dataset
from neurorecon.io.stack import read_volume
from neurorecon.volume import Grid

VoxelSize = tuple[float, float, float]
Triple = float | Sequence[float]
_OPTION = re.compile(r"--([a-z][a-z-]*)(?: Z Y X)?")
# What Python calls otherwise.
_ARGUMENTS = {
    "voxel-size": "voxel_size_um",
    "swc-origin": "origin_um",
    "input": "values",
    "no-invert": "invert=False",
    "overwrite": "overwrite=True",
}
Log = logging.getLogger("neurorecon")


class Stack(NamedTuple):
    """What a file holds: the voxels and their place.

    array: (Z, Y, X). voxel_size_um: distance of their centres along z, y and x; None where the
    file does not tell it. origin_um: position (z, y, x) of the first one; 0 where it is not told.
    """

    array: NDArray[Any]
    voxel_size_um: VoxelSize | None
    origin_um: VoxelSize


def read_stack(
    path: str | Path, *, channel: int | None = None, dataset: str | None = None
) -> Stack:
    """One channel of a stack in any format that the commands read, and its place.

    channel: counted from 0; needed where there are several.
    dataset: in an HDF5 or Zarr file that holds several.

    Raises InputError for what is no such stack, with what to do about it.
    """
    check_number("channel", channel, 0, whole=True)
    with told_in_python():
        volume = read_volume(in_dataset(Path(path), dataset), channel=channel, allow_uniform=True)
    if volume.grid.unit == "voxel":
        return Stack(volume.array, None, (0.0, 0.0, 0.0))
    return Stack(volume.array, volume.grid.voxel_size_zyx, volume.grid.origin_zyx)


def grid_of(voxel_size_um: Triple | None, origin_um: Triple | None) -> Grid | None:
    """Where the voxels of an array lie, None where no voxel size is given.

    Raises InputError for a voxel size that is not above 0, and for a place but 0 without one.
    """
    size, origin = triple("voxel_size_um", voxel_size_um), triple("origin_um", origin_um)
    if size is None:
        if any(origin or ()):
            raise InputError("origin_um is in µm; give voxel_size_um, too")
        return None
    if min(size) <= 0:
        raise InputError(f"voxel_size_um is {voxel_size_um!r}; give numbers above 0, in µm")
    return Grid(size, origin or (0.0, 0.0, 0.0), "um", "given")


def triple(name: str, given: Triple | None) -> VoxelSize | None:
    """Numbers along z, y and x, from one where all are alike; InputError for others."""
    if given is None:
        return None
    try:
        values = np.asarray(given, np.float64)
    except (TypeError, ValueError):
        values = np.empty(0)
    if values.shape not in ((), (3,)) or not np.isfinite(values).all():
        raise InputError(f"{name} is {given!r}; give one number, or three for z, y, x, in µm")
    z, y, x = (float(value) for value in np.broadcast_to(values, 3))
    return z, y, x


def write_array(path: Path, array: ArrayLike) -> Path:
    """The array as a file that `read_volume` reads as it is; InputError where it is no stack."""
    if isinstance(array, str | Path):
        raise InputError(f"{str(array)!r} is a name; read the stack first, with read_stack")
    voxels = np.asarray(array)
    if voxels.dtype == bool:
        voxels = voxels.astype(np.uint8) * np.uint8(255)
    if voxels.ndim != 3 or voxels.dtype.kind not in "uif" or not voxels.size:
        raise InputError(
            f"an array of shape {voxels.shape} and type {voxels.dtype} is no stack; give real "
            "numbers with the axes z, y, x"
        )
    tifffile.imwrite(path, voxels, photometric="minisblack", metadata={"axes": "ZYX"})
    return path


@contextmanager
def array_folder() -> Iterator[Path]:
    """A temporary folder for arrays; errors are told as `in_python` has them."""
    with tempfile.TemporaryDirectory(prefix="neurorecon-") as name:
        folder = Path(name)
        with told_in_python(folder):
            yield folder


@contextmanager
def told_in_python(folder: Path | None = None) -> Iterator[None]:
    """Errors are told as `in_python` has them."""
    try:
        yield
    except NeuroreconError as error:
        raise type(error)(in_python(str(error), folder)) from None


def warn_of(folder: Path) -> Callable[[str], None]:
    """What logs the warnings about arrays in a folder, as `in_python` has them.

    Not that arrays without a voxel size are worked on in voxels: the caller knows.
    """

    def warn(message: str) -> None:
        if not message.startswith("voxel size unknown"):
            Log.warning(in_python(message, folder))

    return warn


def in_python(message: str, folder: Path | None) -> str:
    """A command's message with arguments for options, and "the stack" for its file there."""
    for path in folder.iterdir() if folder else ():
        message = message.replace(str(path), f"the {path.stem}")
    return _OPTION.sub(lambda found: _ARGUMENTS.get(found[1], found[1].replace("-", "_")), message)


def check_number(
    name: str, value: object, least: float, most: float = math.inf, whole: bool = False
) -> None:
    """Raise InputError for a number that is given and is not what it may be."""
    if value is None:
        return
    kind = numbers.Integral if whole else numbers.Real
    if isinstance(value, kind) and not isinstance(value, bool) and least <= float(value) <= most:
        return
    allowed = f"from {least:g}" + f" to {most:g}" * math.isfinite(most)
    raise InputError(f"{name} is {value!r}; give a {'whole ' * whole}number {allowed}")


def check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Raise InputError for a value that is none of the choices."""
    if value not in choices:
        raise InputError(f"{name} is {value!r}; give one of {', '.join(choices)}")
