"""Runs `neurorecon evaluate` as a user does, and a fork to score, for the tests beside it."""

import json

import numpy as np
from typer.testing import CliRunner

from neurorecon.cli.app import app
from neurorecon.io.swc import write_swc
from neurorecon.morphology import Morphology
from neurorecon.volume import Grid

SIZE = (2.0, 1.0, 0.5)
UM = Grid(voxel_size_zyx=SIZE, unit="um", source="test")

# A fork in voxels, as (x, y, z) rows of a foreign SWC file.
FORK = """# made by hand
1 3 10 20 10 1 -1
2 3 30 20 10 1 1
3 3 50 30 10 1 2
4 3 50 10 10 1 2
"""


def run(*arguments):
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)])


def scores(*arguments):
    """What --json prints."""
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def refusal(*arguments):
    """The line that a refused run ends with; it prints no result."""
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    return result.stderr.strip().splitlines()[-1]


def fork_in_um(path, grid=UM, shift_voxels=(0, 0, 0)):
    """The same fork as neurorecon writes it for a stack of known voxel size."""
    voxels = np.array([[10.0, 20, 10], [10, 20, 30], [10, 30, 50], [10, 10, 50]])
    tree = Morphology(
        grid.to_physical(voxels + shift_voxels),
        np.ones(4),
        np.array([-1, 0, 1, 1]),
        np.full(4, 3),
        grid.unit,
    )
    write_swc(path, tree, grid)
    return path


FORK_XYZ = np.array([[10.0, 20, 10], [30, 20, 10], [50, 30, 10], [50, 10, 10]])


def write_fork(path, shift=0.0):
    """A fork, in a foreign SWC file, that lies `shift` voxels off along z."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = zip(FORK_XYZ + np.array([0, 0, shift]), (-1, 1, 2, 2), strict=True)
    path.write_text(
        "".join(
            f"{row} 3 {x} {y} {z} 1 {parent}\n" for row, ((x, y, z), parent) in enumerate(rows, 1)
        )
    )
    return path
