"""What tracing can be told, with the reason for each default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# In smallest voxel sizes, for a user who gives none.
_MAX_GAP = 15.0  # network output leaves few honest gaps longer than this


@dataclass(frozen=True)
class Limits:
    """Lengths of `TraceConfig` in the unit of the grid, defaults put in. min_length: as there."""

    max_gap: float
    min_length: float | None


@dataclass(frozen=True)
class TraceConfig:
    """Settings of `trace_volume`. Lengths are in smallest voxel sizes where nothing else is said.

    threshold: probability from which a voxel is neurite; the network is trained for 0.5.
        (Fainter voxels that touch neurite were tried: F1 was no higher, and calibres were worse.)
    cost_exponent: a path's step costs its length over centrality to this power. 4 keeps paths on
        the middle of thick neurites; higher powers follow every bump of the surface.
    cover_scale: a kept branch covers what lies within this many local radii, as flat cross sections
        stick out of a ball, plus the margin by which the surface is rough; what ends there is no
        branch.
    min_branch: that margin, in the unit of the grid; None: measured on the surface itself (see
        `branches`).
    smoothing: least rounds of averaging with both neighbours; 4 remove the steps between voxels
        and leave turns of 5 voxels. Thick neurites get more where voxels are long; where they are
        not, that was tried on gold trees, and F1 was lower.
    max_gap: longest gap that is bridged, in the unit of the grid, from surface to surface;
        None: 15 smallest voxel sizes; network output leaves few longer ones that are honest.
    rival: two pieces of which the shorter has at least this part of the longer one's length are
        joined tip to tip only: a twig that ends beside another neuron does not make them one.
    min_fragment: a piece shorter than this is dust. Specks have no length, only a radius.
    min_length: shortest tree that is reported, in the unit of the grid; None: see `further_neuron`.
    further_neuron: a second tree is reported as a neuron from this part of the largest tree's
        length; the rest are fragments, which a user would have to delete by hand.
    keep_fragments: report what could not be joined as further trees, however short against the
        largest (from `min_length` on where that is given).
    somas: cell bodies to look for; each gets a tree of its own. "auto": as many as are thick and
        round enough; several on one neurite have to be thicker yet, and alike.
    accepted, rejected: ids of `TraceResult.doubts` that a person has confirmed or refused.
    spacing: distance between nodes; finer than the calibre, coarser than a voxel.
    max_root_distance: farthest that a root asked for may lie from what was traced.
    max_foreground: most voxels that are traced at once, of some 700 bytes of memory each. Where
        there are more, and they are no more than neurons can fill, they are traced block by block.
    block_edge: of those blocks, in voxels; large, as centrelines are surer away from the faces.
    """

    threshold: float = 0.5
    cost_exponent: float = 4.0
    cover_scale: float = 1.2
    min_branch: float | None = None
    smoothing: int = 4
    max_gap: float | None = None
    rival: float = 0.25
    min_fragment: float = 4.0
    min_length: float | None = None
    further_neuron: float = 0.25
    keep_fragments: bool = False
    somas: Literal["auto"] | int = "auto"
    accepted: frozenset[str] = frozenset()
    rejected: frozenset[str] = frozenset()
    spacing: float = 2.0
    max_root_distance: float = 50.0
    max_foreground: int = 10_000_000
    block_edge: int = 512

    def limits(self, smallest: float) -> Limits:
        """The lengths that a user may give. smallest: the smallest voxel size."""
        return Limits(
            max_gap=_MAX_GAP * smallest if self.max_gap is None else self.max_gap,
            min_length=self.min_length,
        )
