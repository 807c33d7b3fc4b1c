"""The names of doubtful places, what a person has said about them, and which to look at first."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurorecon.errors import InputError
from neurorecon.tracing.config import TraceConfig
from neurorecon.tracing.result import Doubt, DoubtKind, Verdict


@dataclass(frozen=True)
class Verdicts:
    """What a person has said. accepted, rejected: ids of doubts."""

    accepted: frozenset[str] = frozenset()
    rejected: frozenset[str] = frozenset()

    @classmethod
    def of(cls, config: TraceConfig) -> Verdicts:
        """The verdicts in a configuration; InputError where one contradicts another."""
        if both := sorted(config.accepted & config.rejected):
            raise InputError(f"{both[0]} is both accepted and rejected; give one verdict for each")
        return cls(config.accepted, config.rejected)

    def on(self, name: str) -> Verdict | None:
        """The verdict on one doubt, None where there is none."""
        if name in self.accepted:
            return "accepted"
        return "rejected" if name in self.rejected else None

    def check(self, known: Iterable[str]) -> None:
        """InputError where a verdict is on a place that this segmentation does not have."""
        unknown = sorted((self.accepted | self.rejected) - set(known))
        if unknown:
            raise InputError(
                f"there is no doubtful place called {unknown[0]} here; verdicts go with the "
                "segmentation and options that they were listed for"
            )


def doubt_id(kind: DoubtKind, *index_zyx: NDArray[np.float64]) -> str:
    """A name that depends on the kind and on the voxels that the place is made of, in any order.

    index_zyx: (3,) voxel indices, rounded here.
    """
    voxels = sorted(tuple(np.rint(index).astype(int).tolist()) for index in index_zyx)
    return f"{kind}-{hashlib.blake2s(repr(voxels).encode(), digest_size=4).hexdigest()}"


def ranked(doubts: list[Doubt]) -> list[Doubt]:
    """Most doubtful first: what is as likely right as wrong; what has a verdict comes last."""

    def key(doubt: Doubt) -> tuple[bool, float, str]:
        right = doubt.score if doubt.done else 1.0 - doubt.score
        return doubt.verdict is not None, right, doubt.id

    return sorted(doubts, key=key)
