from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from neurorecon.io.stack import read_volume, unknown_voxel_size
from neurorecon.io.tiff_grid import Placement, make_grid, ome_placement
from neurorecon.volume import Grid

STACK = np.arange(5 * 4 * 6, dtype=np.uint8).reshape(5, 4, 6)


def _grid(path: Path, **options: Any) -> Grid:
    return read_volume(path, **options).grid


def _imagej(
    path: Path, unit: str | None, spacing: float | None, pixel_yx: tuple[float, float]
) -> None:
    """A stack as Fiji saves it: z in the description, x and y as pixels per unit in tags."""
    lines = ["ImageJ=1.54f", "images=5", "slices=5"]
    lines += [f"unit={unit}"] if unit is not None else []
    lines += [f"spacing={spacing}"] if spacing is not None else []
    tifffile.imwrite(
        path,
        STACK,
        description="\n".join([*lines, ""]),
        metadata=None,
        resolution=(1 / pixel_yx[1], 1 / pixel_yx[0]),
        resolutionunit="NONE",
    )


@pytest.mark.parametrize(
    ("unit", "um"),
    [
        ("micron", 1.0),
        ("microns", 1.0),
        ("um", 1.0),
        ("\\u00B5m", 1.0),
        ("micrometer", 1.0),
        ("nm", 1e-3),
        ("mm", 1e3),
        ("cm", 1e4),
        ("inch", 25400.0),
    ],
)
def test_imagej_units(tmp_path: Path, unit: str, um: float) -> None:
    _imagej(tmp_path / "a.tif", unit, 2.0, (0.5, 0.25))
    grid = _grid(tmp_path / "a.tif")
    assert grid.voxel_size_zyx == pytest.approx((2.0 * um, 0.5 * um, 0.25 * um))
    assert (grid.unit, grid.source) == ("um", "ImageJ metadata")
    assert unknown_voxel_size(grid) is None


@pytest.mark.parametrize(
    ("unit", "spacing"), [(None, None), (None, 2.0), ("pixel", 1.0), ("furlong", 2.0)]
)
def test_imagej_without_a_unit_of_length_is_unknown(
    tmp_path: Path, unit: str | None, spacing: float | None
) -> None:
    _imagej(tmp_path / "a.tif", unit, spacing, (1.0, 1.0))
    grid = _grid(tmp_path / "a.tif")
    assert (grid.unit, grid.voxel_size_zyx) == ("voxel", (1.0, 1.0, 1.0))
    assert "--voxel-size Z Y X" in str(unknown_voxel_size(grid))


def test_imagej_without_z_spacing_is_no_voxel_size(tmp_path: Path) -> None:
    _imagej(tmp_path / "a.tif", "micron", None, (0.5, 0.25))
    warning = unknown_voxel_size(_grid(tmp_path / "a.tif"))
    assert warning is not None
    assert "y 0.5 um, x 0.25 um but not z" in warning
    assert "--voxel-size Z Y X" in warning


def test_imagej_spacing_downwards_is_a_distance(tmp_path: Path) -> None:
    _imagej(tmp_path / "a.tif", "um", -2.0, (1.0, 1.0))
    assert _grid(tmp_path / "a.tif").voxel_size_zyx[0] == 2.0


@pytest.mark.parametrize("options", [{"imagej": True}, {}], ids=str)
def test_spacing_and_unit_as_tifffile_writes_them(tmp_path: Path, options: Any) -> None:
    metadata = {"axes": "ZYX", "spacing": 2.0, "unit": "um"}
    tifffile.imwrite(tmp_path / "a.tif", STACK, metadata=metadata, resolution=(4, 2), **options)
    assert _grid(tmp_path / "a.tif").voxel_size_zyx == (2.0, 0.5, 0.25)


@pytest.mark.parametrize(
    ("unit", "um"),
    [
        ("µm", 1.0), ("um", 1.0), ("micron", 1.0), ("nm", 1e-3), ("mm", 1e3), ("cm", 1e4),
        ("m", 1e6), ("inch", 25400.0), ("in", 25400.0), ("Å", 1e-4), (None, 1.0),
    ],
)  # fmt: skip
def test_ome_units(tmp_path: Path, unit: str | None, um: float) -> None:
    metadata: dict[str, Any] = {"axes": "ZYX"}
    for axis, size in zip("ZYX", (2.0, 0.5, 0.25), strict=True):
        metadata[f"PhysicalSize{axis}"] = size
        if unit is not None:
            metadata[f"PhysicalSize{axis}Unit"] = unit
    tifffile.imwrite(tmp_path / "a.ome.tif", STACK, metadata=metadata)
    grid = _grid(tmp_path / "a.ome.tif")
    assert grid.voxel_size_zyx == pytest.approx((2.0 * um, 0.5 * um, 0.25 * um))
    assert (grid.unit, grid.source) == ("um", "OME metadata")


