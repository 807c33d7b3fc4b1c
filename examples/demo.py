"""The main job on a stack that can always be made: a real neuron, imaged, traced and scored.

A projection neuron of the fruit fly, reconstructed by electron microscopy (hemibrain, Scheffer et
al. 2020; it ships with navis), is imaged as a confocal microscope would see it: blurred, coarser
along z, with noise, debris and gaps. Then neurorecon segments and traces the image without
knowing the tree, and the result is scored against it.

Usage: python examples/demo.py [FOLDER]
(FOLDER: a new one; by default demo_output, where the last demo's output is replaced)

Exit code 1 where the result is worse than it must be: F1 below 0.90 at 4 voxels, or several trees.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import navis
import numpy as np

from neurorecon.io.swc import write_swc
from neurorecon.morphology import SOMA, Morphology

NEURON = 754534424  # one piece, with its soma; 150 x 200 x 136 µm
# Flies' neurons carry hundreds of twigs without microtubules, a few µm long and 0.1 µm thin
# (Schneider-Mizell et al. 2016). Electron microscopy shows them, light microscopy does not.
TWIG_UM = 5.0
VOXEL_SIZE_ZYX_UM = ("1.2", "0.45", "0.45")  # 22 million voxels, coarser along z as confocals are
SEED = "3"
LOWEST_F1 = 0.90


def main() -> int:
    """Run the demo; the exit code."""
    started = time.perf_counter()
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "demo_output")
    if len(sys.argv) == 1:
        shutil.rmtree(folder, ignore_errors=True)  # ours alone: the last demo's output
    folder.mkdir(parents=True)

    neuron = folder / "neuron.swc"
    write_swc(neuron, example_neuron())
    simulated = folder / "simulated"
    size = ("--voxel-size", *VOXEL_SIZE_ZYX_UM)
    [stack] = neurorecon("simulate", neuron, "--out", simulated, *size, "--seed", SEED)
    truth = simulated / "neuron.swc"

    [segmentation] = neurorecon("segment", stack, "--out", folder / "segmentation.tif")
    preview = folder / "preview.png"
    out = ("--out", folder / "reconstruction.swc", "--preview", preview)
    trees = neurorecon("trace", segmentation, *out)
    scores = json.loads("\n".join(neurorecon("evaluate", trees[0], truth, "--json")))
    picture = folder / "reconstruction.png"
    neurorecon("view", stack, *trees, "--out", picture)

    print(f"""
stack           {stack}
truth           {truth}
segmentation    {segmentation}
reconstruction  {", ".join(trees)}
pictures        {preview} (segmentation and tree), {picture} (stack and tree)

trees           {len(trees)} (expected 1)
F1              {scores["length_f1"]:.3f} at {scores["tolerance"]:g} {scores["unit"]}s\
 (precision {scores["length_precision"]:.3f}, recall {scores["length_recall"]:.3f};\
 at least {LOWEST_F1:.2f} expected)
ESA             {scores["esa"]:.2f} {scores["unit"]}s (mean distance between the two trees)
time            {time.perf_counter() - started:.0f} s""")
    if len(trees) != 1 or scores["length_f1"] < LOWEST_F1:
        print("the demo FAILED: the result is worse than expected", file=sys.stderr)
        return 1
    return 0


def example_neuron() -> Morphology:
    """The neuron without its twigs, in µm; navis has it in units of 8 nm."""
    whole = navis.example_neurons(kind="skeleton").idx[NEURON].convert_units("um")
    neuron = navis.prune_twigs(whole, TWIG_UM)
    nodes = neuron.nodes
    row = {node: index for index, node in enumerate(nodes.node_id)}
    return Morphology(
        nodes[["z", "y", "x"]].to_numpy(float),
        nodes.radius.to_numpy(float),
        nodes.parent_id.map(row).fillna(-1).to_numpy(int),
        np.where(nodes.label.astype(int) == SOMA, SOMA, 0),  # navis also labels forks and tips
        unit="um",
    )


def neurorecon(*arguments: object) -> list[str]:
    """Run a command as a user would, show it, and return the lines that it prints."""
    words = [str(argument) for argument in arguments]
    print("$ neurorecon", shlex.join(words), flush=True)
    command = [sys.executable, "-m", "neurorecon", *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)
    return done.stdout.splitlines()


if __name__ == "__main__":
    sys.exit(main())
