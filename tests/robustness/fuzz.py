"""Random damage to what one reader reads, for as long as there is time: see `make fuzz`.

    python tests/robustness/fuzz.py READER [--seconds 1800] [--seed 0]

With atheris installed, coverage guides the damage; without it, the mutators of the tests and bytes
drawn at random do. A crash is any exception but the package's own, a call that takes over 10 s, or
one that holds more than 1 GiB. The input that did it is written to fuzz_crash_READER. Seconds are
of the processor (with atheris, of the clock). Linux only.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parent))
import corpus
import mutation
import mutation_model
import mutation_text
import mutation_tiff
import mutation_zarr

from neurorecon.errors import NeuroreconError
from neurorecon.io.checkpoint import load_checkpoint
from neurorecon.io.doubts import read_verdicts
from neurorecon.io.pairs import find_pairs
from neurorecon.io.stack import describe_stack, read_volume
from neurorecon.io.swc import read_swc

MOST_SECONDS, MOST_MIB = 10, 1024
MOST_MIB_OF_ATHERIS = 4096  # with what its instruments take
assert mutation_model and mutation_text and mutation_tiff and mutation_zarr  # registers them


def _read_stack(path: Path) -> None:
    describe_stack(path)
    read_volume(path)


def _peak_mib(from_now: bool = False) -> float:
    """The most that the process has held, since the start or the last time with `from_now`.

    Damage is made in this process, too, and a file that unpacks to 3 GiB takes that to make.
    """
    if from_now:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    (kib,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(kib) / 1024


READERS: dict[str, Callable[[Path], object]] = {
    "tiff": _read_stack,
    "zarr": _read_stack,
    "file": _read_stack,
    "swc": read_swc,
    "model": load_checkpoint,
    "pairs": find_pairs,
    "verdicts": read_verdicts,
}


class Fuzzer:
    """Feeds one reader. tried, refused: inputs so far, and those that ended in a message."""

    def __init__(self, reader: str, folder: Path) -> None:
        self.reader, self.tried, self.refused = reader, 0, 0
        self._read = READERS[reader]
        self._samples = [one for one in corpus.SAMPLES if one.kind == reader]
        self._folder = folder
        corpus.write_companions(folder)  # files that training pairs name
        self._valid = []
        for number, one in enumerate(self._samples):
            path = folder / f"valid{number}{one.suffix}"
            one.write(path)
            self._valid.append(path)

    def try_path(self, path: Path) -> None:
        """Read one file; any exception but ours goes up."""
        started, before = time.process_time(), _peak_mib(from_now=True)
        self.tried += 1
        try:
            self._read(path)
        except NeuroreconError as error:
            self.refused += 1
            if "\n" in str(error):
                raise AssertionError(f"not one line: {error}") from error
        seconds = time.process_time() - started
        assert seconds < MOST_SECONDS, f"took {seconds:.1f} s"
        held = _peak_mib() - before
        assert held < MOST_MIB, f"holds {held:.0f} MiB"

    def try_bytes(self, content: bytes) -> None:
        """As `try_path`, of bytes that atheris made; the first says as what they are named."""
        one = self._samples[content[0] % len(self._samples) if content else 0]
        path = self._folder / f"fuzzed{one.suffix}"
        path.write_bytes(content[1:])
        self.try_path(path)

    def draw(self, rng: Random) -> Path:
        """A damaged copy of a valid file; damage is often done twice."""
        number = rng.randrange(len(self._samples))
        path = self._folder / f"drawn{self._samples[number].suffix}"
        _copy(self._valid[number], path)
        kinds = [one for one in mutation.MUTATORS if self.reader in one.kinds]
        for _ in range(rng.choice([1, 1, 2, 3])):
            try:
                rng.choice(kinds).mutate(path, rng)
            except Exception:  # a mutator that needs what another one broke
                break
        return path

    def seeds(self, folder: Path) -> None:
        """The valid files as atheris wants them: a folder of bytes."""
        for number, path in enumerate(self._valid):
            (folder / str(number)).write_bytes(bytes([number]) + path.read_bytes())


def _copy(source: Path, target: Path) -> None:
    import shutil

    if target.is_dir():
        shutil.rmtree(target)
    (shutil.copytree if source.is_dir() else shutil.copyfile)(source, target)


def by_seed(fuzzer: Fuzzer, seconds: float, seed: int) -> None:
    """Mutators of the tests until as much time of the processor is over."""
    rng, end = Random(seed), time.process_time() + seconds
    while time.process_time() < end:
        path = fuzzer.draw(rng)
        try:
            fuzzer.try_path(path)
        except BaseException:
            _copy(path, Path(f"fuzz_crash_{fuzzer.reader}"))
            raise


def by_coverage(fuzzer: Fuzzer, seconds: float, seed: int, folder: Path) -> None:
    """Atheris until the time is over; it ends the process itself."""
    import atheris

    seeds = folder / "seeds"
    seeds.mkdir()
    fuzzer.seeds(seeds)
    atheris.instrument_all()
    options = [f"-max_total_time={int(seconds)}", f"-seed={seed + 1}", f"-timeout={MOST_SECONDS}"]
    options += [
        f"-rss_limit_mb={MOST_MIB_OF_ATHERIS}",
        f"-artifact_prefix=fuzz_crash_{fuzzer.reader}_",
    ]
    atheris.Setup([sys.argv[0], *options, str(seeds)], fuzzer.try_bytes)
    atheris.Fuzz()


def main() -> None:
    """Parse the command line, fuzz, and say how many inputs it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reader", choices=READERS)
    parser.add_argument("--seconds", type=float, default=1800)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--atheris", action="store_true", help="let coverage guide the damage")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        fuzzer = Fuzzer(options.reader, Path(name))
        if options.atheris:
            by_coverage(fuzzer, options.seconds, options.seed, Path(name))
        else:
            by_seed(fuzzer, options.seconds, options.seed)
        print(
            f"{fuzzer.reader}: {fuzzer.tried:,} inputs, {fuzzer.refused:,} refused, no crash; "
            f"{time.process_time() / 60:.0f} min of processor time"
        )


if __name__ == "__main__":
    main()
