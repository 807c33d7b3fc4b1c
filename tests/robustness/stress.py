"""All cases of tests/robustness and of the documentation, and the table that they fill.

    python tests/robustness/stress.py [--only NAME ...]

Writes the table into docs/reliability.md, between its two marks. --only: files of tests, a part.
What passed is kept in build/stress/COMMIT.tsv, so that it goes on there when started again.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
_NONE_LEFT = 5  # pytest's exit code
TESTS = (
    *(f"robustness/test_{name}.py" for name in ("malformed", "kills", "surroundings", "terminal")),
    "test_docs.py",
)


def main() -> None:
    """Run, write the table, and fail where a test did."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", default=TESTS, help="files below tests/")
    options = parser.parse_args()
    started = datetime.now(UTC)
    record = ROOT / "build" / "stress" / f"{_commit()}.tsv"
    record.parent.mkdir(parents=True, exist_ok=True)
    record.touch()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *(f"tests/{name}" for name in options.only)],
        cwd=ROOT,
        env={**os.environ, "NEURORECON_STRESS_RECORD": str(record)},
        check=False,
    )
    rows = [line.split("\t")[1:] for line in record.read_text(encoding="utf-8").splitlines()]
    passed = done.returncode in (0, _NONE_LEFT)
    write_table(rows, started, passed)
    sys.exit(0 if passed else done.returncode)


def _commit() -> str:
    revision = ["git", "rev-parse", "--short", "HEAD"]
    done = subprocess.run(revision, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def write_table(rows: list[list[str]], started: datetime, all_passed: bool) -> None:
    """Put the rows between the marks of the page."""
    verdict = "all passed" if all_passed else "**some failed**: rows that failed are not listed"
    text = [
        f"{started:%Y-%m-%d}, commit {_commit()}, Python {platform.python_version()}, "
        f"{os.cpu_count()} processor cores; {verdict}.",
        "",
        "| row | cases | of them |",
        "|---|---|---|",
    ]
    grouped: dict[str, list[str]] = defaultdict(list)
    counts: Counter[str] = Counter()
    for name, what, tried, remark in rows:
        cell = f"{what}: {tried}{f' ({remark})' if remark else ''}"
        grouped[name].append(cell.replace("|", "\\|"))
        counts[name] += int(tried)
    text += [f"| {name} | {counts[name]} | {'; '.join(parts)} |" for name, parts in grouped.items()]
    page = PAGE.read_text(encoding="utf-8")
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n" + "\n".join(text) + f"\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
