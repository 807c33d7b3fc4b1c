"""What tracing found, what it decided, and where it is in doubt.

All points are z, y, x in the frame of the grid, all lengths in its unit. Scores run from 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from neurorecon.morphology import Morphology

DoubtKind = Literal["bridge", "loop", "crossing", "border"]
Verdict = Literal["accepted", "rejected"]


@dataclass(frozen=True)
class Doubt:
    """One place where tracing did something, or nearly did, that a person may know better.

    Accepting it means: do it. Rejecting it means: do not.

    id: the same whenever the same segmentation is traced, whatever the verdicts.
    kind: "bridge" (join two ends across a gap), "loop" (open a ring here), "crossing" (keep two
        neurites apart that meet), "border" (divide a tree between two somas or roots here).
    score: how much speaks for doing it.
    done: whether it was done.
    verdict: what the person said, None where nobody was asked yet.
    note: the reason in words, for a table.
    """

    id: str
    kind: DoubtKind
    point_zyx: NDArray[np.float64]
    score: float
    done: bool
    verdict: Verdict | None
    note: str


@dataclass(frozen=True)
class Bridge:
    """A gap that was bridged.

    start_zyx, end_zyx: the two ends. path_zyx: (p, 3) from the one to the other, both included.
    gap: length that is missing, from surface to surface.
    score: the product of the parts.
    length: 1 where nothing is missing, 0 at the longest gap allowed.
    direction: 1 where both ends point at each other.
    calibre: 1 where both ends are equally thick.
    brightness: how far the best path through the gap stands out from what is dark around it
        (probability, or the raw image where given); 1 where there is nothing to judge by.
    """

    id: str
    start_zyx: NDArray[np.float64]
    end_zyx: NDArray[np.float64]
    path_zyx: NDArray[np.float64]
    gap: float
    score: float
    length: float
    direction: float
    calibre: float
    brightness: float


@dataclass(frozen=True)
class OpenedLoop:
    """A ring of neurite that was opened where the evidence is weakest.

    point_zyx: where. length: of the ring. evidence: of what was cut, against the neurite around it.
    """

    id: str
    point_zyx: NDArray[np.float64]
    length: float
    evidence: float


@dataclass(frozen=True)
class Crossing:
    """Two neurites that meet and were kept apart.

    point_zyx: where. score: how straight both continue, against the best other pairing.
    """

    id: str
    point_zyx: NDArray[np.float64]
    score: float


@dataclass(frozen=True)
class Fragment:
    """A tree that was neither joined nor kept.

    length: its length. point_zyx: its point that is nearest to a tree that was kept.
    distance: from there to that tree.
    """

    length: float
    point_zyx: NDArray[np.float64]
    distance: float


@dataclass(frozen=True)
class Branch:
    """From a tip or fork to the next fork or the root of a neuron.

    neuron: index into `TraceResult.neurons`. start_zyx: its far end. end_zyx: its root side.
    length, mean_radius: in the unit of the grid. mean_probability: of the segmentation along it.
    """

    neuron: int
    start_zyx: NDArray[np.float64]
    end_zyx: NDArray[np.float64]
    length: float
    mean_radius: float
    mean_probability: float


@dataclass(frozen=True)
class TraceResult:
    """What tracing found.

    neurons: one tree each, largest first (in the order of the roots where roots were given).
    bridges: gaps bridged in `neurons`.
    loops_opened, crossings: rings opened, and meetings of neurites kept apart.
    dropped: trees left out, longest first.
    min_branch: how far branches had to stick out of their parents: asked for, or measured.
    dust_count: pieces left out before that because they have hardly any length.
    branches: of all neurons.
    doubts: most doubtful first; those that have a verdict come last.
    """

    neurons: list[Morphology]
    bridges: list[Bridge] = field(default_factory=list)
    loops_opened: list[OpenedLoop] = field(default_factory=list)
    crossings: list[Crossing] = field(default_factory=list)
    dropped: list[Fragment] = field(default_factory=list)
    min_branch: float = 0.0
    dust_count: int = 0
    branches: list[Branch] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)

    @property
    def bridge_count(self) -> int:
        """Number of gaps bridged."""
        return len(self.bridges)

    @property
    def fragment_count(self) -> int:
        """Number of trees left out."""
        return len(self.dropped)

    @property
    def fragment_length(self) -> float:
        """Total length of the trees left out."""
        return sum(fragment.length for fragment in self.dropped)
