"""Sections: unbranched stretches of neurite between forks and tips, whatever the root."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from neurorecon.morphology import Morphology


@dataclass(frozen=True, slots=True)
class Sections:
    """edge_section: (m,) number of the section that each edge of the morphology belongs to.

    ends: (s, 2) rows of the forks or tips at which each section ends.
    length: (s,) along the section, in the unit of the trees.
    """

    edge_section: NDArray[np.int64]
    ends: NDArray[np.int64]
    length: NDArray[np.float64]


def find_sections(morphology: Morphology) -> Sections:
    """The edges of the trees in groups: two that meet where no third does belong together.

    A root in the middle of a neurite does not end a section.
    """
    edges = morphology.edges
    count = len(edges)
    node = edges.ravel()  # the child and the parent of each edge in turn
    edge = np.repeat(np.arange(count), 2)
    order = np.argsort(node, kind="stable")
    through = order[morphology.degree[node[order]] == 2].reshape(-1, 2)  # both edges of each node
    one, other = edge[through].T
    links = coo_array((np.ones(len(one), np.int8), (one, other)), shape=(count, count))
    sections, label = connected_components(links, directed=False)
    at_end = np.flatnonzero(morphology.degree[node] != 2)
    by_section = at_end[np.argsort(label[edge[at_end]], kind="stable")]
    return Sections(
        edge_section=label.astype(np.int64),
        ends=node[by_section].reshape(sections, 2),
        length=np.bincount(label, morphology.edge_length, sections).astype(np.float64),
    )
