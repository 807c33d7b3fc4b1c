"""Scores against other packages' on the same trees, as a Markdown table.

    python benchmarks/independent_scores.py DATA_DIR OTHER_PYTHON [DIADEM_EXAMPLE_DIR]

DATA_DIR holds `gold/<id>.swc` and `tracers/<id>/*.swc`. OTHER_PYTHON is the interpreter of an
environment with PyNeval, swclib and segmentation-skeleton-metrics, as the head of
`independent_packages.py` says. DIADEM_EXAMPLE_DIR holds ExampleGoldStandard.swc and ExampleTest.swc
of the DIADEM metric's own download (PyNeval's repository has them too).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from neurorecon.io.swc import read_swc
from neurorecon.metrics.critical import compare_critical_nodes
from neurorecon.metrics.diadem import compare_diadem
from neurorecon.metrics.diadem_scoring import DiademScoring
from neurorecon.metrics.labelling import LabelledTree
from neurorecon.metrics.run_length import compare_runs
from neurorecon.metrics.substantial import compare_substantial
from neurorecon.morphology import Morphology

# Pairs that PyNeval, which is slow, scores in seconds
LARGEST = 100_000  # bytes of both files
EVERY = 12  # of those pairs
DIADEM = DiademScoring()
PYNEVAL_DIADEM = {
    "xy_threshold": DIADEM.xy_threshold,
    "z_threshold": DIADEM.z_threshold,
    "default_xy_path_error_threshold": DIADEM.xy_path_error,
    "default_z_path_error_threshold": DIADEM.z_path_error,
    "local_path_error_threshold": DIADEM.local_path_error,
}


def tree_pairs(data: Path) -> list[tuple[Path, Path]]:
    pairs = [
        (test, data / "gold" / f"{test.parent.name}.swc")
        for test in sorted((data / "tracers").glob("*/*.swc"))
    ]
    small = [pair for pair in pairs if sum(file.stat().st_size for file in pair) < LARGEST]
    return small[::EVERY]


def labelled_trees(seed: int, with_gaps: bool) -> list[LabelledTree]:
    """Two neurons with nodes one voxel apart, cut into segments of their own and a shared one.

    Every segment is of one piece: of several, the package looks at the first alone.
    """
    random = np.random.default_rng(seed)
    trees = []
    for neuron in range(2):
        count = 400
        parent = np.arange(-1, count - 1)
        label = np.zeros(count, np.int64)
        if not with_gaps:  # forks where a segment ends; the package counts gaps at forks otherwise
            forks = np.flatnonzero(random.random(count - 100) < 0.02)[1:]
            parent[forks] = (random.random(len(forks)) * forks).astype(int)
        point = np.zeros((count, 3))
        for row in range(1, count):
            step = np.zeros(3)
            step[random.integers(3)] = random.choice([-1, 1])
            point[row] = point[parent[row]] + step
        segment = 100 * (neuron + 1)
        for row in range(count):
            new = row == 0 or random.random() < 0.01 or parent[row] != row - 1
            segment += int(new)
            label[row] = segment if new else label[row - 1]
        label[(label > 0) & (label == label[-1])] = 7  # the last segment of both is one: a merge
        label[-60:] = 7
        if with_gaps:
            for start in np.flatnonzero(label[1:] != label[:-1])[:-1:2]:
                label[start : start + 2] = 0
        trees.append(
            LabelledTree(
                Morphology(point, np.ones(count), parent, np.zeros(count, np.int64)), label
            )
        )
    return trees


def ask_others(
    python: str, pairs: list[tuple[Path, Path]], labelled: list[list[LabelledTree]]
) -> dict[str, list]:
    cases = {
        "trees": [[str(file) for file in pair] for pair in pairs],
        "labels": [
            {
                "edges": [tree.tree.edges.tolist() for tree in trees],
                "zyx": [tree.tree.point_zyx.astype(int).tolist() for tree in trees],
                "labels": [tree.label.tolist() for tree in trees],
            }
            for trees in labelled
        ],
        "diadem": PYNEVAL_DIADEM,
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "cases.json"
        file.write_text(json.dumps(cases))
        script = Path(__file__).with_name("independent_packages.py")
        answer = subprocess.run(
            [python, str(script), str(file)], check=True, stdout=subprocess.PIPE, text=True
        )
    return json.loads(answer.stdout.splitlines()[-1])


def print_trees(pairs: list[tuple[Path, Path]], pyneval: list[dict], swclib: list[dict]) -> None:
    rows: dict[str, list[float]] = {}
    diadem = []
    for (test_file, gold_file), other, keypoints in zip(pairs, pyneval, swclib, strict=True):
        test, gold = read_swc(test_file), read_swc(gold_file)
        ssd = compare_substantial(test, gold)
        nodes = compare_critical_nodes(test, gold, 5.0)
        for name, ours, theirs in (
            ("SSD (PyNeval)", ssd.ssd.mean, other["ssd"]["ssd_score"]),
            ("SSD precision (PyNeval)", ssd.agreement.precision, other["ssd"]["precision"]),
            ("SSD recall (PyNeval)", ssd.agreement.recall, other["ssd"]["recall"]),
            ("critical nodes matched (swclib)", nodes.matched, keypoints["keypoints"]["TP"]),
        ):
            rows.setdefault(name, []).append(abs(ours - theirs))
        critical = other["critical"] or {"true_pos_num": 0}
        rows.setdefault("critical nodes matched (PyNeval)", []).append(
            abs(nodes.matched - critical["true_pos_num"])
        )
        if isinstance(other["diadem"], float):
            diadem.append((compare_diadem(test, gold, DIADEM).score, other["diadem"]))
    print("| score | pairs | equal within 1e-4 | largest difference |\n|---|---|---|---|")
    for name, differences in rows.items():
        equal = sum(difference < 1e-4 for difference in differences)
        print(f"| {name} | {len(differences)} | {equal} | {max(differences):.3g} |")
    ours, theirs = np.transpose(diadem)
    equal = int((np.abs(ours - theirs) < 1e-4).sum())
    largest = np.abs(ours - theirs).max()
    print(f"| DIADEM (PyNeval) | {len(diadem)} | {equal} | {largest:.3g} |")
    print(f"\nDIADEM, mean: {ours.mean():.3f}, PyNeval's {theirs.mean():.3f}.\n")


def print_labels(labelled: list[list[LabelledTree]], others: list[dict], title: str) -> None:
    print(f"\n{title}\n\n| score | neurons | equal | largest difference |\n|---|---|---|---|")
    rows: dict[str, list[float]] = {}
    for trees, other in zip(labelled, others, strict=True):
        scores = compare_runs(trees).neurons
        for number, score in enumerate(scores):
            for name, ours in (
                ("splits", score.splits),
                ("split", 100 * score.split / score.edges),
                ("omitted", 100 * score.omitted / score.edges),
                ("merged", 100 * score.merged / score.edges),
                ("erl", score.run_length),
            ):
                rows.setdefault(name, []).append(abs(ours - other[name][number]))
    labels = {"split": "split edges, %", "omitted": "omitted edges, %"}
    labels |= {"merged": "merged edges, %", "erl": "ERL (rounded to 0.01 there)"}
    for name, differences in rows.items():
        equal = sum(difference < 0.0051 for difference in differences)
        label = labels.get(name, name)
        print(f"| {label} | {len(differences)} | {equal} | {max(differences):.3g} |")


def print_diadem_example(folder: Path) -> None:
    limits = DiademScoring(3.94, 5.0, z_scale=3.034, spur_length=6.0)
    test, gold = (
        read_swc(folder / name) for name in ("ExampleTest.swc", "ExampleGoldStandard.swc")
    )
    scores = compare_diadem(test, gold, limits)
    print(f"\nDIADEM's own example: {scores.score:.3f} (published 0.987), {scores.missed} missed")
    print(f"(published 3), {scores.excess} in excess (published 3).")


def main() -> None:
    data, python = Path(sys.argv[1]), sys.argv[2]
    pairs = tree_pairs(data)
    whole = [labelled_trees(seed, with_gaps=False) for seed in range(10)]
    gaps = [labelled_trees(seed, with_gaps=True) for seed in range(10)]
    others = ask_others(python, pairs, whole + gaps)
    print_trees(pairs, others["pyneval"], others["swclib"])
    print_labels(
        whole, others["skeletons"][: len(whole)], "Labelled trees (segmentation-skeleton-metrics)"
    )
    print_labels(gaps, others["skeletons"][len(whole) :], "Labelled neurites with gaps")
    if len(sys.argv) > 3:
        print_diadem_example(Path(sys.argv[3]))


if __name__ == "__main__":
    main()
