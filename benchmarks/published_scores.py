"""ESA, DSA and PDS against the values that BigNeuron published (Vaa3D's own).

    python benchmarks/published_scores.py DATA_DIR

DATA_DIR holds `gold/<id>.swc`, `tracers/<file>` and `published_scores.csv` with the columns id,
file, esa_1_to_2, esa_2_to_1, esa, dsa, pds (neuron 1 is the gold, neuron 2 the tracer). Prints
Markdown; exits with 1 if a median is over its limit.
"""

from __future__ import annotations

import csv
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurorecon.io.swc import read_swc
from neurorecon.metrics.tree import TreeScores, compare_trees

# The stored trees were resampled after they were scored: no implementation can do much better.
MEDIAN_LIMITS = {"ESA": 0.025, "DSA": 0.015, "PDS": 0.01}
LOOK_AT = 0.10  # relative difference from which a pair is listed


@dataclass(frozen=True)
class Pair:
    file: str
    published: dict[str, float]
    scores: TreeScores
    lone_nodes: int

    def difference(self, score: str) -> float:
        """Relative for ESA and DSA, absolute for PDS, a share."""
        computed = getattr(self.scores, score.lower()).mean
        published = self.published[score.lower()]
        return computed - published if score == "PDS" else computed / published - 1


def score_pairs(data: Path) -> list[Pair]:
    pairs = []
    with (data / "published_scores.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            gold = read_swc(data / "gold" / f"{row['id']}.swc")
            test = read_swc(data / "tracers" / row["file"])
            published = {
                name: float(value)
                for name, value in row.items()
                if name.startswith(("e", "d", "p"))
            }
            lone = int((test.degree == 0).sum())
            pairs.append(Pair(row["file"], published, compare_trees(test, gold), lone))
    return pairs


def print_medians(pairs: list[Pair]) -> bool:
    print("| score | difference | median | 90th percentile | limit for the median |")
    print("|---|---|---|---|---|")
    good = True
    for score, limit in MEDIAN_LIMITS.items():
        difference = np.abs([pair.difference(score) for pair in pairs])
        median, high = np.percentile(difference, [50, 90])
        good &= bool(median <= limit)
        kind, style = ("absolute", ".4f") if score == "PDS" else ("relative", ".2%")
        print(f"| {score} | {kind} | {median:{style}} | {high:{style}} | {limit:{style}} |")
    return good


def print_outliers(pairs: list[Pair]) -> None:
    print(
        "| tracer's file | ESA test to gold | gold to test | DSA | PDS | nodes, trees, lone nodes |"
    )
    print("|---|---|---|---|---|---|")
    for pair in pairs:
        if max(abs(pair.difference("ESA")), abs(pair.difference("DSA"))) <= LOOK_AT:
            continue
        scores = pair.scores
        columns = (
            ("esa_2_to_1", scores.esa.test_to_gold),
            ("esa_1_to_2", scores.esa.gold_to_test),
            ("dsa", scores.dsa.mean),
            ("pds", scores.pds.mean),
        )
        cells = [f"{pair.published[name]:.3f} / {computed:.3f}" for name, computed in columns]
        size = f"{scores.test.nodes}, {scores.test.trees}, {pair.lone_nodes}"
        print(f"| {' | '.join([pair.file, *cells, size])} |")


def main() -> None:
    started = time.perf_counter()
    pairs = score_pairs(Path(sys.argv[1]))
    seconds = time.perf_counter() - started
    print(f"{len(pairs)} pairs read and scored in {seconds:.1f} s.\n")
    good = print_medians(pairs)
    print(f"\nPairs whose ESA or DSA differs by more than {LOOK_AT:.0%} (published / computed):\n")
    print_outliers(pairs)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