def _ome(pixels: str, planes: str = "", shape: str = 'SizeZ="5" SizeY="4" SizeX="6"') -> str:
    return (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        f"<Pixels {shape} {pixels}>{planes}</Pixels></Image></OME>"
    )


@pytest.mark.parametrize(
    "pixels",
    [
        "",
        'PhysicalSizeX="0.5" PhysicalSizeY="0.5"',
        'PhysicalSizeX="0.5" PhysicalSizeY="0.5" PhysicalSizeZ="0"',
        'PhysicalSizeX="0.5" PhysicalSizeY="0.5" PhysicalSizeZ="-1"',
        'PhysicalSizeX="nan" PhysicalSizeY="0.5" PhysicalSizeZ="1"',
        'PhysicalSizeX="a" PhysicalSizeY="0.5" PhysicalSizeZ="1"',
        'PhysicalSizeX="1" PhysicalSizeY="1" PhysicalSizeZ="1" PhysicalSizeZUnit="pixel"',
    ],
)
def test_incomplete_or_senseless_ome_sizes_are_unknown(pixels: str) -> None:
    grid = make_grid(ome_placement(_ome(pixels), (5, 4, 6)), None)
    assert (grid.unit, grid.voxel_size_zyx) == ("voxel", (1.0, 1.0, 1.0))


@pytest.mark.parametrize("xml", ["", "<OME", "<OME/>", "<other><Pixels/></other>"])
def test_broken_ome_xml_is_unknown(xml: str) -> None:
    assert make_grid(ome_placement(xml, (5, 4, 6)), None).unit == "voxel"


def test_ome_position_is_the_origin_in_its_own_unit() -> None:
    sizes = 'PhysicalSizeX="0.5" PhysicalSizeY="0.5" PhysicalSizeZ="2"'
    plane = (
        '<Plane TheZ="1" TheC="0" TheT="0" PositionX="9" PositionXUnit="mm"/>'
        '<Plane TheZ="0" TheC="0" TheT="0" PositionX="0.25" PositionXUnit="mm" '
        'PositionY="-40" PositionYUnit="nm" PositionZ="3" PositionZUnit="reference frame"/>'
    )
    placement = ome_placement(_ome(sizes, plane), (5, 4, 6))
    assert make_grid(placement, None).origin_zyx == pytest.approx((0.0, -0.04, 250.0))


def test_the_ome_image_of_the_stacks_shape_counts() -> None:
    other = _ome('PhysicalSizeX="9" PhysicalSizeY="9" PhysicalSizeZ="9"', shape='SizeZ="1"')
    own = _ome('PhysicalSizeX="1" PhysicalSizeY="2" PhysicalSizeZ="3"')
    both = other.replace("</OME>", own[own.index("<Image") :])
    assert make_grid(ome_placement(both, (5, 4, 6)), None).voxel_size_zyx == (3.0, 2.0, 1.0)


@pytest.mark.parametrize(
    ("resolution", "unit"),
    [((1, 1), "NONE"), ((72, 72), "INCH"), ((300, 300), "INCH"), ((28.3, 28.3), "CENTIMETER"),
     ((0, 0), "NONE")],
)  # fmt: skip
def test_resolutions_of_printers_and_of_nothing_are_not_believed(
    tmp_path: Path, resolution: tuple[float, float], unit: str
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK, resolution=resolution, resolutionunit=unit)
    grid = _grid(tmp_path / "a.tif")
    assert grid == Grid(source="unknown (no OME or ImageJ metadata)")


def test_resolution_tags_alone_tell_no_z(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", STACK, resolution=(40000, 20000), resolutionunit="CENTIMETER"
    )
    grid = _grid(tmp_path / "a.tif")
    assert grid.unit == "voxel"
    assert "y 0.5 um, x 0.25 um but not z" in grid.source


def test_the_users_voxel_size_wins(tmp_path: Path) -> None:
    _imagej(tmp_path / "a.tif", "micron", 2.0, (0.5, 0.25))
    grid = _grid(tmp_path / "a.tif", voxel_size_zyx=(3.0, 1.0, 0.7), roi="1:,2:,3:")
    assert grid == Grid((3.0, 1.0, 0.7), (3.0, 2.0, pytest.approx(2.1)), "um", "--voxel-size")


def test_the_users_voxel_size_scales_an_origin_in_voxels_only() -> None:
    size = (2.0, 1.0, 0.5)
    in_voxels = Placement(origin_voxel=(1.0, 2.0, 3.0))
    assert make_grid(in_voxels, size).origin_zyx == (2.0, 2.0, 1.5)
    in_um = Placement((1.0, 1.0, 1.0), origin_um=(1.0, 2.0, 3.0))
    assert make_grid(in_um, size).origin_zyx == (1.0, 2.0, 3.0)
