"""Small stacks in every format, written by this file alone or by the format's own library."""

import bz2
import gzip
import struct
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
import nibabel
import nrrd
import numpy as np
import tifffile
import zarr
from numpy.typing import NDArray
from PIL import Image

SHAPE = (7, 11, 13)
VOXEL_UM = (2.0, 0.5, 0.25)
STACK = np.random.default_rng(1).integers(0, 60000, SHAPE).astype(np.uint16)
Array = NDArray[Any]


def write_nrrd(path: Path, array: Array = STACK, encoding: str = "gzip", **header: Any) -> Path:
    z, y, x = VOXEL_UM
    described: dict[str, Any] = {
        "encoding": encoding,
        "space dimension": 3,
        "space directions": np.diag([x, y, z]),
        "space units": ["microns"] * 3,
        **header,
    }
    described = {key: value for key, value in described.items() if value is not None}
    nrrd.write(str(path), array, described, index_order="C")
    return path


def write_hdf5(
    path: Path, datasets: dict[str, Array], size: Any = VOXEL_UM, **options: Any
) -> Path:
    with h5py.File(path, "w") as file:
        for name, array in datasets.items():
            made = file.create_dataset(name, data=array, **options)
            if size is not None:
                made.attrs["element_size_um"] = size
    return path


def _letters(text: Any) -> Array:
    return np.array([letter.encode() for letter in str(text)])


def write_ims(
    path: Path,
    channels: Sequence[Array] = (STACK,),
    low: Any = (0.0, 0.0, 0.0),
    chunks: Any = (4, 8, 8),
    times: int = 1,
) -> Path:
    """Two resolution levels, each padded to whole chunks; low: z, y, x of the first outer face."""
    with h5py.File(path, "w") as file:
        about = file.create_group("DataSetInfo/Image")
        about.attrs["Unit"] = _letters("um")
        for axis, name in enumerate("XYZ"):
            size, count = VOXEL_UM[2 - axis], channels[0].shape[2 - axis]
            about.attrs[name] = _letters(count)
            about.attrs[f"ExtMin{axis}"] = _letters(low[2 - axis])
            about.attrs[f"ExtMax{axis}"] = _letters(low[2 - axis] + count * size)
        for level, step in enumerate((1, 2)):
            for time in range(times):
                for number, array in enumerate(channels):
                    small = array[:, ::step, ::step]
                    padding = [
                        (0, -size % chunk) for size, chunk in zip(small.shape, chunks, strict=True)
                    ]
                    group = file.create_group(
                        f"DataSet/ResolutionLevel {level}/TimePoint {time}/Channel {number}"
                    )
                    group.create_dataset(
                        "Data", data=np.pad(small, padding), chunks=chunks, compression="gzip"
                    )
                    for axis, count in zip("ZYX", small.shape, strict=True):
                        group.attrs[f"ImageSize{axis}"] = _letters(count)
    return path


def write_v3draw(path: Path, array: Array = STACK, order: str = "<", short: bool = False) -> Path:
    """array: (Z, Y, X) or (C, Z, Y, X), of u1, u2 or f4."""
    array = array.reshape(-1, *array.shape[-3:])
    sizes = struct.pack(f"{order}4{'h' if short else 'i'}", *array.shape[::-1])
    start = b"raw_image_stack_by_hpeng" + (b"L" if order == "<" else b"B")
    kind = struct.pack(f"{order}h", array.itemsize)
    path.write_bytes(start + kind + sizes + array.astype(array.dtype.newbyteorder(order)).tobytes())
    return path


# kind -> (the code of a packet of one value, values it holds at most)
_PACKETS = {
    1: {"literal": (0, 33), 2: (33, 95), "repeat": (128, 128)},
    2: {"literal": (0, 32), 3: (32, 48), 4: (80, 103), 5: (183, 40), "repeat": (223, 33)},
}


