"""A stack with the voxel size that holds where several sources tell one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from neurorecon.io.stack import OpenStack, open_stack

_Triple = tuple[float, float, float]
_ALIKE = 1e-3


@contextmanager
def open_stack_of_trees(
    path: Path,
    given: _Triple | None,
    of_trees: _Triple | None,
    channel: int | None,
    warn: Callable[[str], None],
) -> Iterator[OpenStack]:
    """A stack with the voxel size that the user gives, or its own, or else that of the trees.

    of_trees: in µm, of the stack that they were traced in, as an SWC header tells it: not always
        this stack, but one of its scales, or a part of it. Where it differs, that is told.

    Raises InputError as `open_stack`.
    """
    with open_stack(path, voxel_size_zyx=given, channel=channel) as stack:
        own = stack.grid.voxel_size_zyx
        if given or not of_trees or stack.grid.unit == "um":
            if not given and of_trees and not np.allclose(own, of_trees, rtol=_ALIKE):
                warn(
                    f"{stack.name} has voxels of {_spaced(own)} µm, and the tree was traced in "
                    f"voxels of {_spaced(of_trees)}; if it lies beside its neurites, give "
                    "--voxel-size Z Y X"
                )
            yield stack
            return
    with open_stack(path, voxel_size_zyx=of_trees, channel=channel) as stack:
        yield stack


def _spaced(size: _Triple) -> str:
    return " x ".join(f"{value:g}" for value in size)
