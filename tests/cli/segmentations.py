"""Segmentations for the tests of `neurorecon trace`, and the command itself."""

from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from neurorecon.cli.app import app
from neurorecon.geometry import tree_distance
from neurorecon.io.tiff_writer import write_probability
from neurorecon.morphology import Morphology
from neurorecon.volume import Grid

SIZE = (2.0, 1.0, 0.5)
ORIGIN = (40.0, 0.0, 10.0)
SHAPE = (16, 40, 120)


def tube(*points_zyx) -> Morphology:
    points = np.asarray(points_zyx, float)
    n = len(points)
    return Morphology(points, np.full(n, 2.0), np.arange(n) - 1, np.zeros(n, int))


LONG = tube((8, 8, 5), (16, 14, 55))
SHORT = tube((16, 32, 10), (16, 32, 50))


def segmentation(path: Path, *trees: Morphology) -> Path:
    stack = np.zeros(SHAPE, np.uint8)
    for tree in trees:
        stack[tree_distance(tree, tree.radius, SHAPE, SIZE) <= 0] = 230
    write_probability(path, stack, Grid(SIZE, ORIGIN, "um", "test"))
    return path


def run(*arguments, stdin=None):
    return CliRunner().invoke(app, ["trace", *map(str, arguments)], input=stdin)
