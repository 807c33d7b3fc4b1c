"""Forks placed where the branches part, not where the tubes around them do.

Close to a fork the foreground of two branches is one, and a path runs down its middle and belongs
to neither: it parts where the tubes come apart, too far out by the more the narrower the angle.
Farther away each branch lies in its own tube. Straight lines through the branches there, drawn
back, meet at the fork.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neurorecon.morphology import Morphology
from neurorecon.tracing.sampling import branches

_SKIP = 0.5, 1.0  # radii and smallest voxel sizes from the fork within which tubes are one
_SPAN = 1.0, 2.0  # the stretch beyond that tells a branch's direction; farther on it may turn
_SAMPLES = 8
_SHORTEST = 0.5  # smallest voxel sizes; a shorter stretch has no direction
_STAY = 0.02  # weight of where the fork is against a line's; decides where lines are parallel
_FARTHEST = 3.0, 2.0  # radii and smallest voxel sizes; lines that meet beyond this have turned


@dataclass(frozen=True)
class _Arm:
    """One branch as seen from a fork. rows: from the fork outwards. arc: (n,) path length."""

    rows: NDArray[np.int64]
    arc: NDArray[np.float64]
    point: NDArray[np.float64]

    def at(self, arc: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (m, 3) at path lengths (m,)."""
        return np.stack([np.interp(arc, self.arc, axis) for axis in self.point.T], axis=1)


def with_placed_forks(tree: Morphology, radius: NDArray[np.float64], smallest: float) -> Morphology:
    """The tree with its forks where straight lines through their branches meet.

    Nodes close to a fork move with it, so that branches reach it straight.

    radius: (n,) of the neurite. smallest: the smallest voxel size.
    """
    point = tree.point_zyx.copy()
    moved = np.zeros_like(point)
    times = np.zeros(len(tree))
    for fork, arms in _arms(tree).items():
        target = _meeting(tree.point_zyx[fork], arms, float(radius[fork]), smallest)
        skip = _SKIP[0] * radius[fork] + _SKIP[1] * smallest
        reach = skip + float(np.linalg.norm(target - tree.point_zyx[fork]))
        point[fork] = target
        for arm in arms:
            end = min(reach, float(arm.arc[-1]))
            near = np.flatnonzero(arm.arc < end)[1:]  # the fork itself has moved
            part = (arm.arc[near] / max(end, 1e-9))[:, None]
            straight = target + part * (arm.at(np.array([end])) - target)
            moved[arm.rows[near]] += straight - arm.point[near]
            times[arm.rows[near]] += 1.0
    between = times > 0  # two forks may claim the nodes between them
    point[between] += moved[between] / times[between, None]
    return replace(tree, point_zyx=point)


def _arms(tree: Morphology) -> dict[int, list[_Arm]]:
    """For each fork its branches."""
    arms: dict[int, list[_Arm]] = {int(fork): [] for fork in tree.forks}
    for path in branches(tree):
        for rows in (path, path[::-1]):
            if int(rows[0]) in arms:
                point = tree.point_zyx[rows]
                step = np.linalg.norm(np.diff(point, axis=0), axis=1)
                arm = _Arm(rows, np.concatenate([[0.0], np.cumsum(step)]), point)
                arms[int(rows[0])].append(arm)
    return arms


def _meeting(
    fork: NDArray[np.float64], arms: list[_Arm], radius: float, smallest: float
) -> NDArray[np.float64]:
    """The point (3,) with the least squared distance to the lines through the arms."""
    skip = _SKIP[0] * radius + _SKIP[1] * smallest
    span = _SPAN[0] * radius + _SPAN[1] * smallest
    matrix = _STAY * np.eye(3)
    offset = np.zeros(3)
    for arm in arms:
        length = float(arm.arc[-1])
        start = min(skip, 0.5 * length)
        end = min(skip + span, length)
        if end - start < _SHORTEST * smallest:
            continue
        stretch = arm.at(np.linspace(start, end, _SAMPLES)) - fork
        middle = stretch.mean(axis=0)
        along = np.linalg.svd(stretch - middle)[2][0]
        across = min((end - start) / span, 1.0) * (np.eye(3) - np.outer(along, along))
        matrix += across
        offset += across @ middle
    move = np.linalg.solve(matrix, offset)
    farthest = _FARTHEST[0] * radius + _FARTHEST[1] * smallest
    return fork + move * min(farthest / max(float(np.linalg.norm(move)), 1e-9), 1.0)
