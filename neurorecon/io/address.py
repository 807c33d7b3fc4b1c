"""Addresses of stacks: a file or folder, or what lies inside one (`a.h5/raw`, `a.zarr/1`)."""

from __future__ import annotations

import glob
from pathlib import Path

from neurorecon.errors import InputError

_STORE_FILES = ("zarr.json", ".zgroup", ".zarray")  # the first is Zarr 3's, the others are Zarr 2's


def is_store(folder: Path) -> bool:
    """Whether a folder is a Zarr store, or a group or array in one, and so one stack."""
    return folder.is_dir() and any((folder / name).is_file() for name in _STORE_FILES)


def is_pattern(path: Path) -> bool:
    """Whether a name stands for several files."""
    return glob.has_magic(str(path)) and not exists(path)


def split_address(path: Path) -> tuple[Path, str]:
    """What lies on disk, and what in it is meant: `a.h5/raw` is (`a.h5`, `raw`).

    The second part is empty for a whole file, a folder, and what does not exist.
    """
    if path.is_dir():
        store = path
        while is_store(store) and is_store(store.parent):
            store = store.parent
        return store, "" if store == path else path.relative_to(store).as_posix()
    for file in path.parents:
        if file.is_file():
            return file, path.relative_to(file).as_posix()
    return path, ""


def exists(path: Path) -> bool:
    """Whether there is a file, a folder, or a file that may hold what is meant."""
    return split_address(path)[0].exists()


def in_dataset(path: Path, dataset: str | None) -> Path:
    """The address of a data set in a file; a path that names one already stays.

    Raises InputError for a name that leads out of the file.
    """
    if dataset is None or split_address(path)[1]:
        return path
    parts = [part for part in dataset.split("/") if part]
    if not parts or ".." in parts:
        raise InputError(
            f"--dataset '{dataset}' names nothing in a file; give for example volumes/raw"
        )
    return path.joinpath(*parts)
