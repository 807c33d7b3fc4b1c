"""What the voxels say of each gap that could be bridged, put together with its geometry."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from neurorecon.morphology import Morphology
from neurorecon.tracing.candidates import Candidates
from neurorecon.tracing.doubts import doubt_id
from neurorecon.tracing.evidence import GapEvidence, GapPath

_ROUGH = 1.0  # smallest voxel sizes by which any surface sticks out somewhere; more is a stub
_DARK = 0.6  # brightness of a gap that is as dark as what lies around
_HALO = 0.5  # contrast up to which light may be the blur around two neurites that lie close by


@dataclass(frozen=True)
class Judged:
    """Candidates with what the voxels say. All lists are as long as `candidates`.

    brightness, length, score: (c,) as in `Bridge`. paths: the best paths. ids: of the doubts.
    """

    candidates: Candidates
    brightness: NDArray[np.float64]
    length: NDArray[np.float64]
    score: NDArray[np.float64]
    paths: list[NDArray[np.float64]]
    ids: list[str]


def judged(morphology: Morphology, candidates: Candidates, evidence: GapEvidence) -> Judged:
    """Look at the voxels of each gap. A bright gap counts as shorter than a dark one.

    So does one to a side that has a stub there: what is left of a branch behind its fork is mostly
    too short to be told from the surface of its neurite, and has no tip.

    Of two candidates between the same ends the better one is kept.
    """
    candidates = _to_the_stub(morphology, candidates, evidence)
    seen = [_path(morphology, evidence, candidates.way(row)) for row in range(len(candidates))]
    lit = np.array([path.contrast or 0.0 for path in seen])
    told = np.array([path.contrast is not None for path in seen], bool)
    brightness = np.where(told, _DARK + (1.0 - _DARK) * lit, 1.0)
    bright = np.clip((lit - _HALO) / (1.0 - _HALO), 0.0, 1.0)
    length = 1.0 - (1.0 - candidates.length) * (1.0 - bright)
    score = length * candidates.direction * candidates.calibre * brightness
    size = evidence.voxel_size_zyx
    # Whichever node of an end they lead to: who refuses a bridge does not mean the next node.
    end = np.where(candidates.far_tip >= 0, candidates.far_tip, candidates.node)
    ids = [
        doubt_id("bridge", *(morphology.point_zyx[[tip, other]] / size))
        for tip, other in zip(candidates.tip, end, strict=True)
    ]
    order = np.argsort(-score, kind="stable")
    _, first = np.unique(np.array(ids, str)[order], return_index=True)
    kept = order[np.sort(first)]
    return Judged(
        candidates.take(kept),
        brightness[kept],
        length[kept],
        score[kept],
        [seen[row].point_zyx for row in kept],
        [ids[row] for row in kept],
    )


def _to_the_stub(
    morphology: Morphology, candidates: Candidates, evidence: GapEvidence
) -> Candidates:
    """The candidates, with only what is dark of the gaps that lead to a side at once."""
    rows = np.flatnonzero(candidates.side & ~candidates.stepped)
    ends = (morphology.point_zyx[each[rows]] for each in (candidates.tip, candidates.node))
    dark = np.ones(len(candidates))
    length = evidence.dark_length(*ends) + _ROUGH * evidence.voxel_size_zyx.min()
    dark[rows] = np.minimum(length / np.maximum(candidates.gap[rows], 1e-12), 1.0)
    worth = 1.0 - (1.0 - candidates.length) * dark
    return replace(candidates, gap=candidates.gap * dark, length=worth)


def _path(morphology: Morphology, evidence: GapEvidence, way: list[int]) -> GapPath:
    """The path from stone to stone."""
    parts = [evidence.path(*morphology.point_zyx[list(ends)]) for ends in pairwise(way)]
    line = np.concatenate([parts[0].point_zyx, *(part.point_zyx[1:] for part in parts[1:])])
    contrast = [part.contrast for part in parts if part.contrast is not None]
    return GapPath(line, float(np.mean(contrast)) if len(contrast) == len(parts) else None)
