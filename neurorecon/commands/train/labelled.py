"""Stacks with their labels, refused by name where the two cannot belong together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurorecon.config import LabelConfig
from neurorecon.errors import InputError
from neurorecon.geometry import in_voxels
from neurorecon.io.pairs import Pair, find_pairs
from neurorecon.io.stack import read_volume
from neurorecon.io.swc import read_swc
from neurorecon.model.intensity import estimate_scale
from neurorecon.morphology import Morphology
from neurorecon.training.labels import NEURITE, label_from_mask, label_from_tree
from neurorecon.training.patches import TrainingStack
from neurorecon.training.validation import ValidationStack, centreline_of_mask
from neurorecon.volume import Volume

# A gold tree of a crop may reach a little beyond it; one of which most lies outside is in the wrong
# units or belongs to another stack.
LEAST_SHARE_INSIDE = 0.5


def load_labelled_stacks(data: Path, config: LabelConfig) -> list[ValidationStack]:
    """The pairs of a folder or CSV file; InputError that names the pair at fault."""
    return [load_labelled_stack(pair, config) for pair in find_pairs(data)]


def load_labelled_stack(pair: Pair, config: LabelConfig) -> ValidationStack:
    """A stack with its label and its centreline in voxels."""
    volume = read_volume(pair.image, voxel_size_zyx=pair.voxel_size_zyx_um)
    z, y, x = volume.array.shape
    if pair.swc is not None:
        tree = _tree_in_voxels(pair, pair.swc, volume)
        label = label_from_tree(tree, (z, y, x), config)
    else:
        assert pair.mask is not None
        mask = _mask(pair, pair.mask, volume)
        label, tree = label_from_mask(mask, config), centreline_of_mask(mask)
    if not (label == NEURITE).any():
        raise InputError(f"{pair.truth} marks no neurite in {pair.image}; leave the pair out")
    name = f"{pair.image.parent.name}/{pair.image.name}"
    return ValidationStack(
        TrainingStack(name, volume.array, estimate_scale(volume.array), label), tree
    )


def _tree_in_voxels(pair: Pair, swc: Path, volume: Volume) -> Morphology:
    # The SWC standard says µm; without a voxel size, coordinates can only be voxels.
    unit = pair.swc_unit or volume.grid.unit
    tree = read_swc(swc, unit, orphans_are_roots=True)
    try:
        tree = in_voxels(tree, volume.grid)
    except InputError as error:
        raise InputError(
            f"{swc} is in µm, but {pair.image} does not tell its voxel size; "
            "write voxel_size into a CSV manifest, or swc_units voxel"
        ) from error
    shape = np.array(volume.array.shape)
    inside = ((tree.point_zyx > -1) & (tree.point_zyx < shape)).all(axis=1)
    if inside.mean() < LEAST_SHARE_INSIDE:
        size = " x ".join(str(side) for side in shape)
        raise InputError(
            f"{swc}: {inside.sum()} of its {len(tree)} nodes lie in {pair.image} ({size} voxels); "
            "check swc_units and voxel_size"
        )
    return tree


def _mask(pair: Pair, path: Path, volume: Volume) -> NDArray[np.bool_]:
    mask = read_volume(path, allow_uniform=True).array
    if mask.shape != volume.array.shape:
        sizes = [" x ".join(map(str, array.shape)) for array in (mask, volume.array)]
        raise InputError(f"{path} has {sizes[0]} voxels, {pair.image} has {sizes[1]}; crop one")
    return mask > 0
