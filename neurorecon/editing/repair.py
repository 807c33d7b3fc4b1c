"""Values that a tree cannot have, replaced by what its neighbours say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from neurorecon.morphology import UNDEFINED, Morphology

_NO_RADIUS = 1.0  # where a file knows none at all, in its unit


def with_radii(morphology: Morphology) -> tuple[Morphology, int]:
    """Unknown radii (0, negative) taken from the nearest known ones above and below, by distance.

    A tree without any gets the median of the others, or 1 where there are none.

    Returns the trees, and how many radii were replaced.
    """
    known = np.isfinite(morphology.radius) & (morphology.radius > 0)
    if known.all():
        return morphology, 0
    order = morphology.parent_first.tolist()
    parent = morphology.parent.tolist()
    length = np.zeros(len(morphology))
    child = morphology.edges[:, 0]
    length[child] = morphology.edge_length
    radius = np.where(known, morphology.radius, np.nan)
    above, below = _carried(order, parent, length, radius)
    weight = [1.0 / np.maximum(distance, 1e-12) for _, distance in (above, below)]
    values = [np.nan_to_num(value) for value, _ in (above, below)]
    there = [np.isfinite(value) for value, _ in (above, below)]
    total = weight[0] * there[0] + weight[1] * there[1]
    mean = (weight[0] * values[0] * there[0] + weight[1] * values[1] * there[1]) / np.where(
        total > 0, total, 1.0
    )
    otherwise = float(np.median(morphology.radius[known])) if known.any() else _NO_RADIUS
    filled = np.where(known, morphology.radius, np.where(total > 0, mean, otherwise))
    return replace(morphology, radius=filled), int((~known).sum())


Carried = tuple[NDArray[np.float64], NDArray[np.float64]]


def _carried(
    order: list[int], parent: list[int], length: NDArray[np.float64], radius: NDArray[np.float64]
) -> tuple[Carried, Carried]:
    """For each node the known radius next above, and the nearest below, each with its distance."""
    steps, own = length.tolist(), radius.tolist()
    above, above_far = list(own), [0.0] * len(own)
    for row in order:
        if above[row] != above[row] and parent[row] >= 0:  # NaN: unknown
            above[row] = above[parent[row]]
            above_far[row] = above_far[parent[row]] + steps[row]
    below, below_far = list(own), [0.0 if value == value else np.inf for value in own]
    for row in reversed(order):
        up = parent[row]
        if up >= 0 and own[up] != own[up] and below_far[row] + steps[row] < below_far[up]:
            below[up], below_far[up] = below[row], below_far[row] + steps[row]
    return (
        (np.array(above), np.array(above_far)),
        (np.array(below), np.array(below_far)),
    )


def without_repeats(morphology: Morphology) -> tuple[Morphology, int]:
    """Nodes that stand where their parent stands become one with it.

    The larger radius stays, and a type that is defined.

    Returns the trees, and how many nodes went.
    """
    child, above = morphology.edges.T
    same = (morphology.point_zyx[child] == morphology.point_zyx[above]).all(axis=1)
    if not same.any():
        return morphology, 0
    into = np.arange(len(morphology))
    into[child[same]] = above[same]
    while ((further := into[into]) != into).any():  # twice as far up each time
        into = further
    radius, kind = morphology.radius.copy(), morphology.kind.copy()
    np.maximum.at(radius, into, morphology.radius)
    undefined = (kind[into] == UNDEFINED) & (morphology.kind != UNDEFINED)
    kind[into[undefined]] = morphology.kind[undefined]
    parent = np.where(morphology.parent < 0, -1, into[morphology.parent])
    stay = np.flatnonzero(into == np.arange(len(morphology)))
    merged = replace(morphology, radius=radius, kind=kind, parent=parent).take(stay)
    return merged, int(same.sum())