def pack_pbd(values: Array, order: str = "<", seed: int = 0) -> bytes:
    """The values in packets of kinds that are drawn at random of those that can hold them."""
    rng, out, at = np.random.default_rng(seed), bytearray(), 0
    plain = values.astype(np.int64)
    itemsize = values.itemsize
    stored = values.astype(values.dtype.newbyteorder(order))
    while at < len(values):
        fits: list[tuple[Any, int]] = [("literal", min(len(values) - at, 5))]
        same = np.flatnonzero(plain[at:] != plain[at])
        fits.append(("repeat", int(same[0]) if len(same) else len(values) - at))
        for bits in (kind for kind in _PACKETS[itemsize] if isinstance(kind, int) and at):
            low, high = (-1, 2) if bits == 2 else (1 - 2 ** (bits - 1), 2 ** (bits - 1))
            step = np.diff(plain[at - 1 :])
            bad = np.flatnonzero((step < low) | (step > high))
            fits.append((bits, int(bad[0]) if len(bad) else len(step)))
        kind, count = [fit for fit in fits if fit[1]][rng.integers(sum(fit[1] > 0 for fit in fits))]
        first, most = _PACKETS[itemsize][kind]
        count = min(count, most)
        out.append(first + count - 1)
        if kind == "literal":
            out += stored[at : at + count].tobytes()
        elif kind == "repeat":
            out += stored[at : at + 1].tobytes()
        else:
            out += _bits(np.diff(plain[at - 1 : at + count]).tolist(), kind)
        at += count
    return bytes(out)


def _bits(steps: list[int], bits: int) -> bytes:
    if bits == 2:
        codes = [3 if step == -1 else step for step in steps] + [0] * (-len(steps) % 4)
        fours = zip(*(codes[i::4] for i in range(4)), strict=True)
        return bytes(a | b << 2 | c << 4 | d << 6 for a, b, c, d in fours)
    codes = [step if step >= 0 else 2 ** (bits - 1) - step for step in steps]
    text = "".join(f"{code:0{bits}b}" for code in codes)
    text += "0" * (-len(text) % 8)
    return bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))


def write_v3dpbd(path: Path, array: Array = STACK, order: str = "<", seed: int = 0) -> Path:
    array = array.reshape(-1, *array.shape[-3:])
    start = b"v3d_volume_pkbitdf_encod" + (b"L" if order == "<" else b"B")
    header = start + struct.pack(f"{order}h4i", array.itemsize, *array.shape[::-1])
    path.write_bytes(header + pack_pbd(array.ravel(), order, seed))
    return path


def write_nifti(
    path: Path, array: Array = STACK, unit: str = "micron", kind: Any = nibabel.Nifti1Image
) -> Path:
    z, y, x = VOXEL_UM
    image = kind(array.T, np.diag([x, y, z, 1.0]))
    image.header.set_xyzt_units(unit)
    nibabel.save(image, path)
    return path


def write_slices(folder: Path, array: Array = STACK, suffix: str = ".tif") -> Path:
    """Numbered from 8 without leading zeros, so that the order of names is not that of slices."""
    folder.mkdir()
    for z, plane in enumerate(array, start=8):
        if suffix == ".tif":
            tifffile.imwrite(folder / f"s{z}.tif", plane, photometric="minisblack")
        else:
            Image.fromarray(plane).save(folder / f"s{z}{suffix}")
    return folder


def write_lsm(path: Path, array: Array = STACK) -> Path:
    """(Z, Y, X) with the tag of Zeiss, and a thumbnail after each plane, as the microscope does."""
    kinds = tifffile.TIFF.CZ_LSMINFO
    header = np.zeros(1, np.dtype([(name, f"<{kind}") for name, kind in kinds]))
    header["MagicNumber"], header["StructureSize"] = 67127628, header.nbytes
    for axis, count, size in zip("ZYX", array.shape[-3:], VOXEL_UM, strict=True):
        header[f"Dimension{axis}"], header[f"VoxelSize{axis}"] = count, size * 1e-6
    header["DimensionChannels"] = header["DimensionTime"] = 1
    header["DataType"] = array.dtype.itemsize
    thumbnail = np.zeros((4, 4, 3), np.uint8)
    with tifffile.TiffWriter(path, byteorder="<") as writer:
        for z, plane in enumerate(array):
            tag = [(34412, 1, header.nbytes, header.tobytes(), True)] if z == 0 else []
            writer.write(plane, photometric="minisblack", extratags=tag, metadata=None)
            writer.write(thumbnail, photometric="rgb", subfiletype=1, metadata=None)
    return path


