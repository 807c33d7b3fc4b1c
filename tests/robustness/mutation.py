"""How files break: mutators by kind of file, each drawn at random from a seed.

`malformed` mutators leave nothing that could be read as meant: the file must be refused. `noise`
mutators may hit a place where any value is a value, so that the file may still be read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

Mutate = Callable[[Path, Random], None]


@dataclass(frozen=True)
class Mutator:
    """kinds: of files that it can break; malformed: whether what it leaves must be refused."""

    name: str
    kinds: frozenset[str]
    malformed: bool
    mutate: Mutate


MUTATORS: list[Mutator] = []
BYTES = ("tiff", "model", "file")  # kinds of one binary file
TEXTS = ("swc", "pairs", "cases", "verdicts")


def mutator(*kinds: str, malformed: bool = True) -> Callable[[Mutate], Mutate]:
    """Register the decorated function."""

    def register(mutate: Mutate) -> Mutate:
        name = mutate.__name__.replace("_", " ")
        MUTATORS.append(Mutator(name, frozenset(kinds), malformed, mutate))
        return mutate

    return register


def mutators_of(kind: str, malformed: bool) -> list[Mutator]:
    """Those of one kind of file."""
    return [one for one in MUTATORS if kind in one.kinds and one.malformed == malformed]


@mutator(*BYTES, *TEXTS)
def emptied(path: Path, rng: Random) -> None:
    path.write_bytes(b"")


@mutator(*BYTES)
def cut_short(path: Path, rng: Random) -> None:
    # Not in the last bytes: a few formats end with padding.
    content = path.read_bytes()
    path.write_bytes(content[: rng.randrange(1, len(content) * 9 // 10)])


@mutator(*BYTES, *TEXTS)
def another_format(path: Path, rng: Random) -> None:
    starts = [b"\x89PNG\r\n\x1a\n", b"%PDF-1.7\n", b"PK\3\4", b"\x1f\x8b\x08\0", b"\x7fELF", b"\0"]
    path.write_bytes(rng.choice(starts) + rng.randbytes(3000) + b"\0")


@mutator(*BYTES, "swc", "pairs", "cases", "verdicts", malformed=False)
def bits_flipped(path: Path, rng: Random) -> None:
    content = bytearray(path.read_bytes())
    reach = rng.choice([64, 512, len(content)])
    for _ in range(rng.randint(1, 12)):
        content[rng.randrange(min(reach, len(content)))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


@mutator(*BYTES, "swc", "pairs", "cases", "verdicts", malformed=False)
def a_block_overwritten(path: Path, rng: Random) -> None:
    content = bytearray(path.read_bytes())
    start = rng.randrange(len(content))
    stop = min(start + rng.choice([4, 16, 200]), len(content))
    filling = rng.choice([b"\0", b"\xff", b"\x80", b"0"]) * (stop - start)
    content[start:stop] = rng.choice([filling, rng.randbytes(stop - start)])
    path.write_bytes(content)


@mutator(*BYTES, "swc", "pairs", "cases", "verdicts", malformed=False)
def bytes_lost_or_added(path: Path, rng: Random) -> None:
    content = path.read_bytes()
    start = rng.randrange(len(content))
    if rng.random() < 0.5:
        content = content[:start] + content[start + rng.randint(1, 40) :]
    else:
        content = content[:start] + rng.randbytes(rng.randint(1, 40)) + content[start:]
    path.write_bytes(content)


@mutator("swc", "pairs", "cases", "verdicts", malformed=False)
def lines_shuffled(path: Path, rng: Random) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    rng.shuffle(lines)
    path.write_bytes(b"".join(lines))


@mutator(*TEXTS, malformed=False)
def another_encoding(path: Path, rng: Random) -> None:
    codec = rng.choice(["utf-16", "utf-32-le", "utf-8-sig", "utf-7"])
    path.write_bytes(path.read_text().encode(codec))
