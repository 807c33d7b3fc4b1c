"""What every comparison of two trees asks of them."""

from __future__ import annotations

from neurorecon.errors import InputError
from neurorecon.morphology import Morphology


def check_pair(test: Morphology, gold: Morphology) -> None:
    """Raise InputError where a tree has no nodes or the units differ."""
    for name, tree in (("test", test), ("gold", gold)):
        if len(tree) == 0:
            raise InputError(f"the {name} tree has no nodes; give a tree with at least one")
    if test.unit != gold.unit:
        raise InputError(
            f"the test is in {test.unit} and the gold in {gold.unit}; give the voxel size"
        )