def write_multifile_ome(folder: Path, array: Array = STACK) -> list[Path]:
    """A plane a file, as microscopes write large recordings; each names all of them."""
    folder.mkdir()
    files = [folder / f"plane_{z}.ome.tif" for z in range(len(array))]
    ids = [uuid.uuid5(uuid.NAMESPACE_OID, file.name).urn for file in files]
    depth, height, width = array.shape
    z_um, y_um, x_um = VOXEL_UM
    parts = "".join(
        f'<TiffData FirstZ="{z}" IFD="0" PlaneCount="1"><UUID FileName="{file.name}">{own}</UUID>'
        "</TiffData>"
        for z, (file, own) in enumerate(zip(files, ids, strict=True))
    )
    for file, own, plane in zip(files, ids, array, strict=True):
        xml = (
            '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="{own}"><Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" '
            f'Type="uint16" SizeX="{width}" SizeY="{height}" SizeZ="{depth}" SizeC="1" SizeT="1" '
            f'PhysicalSizeX="{x_um}" PhysicalSizeY="{y_um}" PhysicalSizeZ="{z_um}">'
            f'<Channel ID="Channel:0:0" SamplesPerPixel="1"/>{parts}</Pixels></Image></OME>'
        )
        tifffile.imwrite(file, plane, description=xml, metadata=None, photometric="minisblack")
    return files


def write_zarr(path: Path) -> Path:
    group = zarr.open_group(path, mode="w", zarr_format=2)
    group.create_array("0", data=STACK, chunks=(4, 5, 6))
    axes = [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "zyx"]
    scale = [{"type": "scale", "scale": list(VOXEL_UM)}]
    level = {"path": "0", "coordinateTransformations": scale}
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": [level]}]
    return path


def _imagej(path: Path) -> Path:
    metadata = {"axes": "ZYX", "spacing": VOXEL_UM[0], "unit": "um"}
    resolution = (1 / VOXEL_UM[2], 1 / VOXEL_UM[1])
    tifffile.imwrite(path, STACK, imagej=True, metadata=metadata, resolution=resolution)
    return path


def _ome(path: Path, **options: Any) -> Path:
    sizes = {f"PhysicalSize{axis}": size for axis, size in zip("ZYX", VOXEL_UM, strict=True)}
    tifffile.imwrite(path, STACK, ome=True, metadata={"axes": "ZYX", **sizes}, **options)
    return path


def _detached(path: Path) -> Path:
    return write_nrrd(path, encoding="raw")


# name of the file -> what writes STACK under it. All know the voxel size but those of UNKNOWN.
WRITERS: dict[str, Callable[[Path], Path]] = {
    "imagej.tif": _imagej,
    "one.ome.tif": _ome,
    "big.ome.tif": lambda path: _ome(path, bigtiff=True, tile=(16, 16), compression="zlib"),
    "several": lambda path: write_multifile_ome(path)[2],
    "a.lsm": write_lsm,
    "slices": write_slices,
    "a.ome.zarr": write_zarr,
    "raw.nrrd": lambda path: write_nrrd(path, encoding="raw"),
    "packed.nrrd": write_nrrd,
    "bzip2.nrrd": lambda path: write_nrrd(path, encoding="bzip2"),
    "text.nrrd": lambda path: write_nrrd(path, encoding="ascii"),
    "detached.nhdr": _detached,
    "a.h5": lambda path: write_hdf5(path, {"volumes/raw": STACK}, chunks=(4, 5, 6)),
    "contiguous.hdf5": lambda path: write_hdf5(path, {"raw": STACK}),
    "a.ims": write_ims,
    "a.v3draw": write_v3draw,
    "a.v3dpbd": write_v3dpbd,
    "a.nii": write_nifti,
    "a.nii.gz": write_nifti,
    "two.nii": lambda path: write_nifti(path, kind=nibabel.Nifti2Image),
    "pair.img": lambda path: write_nifti(path, kind=nibabel.Nifti1Pair),
}
UNKNOWN = {"slices", "a.v3draw", "a.v3dpbd"}
COMPRESSORS = {"gzip": gzip.compress, "bzip2": bz2.compress}
