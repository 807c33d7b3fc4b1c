"""The picture of a tracing, written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurorecon.io.atomic import atomic_output
from neurorecon.morphology import Morphology
from neurorecon.volume import Grid, LazyVoxels


def write_preview(
    path: Path,
    stack: NDArray[Any] | LazyVoxels,
    grid: Grid,
    neurons: Sequence[Morphology],
    gaps: Sequence[NDArray[np.float64]] = (),
    *,
    overwrite: bool = False,
) -> None:
    """Write a PNG of the stack's projections with the trees over them; gaps as `draw_preview`."""
    from neurorecon.report.preview import draw_preview  # matplotlib takes a second to import

    figure = draw_preview(stack, grid, neurons, gaps)
    with atomic_output(path, overwrite) as temporary:
        figure.savefig(temporary, format="png")
