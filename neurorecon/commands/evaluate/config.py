"""How to read and compare."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from neurorecon.metrics.tree import TreeScoring
from neurorecon.volume import Unit

VoxelSize = tuple[float, float, float]
SwcOrigin = Literal["recording", "stack"]


@dataclass(frozen=True, slots=True)
class EvaluateConfig:
    """How to read and compare.

    scoring: limits of the scores of trees.
    threshold: probability from which a voxel is foreground; the network's own middle.
    swc_units: meaning of coordinates in SWC files that do not say it; the field's habit is voxels.
    voxel_size_zyx: in µm, overrides what files say; None: the files' own.
    channel: of multi-channel stacks. dataset: in files that hold several, where no path names one.
    labels: TEST is a label volume, each value one neuron: nothing in a stack of numbers says it.
    slow: whether to compute DIADEM, NBLAST and persistence; None: if both trees have no more nodes
        than it takes seconds for.
    swc_origin: where coordinates of SWC files that do not say it count from: a region of interest
        keeps those of the whole recording, annotators of a crop count from its first voxel.
    """

    scoring: TreeScoring = field(default_factory=TreeScoring)
    threshold: float = 0.5
    swc_units: Unit = "voxel"
    voxel_size_zyx: VoxelSize | None = None
    channel: int | None = None
    labels: bool = False
    slow: bool | None = None
    swc_origin: SwcOrigin = "recording"
    dataset: str | None = None
