"""Stacks on disk in the place of arrays: the same values, whatever is read, and bounded memory."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neurorecon.io.ondisk import VoxelsOnDisk
from neurorecon.io.stack import OpenStack, open_stack

SHAPE = (9, 14, 23)
STACK = np.random.default_rng(3).integers(0, 60000, SHAPE).astype(np.uint16)


def written(folder: Path, kind: str) -> Path:
    path = folder / kind
    if kind == "plain.tif":
        tifffile.imwrite(path, STACK)
    elif kind == "compressed.tif":
        tifffile.imwrite(path, STACK, compression="zlib")
    elif kind == "tiled.tif":
        tifffile.imwrite(path, STACK, compression="zlib", tile=(16, 16))
    else:
        zarr.create_array(path, data=STACK, chunks=(4, 5, 6))
    return path


KINDS = ["plain.tif", "compressed.tif", "tiled.tif", "chunks.zarr"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("stacks")
    for kind in KINDS:
        written(folder, kind)
    return folder


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("block_bytes", [1, 700, 4000, 10**9])
def test_blocks_cover_the_stack_once_and_hold_its_values(folder, kind, block_bytes):
    with open_stack(folder / kind) as stack:
        voxels = VoxelsOnDisk(stack, block_bytes=block_bytes, cache_bytes=1)
        found, times = np.zeros(SHAPE, np.uint16), np.zeros(SHAPE, int)
        chunk = np.prod(np.minimum(stack.chunk_zyx, SHAPE)) * 2
        for box in voxels.blocks():
            assert STACK[box].nbytes <= max(block_bytes, chunk)
            found[box] = voxels[box]
            times[box] += 1
    assert (times == 1).all()
    assert np.array_equal(found, STACK)


def ranges(size: int):
    return st.tuples(st.integers(0, size), st.integers(0, size)).map(
        lambda ends: slice(min(ends), max(ends))
    )


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(KINDS), where=st.tuples(*map(ranges, SHAPE)), block=st.integers(1, 999))
def test_any_box_is_that_of_the_array(folder, kind, where, block):
    with open_stack(folder / kind) as stack:
        for cache in (1, 10**6):
            voxels = VoxelsOnDisk(stack, block_bytes=block, cache_bytes=cache)
            assert np.array_equal(voxels[where], STACK[where])


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(KINDS), seed=st.integers(0, 99), count=st.integers(0, 50))
def test_any_points_are_those_of_the_array(folder, kind, seed, count):
    rng = np.random.default_rng(seed)
    where = tuple(rng.integers(0, size, count) for size in SHAPE)
    with open_stack(folder / kind) as stack:
        for cache in (1, 10**6):
            assert np.array_equal(VoxelsOnDisk(stack, cache_bytes=cache)[where], STACK[where])


@pytest.fixture
def reads(monkeypatch) -> list:
    """Boxes that are read from files, as they are read."""
    boxes, read = [], OpenStack.read

    def counted(stack, box=None):
        boxes.append(box)
        return read(stack, box)

    monkeypatch.setattr(OpenStack, "read", counted)
    return boxes


def test_what_was_read_last_is_kept_up_to_a_limit(folder, reads):
    with open_stack(folder / "compressed.tif") as stack:
        voxels = VoxelsOnDisk(stack, cache_bytes=3 * STACK[0].nbytes)
        for z in (0, 1, 2, 2, 1, 0):
            assert voxels[np.array([z]), np.array([5]), np.array([6])] == STACK[z, 5, 6]
        assert len(reads) == 3
        for z in (3, 0, 1, 2):  # plane 2 makes room for plane 3
            assert voxels[np.array([z]), np.array([5]), np.array([6])] == STACK[z, 5, 6]
        assert len(reads) == 5


def test_values_are_converted_wherever_they_are_read(folder):
    with open_stack(folder / "chunks.zarr") as stack:
        low = np.dtype(np.uint8)
        plain = VoxelsOnDisk(stack)
        voxels = plain.converted(lambda array: (array >> 8).astype(np.uint8), low)
        assert (voxels.dtype, plain.dtype) == (low, np.uint16)
        box = (slice(1, 5), slice(2, 9), slice(3, 20))
        assert np.array_equal(voxels[box], (STACK >> 8).astype(np.uint8)[box])
        assert voxels[3, 4, 5] == STACK[3, 4, 5] >> 8
        assert plain[3, 4, 5] == STACK[3, 4, 5]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cache_bytes", [1, 10**6])
def test_a_part_of_a_stack_in_the_place_of_the_whole(folder, kind, cache_bytes):
    part = (slice(2, 8), slice(3, 13), slice(5, 20))
    with open_stack(folder / kind) as stack:
        voxels = VoxelsOnDisk(stack, box=part, block_bytes=900, cache_bytes=cache_bytes)
        found = np.zeros(voxels.shape, np.uint16)
        for box in voxels.blocks():
            found[box] = voxels[box]
        assert np.array_equal(found, STACK[part])
        where = np.array([0, 5]), np.array([9, 1]), np.array([14, 2])
        assert np.array_equal(voxels[where], STACK[part][where])


def test_a_stack_that_fits_into_what_is_kept_is_read_once(folder, reads):
    with open_stack(folder / "chunks.zarr") as stack:
        voxels = VoxelsOnDisk(stack)
        for box in voxels.blocks():
            voxels[box]
        voxels[1:3, 2:4, 5:9], voxels[np.array([8]), np.array([1]), np.array([0])]
    assert len(reads) == 1
