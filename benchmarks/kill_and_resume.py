"""A run of `segment` that is killed again and again ends with the bytes of one that was not.

    python benchmarks/kill_and_resume.py [--kills N] [--model NAME] [--folder DIR] [--seed S]

The stack is the OME-Zarr of 1 GB of `large_segment`. The processes of the killed run get SIGKILL
after so many finished blocks and so much of a second, both drawn at random; the next goes on with
`--resume`, the last one to the end. Compared: the names and bytes of all files of the output.
Prints Markdown; exit code 1 where they differ.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from large_segment import stack_in
from tracing_large import row

from neurorecon.io.unfinished import unfinished_folder


def digest(store: Path) -> str:
    """Of the names and bytes of all files of a store."""
    found = hashlib.sha256()
    for path in sorted(store.rglob("*")):
        if path.is_file():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            found.update(f"{path.relative_to(store)} {content}\n".encode())
    return found.hexdigest()[:16]


def blocks_done(target: Path) -> int:
    """Blocks that the run to this target has finished so far."""
    finished = unfinished_folder(target) / "finished"
    return finished.read_text().count("\n") if finished.exists() else 0


def run(command: list[str], target: Path, kill_at: int | None = None, delay_s: float = 0) -> int:
    """Run, and kill at so many finished blocks of all; how many were seen finished."""
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    seen = 0
    while process.poll() is None:
        seen = max(seen, blocks_done(target))
        if kill_at is not None and seen >= kill_at:
            time.sleep(delay_s)
            process.kill()
            process.wait()
            return blocks_done(target)
        time.sleep(0.01)
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}")
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--model", default="default")
    parser.add_argument("--folder", type=Path, help="where the stack is, or is made")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        whole, part = folder / "whole.zarr", folder / "killed.zarr"
        stack = stack_in(folder, 1, options.seed)
        command = [sys.executable, "-m", "neurorecon", "segment", str(stack)]
        command += ["--model", options.model, "--overwrite", "--out"]
        count = run([*command, str(whole)], whole)
        row("process", "blocks finished at its end", "ended by")
        row(*["---"] * 3)
        row("the whole run", f"all, {count} or so", "itself")
        moments = random.Random(options.seed)
        how: list[str] = []
        for number, kill_at in enumerate(sorted(moments.sample(range(1, count), options.kills)), 1):
            delay_s = moments.uniform(0, 0.5)
            done = run([*command, str(part), *how], part, kill_at, delay_s)
            row(number, done, f"SIGKILL {delay_s:.2f} s after block {kill_at}")
            how = ["--resume"]
        run([*command, str(part), *how], part)
        row("last", "all", "itself")
        outputs = [digest(whole), digest(part)]
    print(f"\nOutputs, SHA-256 of names and bytes: {outputs[0]} and {outputs[1]}.")
    sys.exit(0 if outputs[0] == outputs[1] else 1)


if __name__ == "__main__":
    main()
