"""Scores as other packages compute them, printed as JSON: run by `independent_scores.py`.

Runs in an environment of its own, because these packages ask for old or heavy dependencies:

    python -m venv other
    other/bin/pip install pyneval==1.1.1 "numpy<2" setuptools networkx scipy tqdm
    other/bin/pip install --no-deps swclib==0.1.0 segmentation-skeleton-metrics==5.9.14

Usage: python independent_packages.py PAIRS.json
PAIRS.json: {"trees": [[test.swc, gold.swc], ...], "labels": [{"edges", "xyz", "labels"}, ...],
"diadem": {limits}}.
"""

import json
import sys
import types
from pathlib import Path

import numpy as np

sys.setrecursionlimit(1_000_000)  # PyNeval and swclib walk trees recursively


def pyneval_scores(test: str, gold: str, limits: dict[str, float]) -> dict[str, object]:
    from pyneval.metric.critical_node_metric import CriticalNodeMetric
    from pyneval.metric.diadem_metric import diadem_metric
    from pyneval.metric.ssd_metric import SsdMetric
    from pyneval.pyneval_io.swc_io import read_swc_tree

    def trees():
        return read_swc_tree(gold), read_swc_tree(test)

    unscaled = {"scale": [1, 1, 1], "debug": False}
    ssd = SsdMetric(
        unscaled | {"threshold_mode": 1, "ssd_threshold": 2.0, "up_sample_threshold": 1.0}
    ).run(*trees())[0]
    colours = {"true_positive": 3, "missed": 4, "excess": 5}
    critical_nodes = CriticalNodeMetric(
        unscaled | colours | {"distance_threshold": 5.0, "critical_type": 1}
    )
    try:
        critical = critical_nodes.run(*trees())[0]
    except ZeroDivisionError:  # no node matched
        critical = None
    options = {"weight_mode": 1, "remove_spur": 0, "count_excess_nodes": True}
    options |= {"align_tree_by_root": False, "find_proper_root": True}
    try:
        diadem = diadem_metric(*trees(), unscaled | options | limits)[0]["diadem_score"]
    except Exception as error:  # PyNeval stumbles over some trees
        diadem = f"{type(error).__name__}"
    return {"ssd": ssd, "critical": critical, "diadem": diadem}


def swclib_scores(test: str, gold: str) -> dict[str, object]:
    for name in ("rasterio", "cv2", "miniball"):  # of its image tools, which are not used here
        sys.modules.setdefault(name, types.ModuleType(name))
    from swclib.metrics.keypoint_metric import KeypointMetric

    return {
        "keypoints": {
            key: float(value)
            for key, value in KeypointMetric(threshold_dis=5, scale=(1, 1, 1))
            .run(gold, test)
            .items()
        }
    }


def skeleton_scores(case: dict[str, list]) -> dict[str, float]:
    from segmentation_skeleton_metrics.datamodules.graph_classes import LabeledGraph
    from segmentation_skeleton_metrics.skeleton_metrics import (
        ERLMetric,
        MergedEdgePercentMetric,
        OmitEdgePercentMetric,
        OmitLengthsMetric,
        SplitEdgePercentMetric,
    )

    graphs = {}
    for name, (edges, zyx, labels) in enumerate(
        zip(case["edges"], case["zyx"], case["labels"], strict=True)
    ):
        graph = LabeledGraph(name=str(name))
        graph.set_nodes(len(zyx))
        graph.add_edges_from(edges)
        graph.set_voxels(zyx)
        graph.init_node_labels()
        graph.node_label[:] = [str(label) for label in labels]
        ends = np.array(zyx)[np.array(edges)]
        graph.run_length = float(np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1).sum())
        graph.fix_label_misalignments()
        graphs[str(name)] = graph
    metrics = {
        "splits": OmitLengthsMetric,
        "split": SplitEdgePercentMetric,
        "omitted": OmitEdgePercentMetric,
        "merged": MergedEdgePercentMetric,
        "erl": ERLMetric,
    }
    results = {}
    for name, metric in metrics.items():
        table = metric(verbose=False)(graphs)
        results[name] = [float(value) for value in table.iloc[:, 0]]
    return results


def main() -> None:
    cases = json.loads(Path(sys.argv[1]).read_text())
    print(
        json.dumps(
            {
                "pyneval": [pyneval_scores(*pair, cases["diadem"]) for pair in cases["trees"]],
                "swclib": [swclib_scores(*pair) for pair in cases["trees"]],
                "skeletons": [skeleton_scores(case) for case in cases["labels"]],
            }
        )
    )


if __name__ == "__main__":
    main()
