"""Limits of the DIADEM score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurorecon.errors import InputError


@dataclass(frozen=True, slots=True)
class DiademScoring:
    """Limits of DIADEM, in the unit of the trees, meant as voxels.

    xy_threshold: largest distance in the plane of a pair of nodes. The reference uses 3.94 pixels
        for olfactory fibres; rounded to the tolerance of the other scores.
    z_threshold: the same along z, before `z_scale`; the reference uses 5 images there.
    z_scale: length of one unit along z in units along x and y, so that paths have one unit.
    xy_path_error, z_path_error: largest difference of two paths in the plane and along z, as a
        share of the gold's path; the reference's defaults.
    local_path_error: the same for paths that are shorter than a threshold in the gold but not in
        the test: about what a hypotenuse differs from its sides.
    spur_length: tips of the gold nearer than this to their fork do not count; 0: all count.
    """

    xy_threshold: float = 4.0
    z_threshold: float = 5.0
    z_scale: float = 1.0
    xy_path_error: float = 0.08
    z_path_error: float = 0.20
    local_path_error: float = 0.4
    spur_length: float = 0.0

    @property
    def z_reach(self) -> float:
        """The threshold along z in the unit of x and y."""
        return self.z_threshold * self.z_scale

    def __post_init__(self) -> None:
        """Refuse limits that cannot be compared with."""
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if not (np.isfinite(value) and value >= 0) or (name == "z_scale" and value == 0):
                raise InputError(f"DIADEM's {name} is {value}; give a number above 0")
