"""Microscope makers' formats (Zeiss CZI, Nikon ND2, Leica LIF) through BioIO, where installed."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurorecon.errors import InputError
from neurorecon.io.damage import damage_reported
from neurorecon.io.formats.image import ArrayImage, Where, checked_dtype
from neurorecon.io.tiff_grid import MaybeTriple, Placement

EXTRA = "pip install 'neurorecon[bioio]'"
Open = Callable[[Path, str], AbstractContextManager[ArrayImage]]
_BY_PLANE = {"chunk_dims": ["Y", "X"]}
_OPTIONS = {"bioio_czi": _BY_PLANE, "bioio_lif": _BY_PLANE, "bioio_nd2": {}}


def bioio_opener(plugin: str, kind: str) -> Open:
    """What opens the files of one BioIO plugin.

    plugin: its module (`bioio_czi`). kind: the format in words.
    """

    @contextmanager
    def open_with_plugin(path: Path, scene: str) -> Iterator[ArrayImage]:
        """Open one scene; InputError without the plugin, or where it is unclear which is meant."""
        try:
            module = importlib.import_module(plugin)
        except ImportError as error:
            raise InputError(
                f"{path} is a {kind} file, which an extra of neurorecon reads: {EXTRA}; "
                "or save it as OME-TIFF"
            ) from error
        with damage_reported(str(path)):
            reader = module.Reader(path, **_OPTIONS[plugin])
            reader.set_scene(_scene(path, reader, scene))
            image = _image(str(path / scene), reader, kind)
        yield image

    return open_with_plugin


def _scene(path: Path, reader: Any, wanted: str) -> int:
    """The number of the scene of that name, or of the only z stack."""
    names = [str(name) for name in reader.scenes]
    if wanted:
        if wanted not in names:
            raise InputError(f"{path} has no scene {wanted}; there are {', '.join(names)}")
        return names.index(wanted)
    if len(names) == 1:
        return 0
    stacks = []
    for number in range(len(names)):
        reader.set_scene(number)
        if dict(zip(reader.dims.order, reader.dims.shape, strict=True)).get("Z", 1) > 1:
            stacks.append(number)
    if len(stacks) != 1:
        raise InputError(
            f"{path} holds {len(stacks)} z stacks; choose with --dataset '{names[0]}', or name "
            f"'{path}/{names[0]}': {', '.join(names)}"
        )
    return stacks[0]


def _image(name: str, reader: Any, kind: str) -> ArrayImage:
    lazy = reader.dask_data

    def crop(where: Where) -> NDArray[Any]:
        # One thread: the makers' libraries are not all safe with several.
        return np.asarray(lazy[where].compute(scheduler="synchronous"))

    return ArrayImage(
        name=name,
        axes=str(reader.dims.order),
        shape=tuple(lazy.shape),
        dtype=checked_dtype(name, np.dtype(lazy.dtype)),
        compression="as in the file",
        crop=crop,
        chunks=tuple(lazy.chunksize),
        where=Placement(_sizes(reader.physical_pixel_sizes), source=f"{kind} metadata"),
    )


def _sizes(found: Any) -> MaybeTriple:
    """In µm, as BioIO gives them; None where the file does not tell."""
    z, y, x = (
        float(size) if size is not None and np.isfinite(size) and size > 0 else None
        for size in (found.Z, found.Y, found.X)
    )
    return z, y, x
