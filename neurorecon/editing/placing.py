"""Trees scaled, mirrored and shifted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from neurorecon.morphology import Morphology


def placed(
    morphology: Morphology,
    scale_zyx: Sequence[float] = (1.0, 1.0, 1.0),
    mirror: str = "",
    shift_zyx: Sequence[float] = (0.0, 0.0, 0.0),
) -> Morphology:
    """Coordinates multiplied, then reversed in sign along the axes of `mirror`, then shifted.

    mirror: letters of z, y, x.

    A radius has no axis of its own: it is multiplied by the geometric mean of the scale.
    """
    scale = np.asarray(scale_zyx, np.float64)
    sign = np.array([-1.0 if axis in mirror else 1.0 for axis in "zyx"])
    return replace(
        morphology,
        point_zyx=morphology.point_zyx * scale * sign + np.asarray(shift_zyx, np.float64),
        radius=morphology.radius * float(np.cbrt(np.prod(scale))),
    )
