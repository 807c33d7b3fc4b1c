"""Random neurons: persistent random walks that fork, taper and stay in a box."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from neurorecon.morphology import BASAL_DENDRITE, SOMA, Morphology
from neurorecon.simulation.config import GrowthConfig

STEP_UM = 1.0
RALL_EXPONENT = 1.5  # parent ** 1.5 == sum of daughters ** 1.5 (Rall 1959)
FORK_ANGLE = 1.3  # radians between two even daughters; the thicker one turns less
SHORTEST_BRANCH_UM = 3.0


@dataclass
class _Nodes:
    """Rows of the tree as it grows."""

    point: list[NDArray[np.float64]] = field(default_factory=list)
    radius: list[float] = field(default_factory=list)
    parent: list[int] = field(default_factory=list)
    kind: list[int] = field(default_factory=list)

    def add(self, point: NDArray[np.float64], radius: float, parent: int, kind: int) -> int:
        self.point.append(point)
        self.radius.append(radius)
        self.parent.append(parent)
        self.kind.append(kind)
        return len(self.parent) - 1


@dataclass(frozen=True)
class _Bud:
    """Where a branch is about to grow from."""

    row: int
    point: NDArray[np.float64]
    direction: NDArray[np.float64]
    radius: float


def grow_tree(config: GrowthConfig, seed: int | list[int] | np.random.Generator) -> Morphology:
    """A random tree in µm, in a box from 0 to `config.extent_zyx_um`, rooted at row 0.

    Branches are taken up breadth first, so that a tree stopped by `max_length_um` is thinned
    everywhere rather than missing one side.
    """
    rng = np.random.default_rng(seed)
    nodes = _Nodes()
    buds = deque(_stems(config, nodes, rng))
    length = 0.0
    while buds and length < config.max_length_um:
        tip, grown = _grow_branch(buds.popleft(), config, nodes, rng)
        length += grown
        if tip.radius > config.tip_radius_um:
            buds.extend(_fork(tip, config, rng))
    return Morphology(
        np.array(nodes.point, np.float64),
        np.array(nodes.radius, np.float64),
        np.array(nodes.parent, np.int64),
        np.array(nodes.kind, np.int64),
        unit="um",
    )


def random_walk(
    start: NDArray[np.float64],
    direction: NDArray[np.float64],
    steps: int,
    turn: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Points (steps + 1, 3) of a persistent random walk, `STEP_UM` apart, without walls."""
    points = [start]
    for _ in range(steps):
        direction = _unit(direction + turn * rng.normal(size=3))
        points.append(points[-1] + STEP_UM * direction)
    return np.array(points)


def _stems(config: GrowthConfig, nodes: _Nodes, rng: np.random.Generator) -> list[_Bud]:
    extent = np.asarray(config.extent_zyx_um)
    radius = config.stem_radius_um
    if config.soma_radius_um <= 0:  # enters through a side wall, heading inward
        start = extent * rng.uniform(0.25, 0.75, 3)
        start[2] = 0.0
        row = nodes.add(start, radius, -1, BASAL_DENDRITE)
        return [_Bud(row, start, _unit(np.array([0.0, *rng.normal(0.0, 0.4, 1), 1.0])), radius)]
    centre = extent * rng.uniform(0.3, 0.7, 3)
    soma = nodes.add(centre, config.soma_radius_um, -1, SOMA)
    buds = []
    for _ in range(config.stems):
        direction = _unit(rng.normal(size=3) * (0.4, 1.0, 1.0))  # flat, as the box is
        start = np.clip(centre + config.soma_radius_um * direction, 0.0, extent)
        row = nodes.add(start, radius, soma, BASAL_DENDRITE)
        buds.append(_Bud(row, start, direction, radius))
    return buds


def _grow_branch(
    bud: _Bud, config: GrowthConfig, nodes: _Nodes, rng: np.random.Generator
) -> tuple[_Bud, float]:
    """Grow to the next fork or tip; returns where it ended and how long the branch is."""
    extent = np.asarray(config.extent_zyx_um)
    length = SHORTEST_BRANCH_UM + rng.exponential(config.fork_interval_um)
    row, point, direction, radius = bud.row, bud.point, bud.direction, bud.radius
    for _ in range(int(np.ceil(length / STEP_UM))):
        direction = _unit(direction + config.turn_per_um * rng.normal(size=3))
        ahead = point + STEP_UM * direction
        direction = np.where((ahead < 0) | (ahead > extent), -direction, direction)
        point = np.clip(point + STEP_UM * direction, 0.0, extent)
        radius = max(radius * (1.0 - config.taper_per_um), 0.7 * config.tip_radius_um)
        row = nodes.add(point, radius, row, BASAL_DENDRITE)
    return _Bud(row, point, direction, radius), length


def _fork(tip: _Bud, config: GrowthConfig, rng: np.random.Generator) -> list[_Bud]:
    """Two daughters in a random plane; the thinner one turns away more."""
    share = float(np.clip(rng.normal(config.smaller_share, 0.08), 0.05, 0.5))
    sideways = _unit(np.cross(tip.direction, rng.normal(size=3)))
    buds = []
    for part, angle in ((1.0 - share, share * FORK_ANGLE), (share, (share - 1.0) * FORK_ANGLE)):
        direction = np.cos(angle) * tip.direction + np.sin(angle) * sideways
        radius = tip.radius * part ** (1.0 / RALL_EXPONENT)
        buds.append(_Bud(tip.row, tip.point, direction, max(radius, 0.7 * config.tip_radius_um)))
    return buds


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return vector / np.linalg.norm(vector)
