"""Drawn neurites as segmentations and micrographs, and `neurorecon trace` run on them."""

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from typer.testing import CliRunner

from neurorecon.cli.app import app
from neurorecon.geometry import tree_distance
from neurorecon.io.swc import read_swc
from neurorecon.morphology import Morphology

SHAPE = (24, 60, 90)


def line(*points_zyx, radius=2.0) -> Morphology:
    points = np.asarray(points_zyx, float)
    n = len(points)
    return Morphology(points, np.full(n, radius), np.arange(n) - 1, np.zeros(n, int))


NEURITE = line((12, 10, 8), (10, 30, 45), (14, 50, 80))


def drawn(*trees: Morphology, shape=SHAPE) -> np.ndarray:
    """1 inside the tubes, falling off over a voxel around them, as a network's output does."""
    inside = np.zeros(shape, np.float32)
    for tree in trees:
        distance = tree_distance(tree, tree.radius, shape, (1, 1, 1), reach=3.0)
        np.maximum(inside, 1 / (1 + np.exp(np.clip(4 * distance, -30, 30))), out=inside)
    return inside


def micrograph(*trees: Morphology, bits=8, seed=1) -> np.ndarray:
    """Blurred tubes over a background with noise."""
    rng = np.random.default_rng(seed)
    brightness = 10 + 90 * gaussian_filter(drawn(*trees), 1.0)
    return np.clip(rng.normal(brightness, 3), 0, 255) * (1 if bits == 8 else 40)


def run(*arguments, stdin: str | None = None):
    return CliRunner().invoke(app, ["trace", *map(str, arguments)], input=stdin)


def length_near(swc: Path, truth: Morphology, within: float = 2.0) -> float:
    """Share of a traced tree's nodes that lie near the truth."""
    tree = read_swc(swc)
    steps = np.linspace(0, 1, 200)[:, None]
    ends = zip(truth.point_zyx[:-1], truth.point_zyx[1:], strict=True)
    points = np.concatenate([a + steps * (b - a) for a, b in ends])
    apart = np.linalg.norm(tree.point_zyx[:, None] - points[None], axis=2).min(axis=1)
    return float((apart <= within).mean())


def check_traced(result, swc: Path, truth: Morphology = NEURITE) -> None:
    assert result.exit_code == 0, result.stderr
    assert read_swc(swc).length == pytest.approx(truth.length, rel=0.12)
    assert length_near(swc, truth) > 0.95
