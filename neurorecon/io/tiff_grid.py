"""Voxel size and origin from the metadata of a TIFF: OME-XML, ImageJ, and resolution tags."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tifffile

from neurorecon.errors import InputError
from neurorecon.volume import Grid

MaybeTriple = tuple[float | None, float | None, float | None]

_NOTHING: MaybeTriple = (None, None, None)
_UM_PER_UNIT = {
    **dict.fromkeys(["um", "\u00b5m", "\u03bcm", "micron", "microns"], 1.0),
    **dict.fromkeys(["micrometer", "micrometers", "micrometre", "micrometres"], 1.0),
    **dict.fromkeys(["nm", "nanometer", "nanometers", "nanometre", "nanometres"], 1e-3),
    **dict.fromkeys(["\u00e5", "\u212b", "angstrom", "angstroms"], 1e-4),
    **dict.fromkeys(["pm", "picometer", "picometre"], 1e-6),
    **dict.fromkeys(["mm", "millimeter", "millimeters", "millimetre", "millimetres"], 1e3),
    **dict.fromkeys(["cm", "centimeter", "centimeters", "centimetre", "centimetres"], 1e4),
    **dict.fromkeys(["m", "meter", "meters", "metre", "metres"], 1e6),
    **dict.fromkeys(["in", "inch", "inches"], 25400.0),
}
# What a plain TIFF says without knowing anything (72, 96, 300 dpi) is 40 um a pixel or more.
_LARGEST_PIXEL_UM = 20.0
_IMAGEJ = "ImageJ metadata"
_RESOLUTION_UNITS = {2: "inch", 3: "cm"}


@dataclass(frozen=True, slots=True)
class Placement:
    """What a file says about where its voxels lie; None where it does not.

    size_um: voxel size along z, y, x.
    origin_um: centre of the first voxel, in micrometres.
    origin_voxel: the same in voxels, as neurorecon writes it for a stack of unknown voxel size.
    source: which metadata they are, in words; empty where there are none.
    """

    size_um: MaybeTriple = _NOTHING
    origin_um: MaybeTriple = _NOTHING
    origin_voxel: MaybeTriple = _NOTHING
    source: str = ""


def make_grid(placement: Placement, voxel_size_zyx: tuple[float, float, float] | None) -> Grid:
    """The grid that follows from the file and from the user's --voxel-size, which wins.

    A size that is known along some axes only is no voxel size: the grid is then in voxels and its
    source tells what was found.

    Raises InputError where voxel_size_zyx is not above zero.
    """
    origin_um, origin_voxel = _filled(placement.origin_um), _filled(placement.origin_voxel)
    if voxel_size_zyx is not None:
        if not all(math.isfinite(size) and size > 0 for size in voxel_size_zyx):
            raise InputError(
                f"--voxel-size {' '.join(f'{size:g}' for size in voxel_size_zyx)}: expected three "
                "numbers above zero (z, y, x in um)"
            )
        dz, dy, dx = voxel_size_zyx
        if placement.origin_um == _NOTHING:
            z, y, x = origin_voxel
            origin_um = (z * dz, y * dy, x * dx)
        return Grid((dz, dy, dx), origin_um, "um", "--voxel-size")
    z_um, y_um, x_um = placement.size_um
    if z_um is not None and y_um is not None and x_um is not None:
        return Grid((z_um, y_um, x_um), origin_um, "um", placement.source)
    return Grid(origin_zyx=origin_voxel, source=f"unknown ({_what_is_missing(placement)})")


def _what_is_missing(placement: Placement) -> str:
    if not placement.source:
        return "no OME or ImageJ metadata"
    named = list(zip("zyx", placement.size_um, strict=True))
    known = [f"{axis} {size:.6g} um" for axis, size in named if size is not None]
    missing = " and ".join(axis for axis, size in named if size is None)
    if not known:
        return f"the {placement.source} give none"
    hint = ", which ImageJ leaves out where it is 1" if placement.source == _IMAGEJ else ""
    return f"the {placement.source} give {', '.join(known)} but not {missing}{hint}"


def find_placement(tif: tifffile.TiffFile, shape_zyx: tuple[int, int, int]) -> Placement:
    """What the metadata of an open TIFF say about its stack; nonsense counts as not said."""
    if tif.is_ome and tif.ome_metadata:
        return ome_placement(tif.ome_metadata, shape_zyx)
    if tif.is_lsm and tif.lsm_metadata:
        return _lsm_placement(tif.lsm_metadata)
    page = tif.pages.first
    size_x, size_y = _resolution(page, "XResolution"), _resolution(page, "YResolution")
    if tif.is_imagej and tif.imagej_metadata:
        return _spacing_placement(tif.imagej_metadata, size_y, size_x, _IMAGEJ)
    if tif.is_shaped and tif.shaped_metadata:
        written = tif.shaped_metadata[0]
        if "unit" in written:
            return _spacing_placement(written, size_y, size_x, "TIFF description")
    tag = page.tags.get("ResolutionUnit")
    unit = um_per_unit(_RESOLUTION_UNITS.get(int(tag.value)) if tag is not None else None)
    y_um, x_um = _scaled(size_y, unit), _scaled(size_x, unit)
    if y_um is None or x_um is None or max(y_um, x_um) > _LARGEST_PIXEL_UM:
        return Placement()
    return Placement((None, y_um, x_um), source="TIFF resolution tags")


def um_per_unit(name: str | None) -> float | None:
    """Micrometres in a unit of length as OME, ImageJ and people write it; None if it is none."""
    if name is None:
        return None
    # ImageJ escapes what is not ASCII: "\\u00B5m".
    plain = name.strip().lower().replace("\\u00b5", "\u00b5").replace("\\u03bc", "\u03bc")
    return _UM_PER_UNIT.get(plain)


def ome_placement(xml: str, shape_zyx: tuple[int, int, int]) -> Placement:
    """Voxel size and position of the image of that shape in OME-XML."""
    try:
        images = ET.fromstring(xml).findall(".//{*}Pixels")
    except ET.ParseError:
        return Placement(source="unreadable OME metadata")
    sizes = {tuple(pixels.get(f"Size{axis}") for axis in "ZYX"): pixels for pixels in images}
    pixels = sizes.get(tuple(map(str, shape_zyx)), images[0] if images else None)
    if pixels is None:
        return Placement(source="incomplete OME metadata")
    z, y, x = (
        _length(pixels.get(f"PhysicalSize{axis}"), pixels.get(f"PhysicalSize{axis}Unit", "um"))
        for axis in "ZYX"
    )
    plane = pixels.find("{*}Plane[@TheZ='0']")
    position = {} if plane is None else plane.attrib
    return Placement(
        (_positive(z), _positive(y), _positive(x)),
        _ome_position(position, None),
        _ome_position(position, "pixel"),
        "OME metadata",
    )


def _ome_position(plane: Mapping[str, str], wanted: str | None) -> MaybeTriple:
    """The plane's position in um, or in the unit `wanted` only; OME's default unit is neither."""
    result = []
    for axis in "ZYX":
        value, unit = plane.get(f"Position{axis}"), plane.get(f"Position{axis}Unit", "")
        if wanted is not None:
            result.append(_number(value) if unit == wanted else None)
        else:
            result.append(_length(value, unit))
    return result[0], result[1], result[2]


def _spacing_placement(
    written: Mapping[str, Any], size_y: float | None, size_x: float | None, source: str
) -> Placement:
    """Size from ImageJ's keys: `spacing` along z and the resolution tags, all in `unit`."""
    unit = str(written.get("unit", ""))
    z = _number(written.get("spacing"))
    z_um = _scaled(abs(z) if z else None, um_per_unit(str(written.get("zunit", unit))))
    y_um = _scaled(size_y, um_per_unit(str(written.get("yunit", unit))))
    x_um = _scaled(size_x, um_per_unit(unit))
    return Placement((z_um, y_um, x_um), source=source)


def _lsm_placement(written: Mapping[str, Any]) -> Placement:
    """Zeiss writes metres."""
    z, y, x = (_positive(_length(written.get(f"VoxelSize{axis}"), "m")) for axis in "ZYX")
    return Placement((z, y, x), source="LSM metadata")


def _resolution(page: Any, name: str) -> float | None:
    """Length of a pixel in the unit that the file names elsewhere, from a resolution tag."""
    tag = page.tags.get(name)
    if tag is None or not isinstance(tag.value, tuple) or len(tag.value) != 2:
        return None
    pixels, per = tag.value
    return _positive(per / pixels) if pixels else None


def _length(value: Any, unit: str) -> float | None:
    return _scaled(_number(value), um_per_unit(unit))


def _scaled(value: float | None, factor: float | None) -> float | None:
    return None if value is None or factor is None else value * factor


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _positive(value: float | None) -> float | None:
    return value if value is not None and value > 0 else None


def _filled(triple: MaybeTriple) -> tuple[float, float, float]:
    z, y, x = (value or 0.0 for value in triple)
    return z, y, x
