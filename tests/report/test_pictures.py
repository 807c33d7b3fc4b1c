"""Pictures of a stack for a page: where things appear, how large they get, which are negatives."""

import io

import numpy as np
import pytest
from PIL import Image

from neurorecon.report.pictures import SLAB_PIXELS, SLABS, take_pictures
from neurorecon.report.projections import dark_along
from neurorecon.volume import Grid

GRID = Grid((2.0, 1.0, 0.5), (10.0, 20.0, 30.0), "um", "test")


def pixels(jpeg):
    return np.asarray(Image.open(io.BytesIO(jpeg))).astype(int)


def brightest(jpeg):
    picture = pixels(jpeg)
    return tuple(int(i) for i in np.unravel_index(picture.argmax(), picture.shape))


def stack_with_a_spot(shape=(7, 11, 13), spot=(4, 2, 9), background=20, value=200):
    stack = np.full(shape, background, np.uint8)
    stack[spot] = value
    return stack


def test_a_spot_appears_in_every_picture_where_it_lies():
    pictures = take_pictures(stack_with_a_spot(), GRID)
    assert pixels(pictures.along_z).shape == (11, 13)
    assert brightest(pictures.along_z) == (2, 9)
    assert brightest(pictures.along_y) == (4, 9)
    assert brightest(pictures.along_x) == (2, 4)
    bright = [number for number, slab in enumerate(pictures.slabs) if pixels(slab.jpeg).max() > 128]
    assert bright == [4]


def test_faces_are_half_a_voxel_outside_the_outermost_centres():
    pictures = take_pictures(stack_with_a_spot(), GRID)
    assert pictures.low_zyx == (9.0, 19.5, 29.75)
    assert pictures.high_zyx == (23.0, 30.5, 36.25)
    assert [slab.low for slab in pictures.slabs] == pytest.approx(np.arange(7) * 2 + 9.0)
    assert [slab.high for slab in pictures.slabs] == pytest.approx(np.arange(7) * 2 + 11.0)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float64, bool])
def test_dark_neurites_are_shown_bright(dtype):
    stack = stack_with_a_spot(background=1, value=0).astype(dtype)
    pictures = take_pictures(stack, GRID, negative=True)
    assert pictures.negative
    assert brightest(pictures.along_z) == (2, 9)
    assert brightest(pictures.along_x) == (2, 4)


def test_dark_along_tells_by_what_lies_beside_the_tree():
    z, y, x = np.meshgrid(*map(np.arange, (5, 60, 60)), indexing="ij")
    uneven = 100.0 + 2 * y + 0 * (z + x)
    path = np.stack([np.full(60, 2.0), np.full(60, 30.0), np.arange(60.0)], axis=1)
    for sign, dark in ((-15, True), (15, False)):
        stack = uneven.copy()
        stack[2, 29:32] += sign
        assert dark_along(stack, path) is dark
    assert dark_along(uneven, path + 1000) is False


def test_deep_and_wide_stacks_are_reduced_and_the_thinnest_neurite_stays():
    stack = stack_with_a_spot((3 * SLABS - 5, 2 * SLAB_PIXELS + 7, 9), (100, 1000, 4), 0, 255)
    pictures = take_pictures(stack, Grid())
    assert len(pictures.slabs) <= SLABS
    assert pictures.slabs[0].low == -0.5
    assert pictures.slabs[-1].high == len(stack) - 0.5
    [bright] = [slab for slab in pictures.slabs if pixels(slab.jpeg).max() > 128]
    assert bright.low < 100 < bright.high
    assert max(pixels(bright.jpeg).shape) <= SLAB_PIXELS
    assert pixels(pictures.along_z).max() > 128
    assert max(pixels(pictures.along_z).shape) <= 1024


@pytest.mark.parametrize("value", [0, 7])
def test_a_uniform_stack_is_a_dark_picture(value):
    pictures = take_pictures(np.full((2, 3, 4), value, np.uint16), GRID)
    assert pixels(pictures.along_z).max() == 0


class OnDisk:
    """A stack that is only read block by block."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype

    def blocks(self):
        for z in range(0, self.shape[0], 3):
            for y in range(0, self.shape[1], 4):
                yield slice(z, z + 3), slice(y, y + 4), slice(0, self.shape[2])

    def __getitem__(self, where):
        return self.array[where]


@pytest.mark.parametrize("negative", [False, True])
def test_a_stack_on_disk_gives_the_same_pictures(negative):
    shape = (SLABS * 2 + 1, 45, 2 * SLAB_PIXELS + 1)
    stack = np.random.default_rng(0).integers(0, 1000, shape).astype(np.uint16)
    assert take_pictures(OnDisk(stack), GRID, negative) == take_pictures(stack, GRID, negative)
