"""Which axes of a TIFF are z, y and x, and what to do about the others: decided from names and
sizes alone."""

from __future__ import annotations

from dataclasses import dataclass

from neurorecon.errors import InputError

# tifffile names the axis of an unlabelled multi-page TIFF Q or I.
_UNNAMED = "QI"
# ImageJ shows at most this many channels together. Python programs that leave the axes out
# (tifffile.imwrite(..., imagej=True) on a 3D array) label z as C.
_MOST_CHANNELS = 7


@dataclass(frozen=True, slots=True)
class AxisPlan:
    """How to get from the axes of a file to one z, y, x stack.

    z, y, x: positions of the three axes in the file's shape.
    channel: position of the channel axis, None where there is none.
    channel_index: the channel to read.
    """

    z: int
    y: int
    x: int
    channel: int | None
    channel_index: int


def plan_axes(axes: str, shape: tuple[int, ...], channel: int | None) -> AxisPlan:
    """The plan for a file with these axes (tifffile's letters) and sizes.

    channel: the user's choice, None for none.

    Raises InputError, without the file's name, for what is not one channel of one z stack.
    """
    described = f"axes {axes}, shape {' x '.join(map(str, shape))}"
    if 0 in shape:
        raise InputError(f"the stack is empty ({described}); expected at least one voxel")
    if axes.count("Y") != 1 or axes.count("X") != 1:
        raise InputError(f"no y and x axes ({described}); save it as a plain z stack")
    long = [place for place, size in enumerate(shape) if size > 1 and axes[place] not in "YX"]
    _refuse_samples(axes, shape, long)
    z = _z_axis(axes, shape, long, channel)
    _refuse_others(axes, shape, long, z, described)
    if z is None:
        raise InputError(
            f"the image is 2D only ({described}); neurorecon needs a z stack, one page a slice"
        )
    channel_axis = axes.find("C") if "C" in axes and axes.find("C") != z else None
    count = 1 if channel_axis is None else shape[channel_axis]
    return AxisPlan(
        z, axes.index("Y"), axes.index("X"), channel_axis, _checked_channel(channel, count)
    )


def _refuse_samples(axes: str, shape: tuple[int, ...], long: list[int]) -> None:
    for place in long:
        if axes[place] == "S":
            raise InputError(
                f"an RGB image ({shape[place]} samples a pixel); split it and save the channel of "
                "the neuron alone (Fiji: Image > Color > Split Channels)"
            )


def _z_axis(axes: str, shape: tuple[int, ...], long: list[int], channel: int | None) -> int | None:
    """Place of the z axis: the one named Z, or else the only one that can be z."""
    if "Z" in axes and axes.index("Z") in long:
        return axes.index("Z")
    unnamed = [place for place in long if axes[place] in _UNNAMED]
    if len(unnamed) == 1:
        return unnamed[0]
    if [axes[place] for place in long] == ["C"] and channel is None:
        return long[0] if shape[long[0]] > _MOST_CHANNELS else None
    return None


def _refuse_others(
    axes: str, shape: tuple[int, ...], long: list[int], z: int | None, described: str
) -> None:
    for place in long:
        if axes[place] == "T":
            raise InputError(
                f"a time series of {shape[place]} frames ({described}); save one time point, or, "
                "if the frames are z slices, say so in Fiji (Image > Properties: slices "
                f"{shape[place]}, frames 1) and save again"
            )
        if place != z and axes[place] != "C":
            raise InputError(
                f"more axes than z, y, x and channels ({described}); save one z stack alone, as "
                "OME-TIFF or from Fiji so that its axes have names"
            )


def _checked_channel(channel: int | None, count: int) -> int:
    if channel is None and count > 1:
        raise InputError(f"{count} channels; choose one with --channel 0 to {count - 1}")
    if channel is not None and not 0 <= channel < count:
        raise InputError(
            f"--channel {channel} does not exist; channels are counted from 0 and there "
            + (f"are {count}, the last is {count - 1}" if count > 1 else "is one")
        )
    return channel or 0
