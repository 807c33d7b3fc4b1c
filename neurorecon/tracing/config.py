"""What tracing can be told, with the reason for each default."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TraceConfig:
    """Settings of `trace_volume`. Lengths are in units of the smallest voxel size.

    threshold: probability from which a voxel is neurite; the network is trained for 0.5.
        (Fainter voxels that touch neurite were tried: F1 was no higher, and calibres were worse.)
    cost_exponent: a path's step costs its length over centrality to this power. 4 keeps paths on
        the middle of thick neurites; higher powers follow every bump of the surface.
    cover_scale, cover_margin: a kept branch covers what lies within scale times the local radius
        plus margin: what ends there is surface, not branch. Surface noise is about 2 voxels.
    min_branch: least length that must stick out of what is covered.
    smoothing: least rounds of averaging with both neighbours; 4 remove the steps between voxels
        and leave turns of 5 voxels. Thick neurites get more.
    max_gap: longest gap that is bridged; network output leaves few honest gaps longer than this.
    rival: two pieces of which the shorter has at least this part of the longer one's length are
        joined tip to tip only: a twig that ends beside another neuron does not make them one.
    min_fragment: a piece shorter than this is dust. Specks have no length, only a radius.
    further_neuron: a second tree is reported as a neuron from this part of the largest tree's
        length; the rest are fragments, which a user would have to delete by hand.
    spacing: distance between nodes; finer than the calibre, coarser than a voxel.
    max_root_distance: farthest that a root asked for may lie from the tree.
    max_foreground: most voxels that are traced; more mean a wrong threshold (a neuron fills less
        than 1 % of its box), and some 400 bytes of memory each.
    """

    threshold: float = 0.5
    cost_exponent: float = 4.0
    cover_scale: float = 1.5
    cover_margin: float = 2.0
    min_branch: float = 2.0
    smoothing: int = 4
    max_gap: float = 15.0
    rival: float = 0.25
    min_fragment: float = 4.0
    further_neuron: float = 0.25
    spacing: float = 2.0
    max_root_distance: float = 50.0
    max_foreground: int = 10_000_000
