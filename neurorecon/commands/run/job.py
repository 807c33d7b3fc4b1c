"""One stack of a run: what its outputs are called, and the record that tells what made them."""

from __future__ import annotations

import glob
import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurorecon import __version__
from neurorecon.errors import InputError
from neurorecon.io.address import is_pattern, split_address
from neurorecon.io.stack import stack_stem
from neurorecon.io.tomlfile import read_toml, write_toml

SEGMENTATION = "_seg.tif"
_ENDINGS = (SEGMENTATION, ".swc", ".csv", ".json", ".png", ".html")
RECORD = ".options.toml"
# Where and how fast the work is done; the same result is not made again for them.
_HOW = {"device", "batch-size", "max-memory", "dask", "workers", "resume"}

Record = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """A stack and what is to be done with it.

    name: what its outputs in `folder` begin with.
    options: of the steps, by command, as a config file holds them.
    model: hash of the network's file.
    """

    stack: Path
    name: str
    folder: Path
    options: Mapping[str, Mapping[str, Any]]
    model: str

    def output(self, ending: str) -> Path:
        """The output with this ending."""
        return self.folder / f"{self.name}{ending}"

    @property
    def record(self) -> Path:
        """The options of this job, as `--config` takes them, and what was made with them."""
        return self.output(RECORD)

    def read_record(self) -> Record:
        """What the last run wrote; empty where there was none, or it cannot be understood."""
        try:
            content = read_toml(self.record)
        except (InputError, OSError):
            return {}
        return content if isinstance(content.get("made"), dict) else {}

    def write_record(
        self, finished: bool, outputs: Sequence[Path], source: str, seconds: float, comment: str
    ) -> None:
        """Write the record, over that of an earlier run. source: fingerprint of the stack."""
        made = {
            "by": f"neurorecon {__version__}",
            "stack": str(self.stack),
            "finished": finished,
            "seconds": round(seconds, 1),
            "source": source,
            "model": self.model,
            "outputs": {path.name: fingerprint(path) for path in outputs},
        }
        write_toml(self.record, {**self.options, "made": made}, comment, overwrite=True)

    def is_done(self, record: Record, source: str) -> bool:
        """Whether the outputs are those of this stack with these options."""
        made = record.get("made", {})
        return (
            bool(made.get("finished"))
            and made.get("source") == source
            and made.get("model") == self.model
            and all(self._same_options(record, name) for name in self.options)
            and bool(made["outputs"])
            and all((self.folder / name).exists() for name in made["outputs"])
        )

    def has_segmentation(self, record: Record, source: str) -> bool:
        """Whether the segmentation at least is that of this stack with these options."""
        made, path = record.get("made", {}), self.output(SEGMENTATION)
        return (
            made.get("source") == source
            and made.get("model") == self.model
            and self._same_options(record, "segment")
            and path.exists()
            and made.get("outputs", {}).get(path.name) == fingerprint(path)
        )

    def _same_options(self, record: Record, command: str) -> bool:
        before, now = record.get(command, {}), self.options[command]
        return all(before.get(key) == now.get(key) for key in {*before, *now} - _HOW)

    def not_ours(self, record: Record) -> list[Path]:
        """Files in the way that no run wrote, or that were changed since one did."""
        made = record.get("made", {})
        there = [path for ending in _ENDINGS if (path := self.output(ending)).exists()]
        if not made and self.record.exists():
            return [self.record, *there]
        if made and not made.get("finished"):
            return []  # a run that was cut off was about to tell what it had written
        known = made.get("outputs", {})
        return [path for path in there if known.get(path.name) != fingerprint(path)]


def name_jobs(stacks: Sequence[Path]) -> list[str]:
    """What the outputs of each stack are called: its name, with its folder's where names repeat.

    Raises InputError where two stacks would still be called alike.
    """
    for stack, count in Counter(stacks).items():
        if count > 1:
            raise InputError(f"{stack} is named {count} times; name it once")
    names = [stack_stem(stack) for stack in stacks]
    again = {name for name, count in Counter(names).items() if count > 1}
    names = [
        f"{split_address(stack)[0].resolve().parent.name}_{name}" if name in again else name
        for stack, name in zip(stacks, names, strict=True)
    ]
    for name, count in Counter(names).items():
        if count > 1:
            same = [str(s) for s, other in zip(stacks, names, strict=True) if other == name]
            raise InputError(
                f"{same[0]} and {same[1]} would both be called {name}; give each a --out of its own"
            )
    return names


def fingerprint(path: Path) -> str:
    """Changes whenever a file, or one that a folder or a pattern holds, is written again."""
    digest = hashlib.sha256(split_address(path)[1].encode(errors="surrogateescape"))
    for file in _files(path):
        state = file.stat()
        told = f"{file.name}\0{state.st_size}\0{state.st_mtime_ns}\0"
        digest.update(told.encode(errors="surrogateescape"))
    return digest.hexdigest()[:32]


def content_hash(path: Path) -> str:
    """Of a file that is small enough to be read again and again."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(path: Path) -> Iterator[Path]:
    if is_pattern(path):
        yield from map(Path, sorted(glob.glob(str(path))))  # noqa: PTH207  # may be absolute
        return
    on_disk = split_address(path)[0]
    if not on_disk.is_dir():
        yield on_disk
        return
    for folder, folders, names in os.walk(on_disk):
        folders.sort()
        yield from (Path(folder, name) for name in sorted(names))
