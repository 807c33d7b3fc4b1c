"""What every reader of a format gives: one image, whose voxels are read when asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from neurorecon.errors import InputError
from neurorecon.io.damage import COPY_AGAIN, damage_reported
from neurorecon.io.roi import Box
from neurorecon.io.tiff_axes import AxisPlan
from neurorecon.io.tiff_grid import Placement

# An index for each axis of the file: an int for a channel or a time, slices for z, y and x.
Where = tuple[int | slice, ...]


class OpenImage(Protocol):
    """One open image of any format.

    name: of the file, for messages.
    axes, shape: tifffile's letters and sizes, axes of one voxel included.
    dtype: of the values in memory, in the machine's byte order.
    compression: its usual name, "none" where there is none.
    is_probability: whether the file says that it is a segmentation of ours.
    remarks: what a user should know before trusting the values, a sentence each.
    """

    @property
    def name(self) -> str:
        """Of the file, for messages."""
        ...

    @property
    def axes(self) -> str:
        """A letter for each axis, slowest first."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the values that are read."""
        ...

    @property
    def compression(self) -> str:
        """Its usual name."""
        ...

    @property
    def is_probability(self) -> bool:
        """Whether it is a segmentation of ours."""
        ...

    @property
    def remarks(self) -> tuple[str, ...]:
        """Warnings, a sentence each."""
        ...

    def chunk_zyx(self, plan: AxisPlan) -> tuple[int, int, int]:
        """Voxels along each axis that are stored, and so read, together."""
        ...

    def placement(self, shape_zyx: tuple[int, int, int]) -> Placement:
        """What the metadata say about voxel size and origin."""
        ...

    def read(self, plan: AxisPlan, box: Box) -> NDArray[Any]:
        """The voxels of one channel in a box, (Z, Y, X); InputError where they are damaged."""
        ...


@dataclass(frozen=True)
class ArrayImage:
    """An image of a format whose reader can cut boxes out of it.

    crop: from an index for each axis of the file to the values there, in any byte order.
    chunks: voxels along each axis of the file that are stored together.
    where: what the metadata say about voxel size and origin.
    gaps: that planes seem to be missing, a sentence each.
    Else as `OpenImage`.
    """

    name: str
    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    compression: str
    crop: Callable[[Where], NDArray[Any]]
    chunks: tuple[int, ...]
    where: Placement
    is_probability: bool = False
    remarks: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()

    def chunk_zyx(self, plan: AxisPlan) -> tuple[int, int, int]:
        """Voxels along each axis that are stored, and so read, together."""
        return self.chunks[plan.z], self.chunks[plan.y], self.chunks[plan.x]

    def placement(self, shape_zyx: tuple[int, int, int]) -> Placement:
        """What the metadata say about voxel size and origin."""
        return self.where

    def read(self, plan: AxisPlan, box: Box) -> NDArray[Any]:
        """The voxels of one channel in a box, (Z, Y, X); InputError where they are damaged."""
        where: list[int | slice] = [0] * len(self.shape)
        where[plan.z], where[plan.y], where[plan.x] = box
        if plan.channel is not None:
            where[plan.channel] = plan.channel_index
        with damage_reported(self.name):
            values = np.asarray(self.crop(tuple(where)))
        if values.base is not None:
            # A part of what is kept or mapped, which nobody may change, and the file may.
            values = values.copy()
        # (spatial axes in the file's order) -> (Z, Y, X)
        order = np.argsort(np.argsort([plan.z, plan.y, plan.x]))
        return np.ascontiguousarray(values.transpose(order), dtype=self.dtype)


def checked_dtype(name: str, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type in the machine's byte order; InputError for values that are not real numbers."""
    if dtype.kind == "c":
        raise InputError(
            f"{name} holds complex numbers; save their magnitude (numpy.abs) as float32"
        )
    if dtype.kind not in "uifb":
        raise InputError(f"{name} holds {dtype} values; save it as 8- or 16-bit gray")
    return dtype.newbyteorder("=")


def refuse_impossible(name: str, declared: int, stored: int, most_per_byte: float = 1.0) -> None:
    """Raise InputError where a header declares more bytes than the stored ones can hold.

    most_per_byte: what a byte can stand for at most, in the compression at hand.
    """
    if declared > stored * most_per_byte:
        raise InputError(
            f"{name} is damaged or cut off (its header says {declared:,} bytes, and "
            f"{stored:,} are there); {COPY_AGAIN}"
        )
