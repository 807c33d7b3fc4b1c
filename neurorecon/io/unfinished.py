"""A run that can go on after it was stopped: a folder beside its output, until that is written.

    .<output>.unfinished/
        run.json      what the run is of and how it is done; written once, before the first block
        finished      numbers of the blocks that are done, one a line
        shelf/        what blocks hand on to their neighbours
        ...           the voxels so far, as the kind of output keeps them

A block is done when its line in `finished` is whole; what a killed process left behind of another
one is written again. Nothing is synced: the folder survives a killed process, not a power cut.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurorecon.errors import InputError
from neurorecon.io.jsonfile import write_json

_RUN, _FINISHED, _SHELF = "run.json", "finished", "shelf"


def unfinished_folder(target: Path) -> Path:
    """Where the run that writes `target` keeps what it has so far."""
    final = target.resolve()
    return final.parent / f".{final.name}.unfinished"


def fresh_folder(folder: Path) -> Path:
    """The folder, empty."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()
    return folder


class Shelf:
    """Arrays that blocks hand on, a file for each block; processes may share the folder.

    Keys of arrays are triples of numbers from 0 to 9.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, number: int, arrays: Mapping[tuple[int, int, int], NDArray[Any]]) -> None:
        """Keep the arrays of a block, in the place of those that were there."""
        path = self._path(number)
        if not arrays:
            path.unlink(missing_ok=True)
            return
        temporary = path.with_suffix(f".{os.getpid()}")
        with temporary.open("wb") as file:
            named: dict[str, Any] = {"".join(map(str, key)): arrays[key] for key in arrays}
            np.savez(file, **named)
        temporary.replace(path)

    def get(self, number: int, key: tuple[int, int, int]) -> NDArray[Any] | None:
        """One array of a block; None where it left none."""
        try:
            with np.load(self._path(number)) as arrays:
                found: NDArray[Any] | None = arrays.get("".join(map(str, key)))
                return found
        except FileNotFoundError:
            return None

    def has(self, number: int) -> bool:
        """Whether a block has left arrays."""
        return self._path(number).exists()

    def drop(self, number: int) -> None:
        """Forget a block's arrays: all who need them are done."""
        self._path(number).unlink(missing_ok=True)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number}.npz"


class Unfinished:
    """The folder of one run.

    finished: numbers of the blocks that are done.
    settings: what the run chose when it began, and has to choose again when it goes on.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], finished: set[int]) -> None:
        self.folder = folder
        self.settings = dict(settings)
        self.finished = finished
        self.shelf = Shelf(folder / _SHELF)

    @classmethod
    def begin(
        cls, folder: Path, identity: Mapping[str, Any], settings: Mapping[str, Any]
    ) -> Unfinished:
        """A new run in a folder that is there, and holds none.

        identity: what must not change until the run is done; plain values, named for people.
        """
        (folder / _SHELF).mkdir()
        (folder / _FINISHED).touch()
        write_json(folder / _RUN, {"identity": dict(identity), "settings": dict(settings)})
        return cls(folder, settings, set())

    @classmethod
    def go_on(cls, folder: Path, identity: Mapping[str, Any]) -> Unfinished:
        """The run that was stopped; InputError if there is none, or it was another one."""
        try:
            run = json.loads((folder / _RUN).read_text(encoding="utf-8"))
            before, settings = run["identity"], run["settings"]
            text = (folder / _FINISHED).read_text(encoding="ascii")
        except (OSError, ValueError, KeyError) as error:
            raise InputError(
                f"there is no unfinished run in {folder}; start without --resume"
            ) from error
        plain = json.loads(json.dumps(dict(identity)))
        for name in sorted(before.keys() | plain.keys()):
            if before.get(name) != plain.get(name):
                raise InputError(
                    f"the unfinished run cannot go on: {name} was {before.get(name)} and is "
                    f"{plain.get(name)}; run as before, or start again with --overwrite"
                )
        whole = text[: text.rfind("\n") + 1]  # a killed process may have left half a number
        os.truncate(folder / _FINISHED, len(whole))
        return cls(folder, settings, {int(line) for line in whole.split()})

    def finish(self, number: int) -> None:
        """Note that a block is done: its voxels and what it hands on have been written."""
        with (self.folder / _FINISHED).open("a", encoding="ascii") as file:
            file.write(f"{number}\n")
        self.finished.add(number)

    def change(self, settings: Mapping[str, Any]) -> None:
        """Settings that the run had to change on its way."""
        path = self.folder / _RUN
        run = json.loads(path.read_text(encoding="utf-8"))
        self.settings |= settings
        write_json(path, {**run, "settings": self.settings}, overwrite=True)

    @staticmethod
    def has_begun(folder: Path) -> bool:
        """Whether a run in this folder has something to go on from."""
        finished = folder / _FINISHED
        return finished.exists() and finished.stat().st_size > 0
