"""Pictures of tracings: what they show and how large they get."""

import matplotlib
import numpy as np
import pytest

from neurorecon.morphology import Morphology
from neurorecon.report.preview import draw_preview
from neurorecon.volume import Grid


def tree(*points_zyx) -> Morphology:
    points = np.asarray(points_zyx, float)
    n = len(points)
    return Morphology(points, np.ones(n), np.arange(n) - 1, np.zeros(n, int), "um")


def rendered(figure):
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].astype(int)


def test_all_panels_have_one_physical_scale():
    figure = draw_preview(np.eye(7 * 11 * 13)[0].reshape(7, 11, 13), Grid((3.0, 1.0, 0.5)), [])
    inches = figure.get_size_inches()
    scales = []
    for axes in figure.axes:
        box, (left, right), (bottom, top) = axes.get_position(), axes.get_xlim(), axes.get_ylim()
        scales += [
            box.width * inches[0] / abs(right - left),
            box.height * inches[1] / abs(bottom - top),
        ]
    assert len(figure.axes) == 6
    assert np.ptp(scales) < 1e-6 * scales[0]


def test_tree_is_drawn_on_the_right_half_where_it_lies():
    grid = Grid((1.0, 1.0, 1.0), (0.0, 100.0, 200.0), "um", "test")
    figure = draw_preview(
        np.zeros((10, 40, 60), np.uint8), grid, [tree((5, 120, 210), (5, 120, 250))]
    )
    image = rendered(figure)
    front = figure.axes[3]
    height = image.shape[0]
    x, y = front.transData.transform((230.0, 120.0))
    on_tree = image[round(height - y), round(x)]
    assert on_tree.max() > 200
    x, y = figure.axes[0].transData.transform((230.0, 120.0))
    assert image[round(height - y), round(x)].max() < 60


def test_scale_bar_only_where_lengths_are_known():
    stack = np.zeros((10, 40, 60), np.uint8)
    known, unknown = Grid((1.0, 1.0, 1.0), unit="um"), Grid()
    assert [text.get_text() for text in draw_preview(stack, known, []).axes[0].texts] == ["10 µm"]
    assert not draw_preview(stack, unknown, []).axes[0].texts


@pytest.mark.parametrize("shape", [(3000, 2, 2), (2, 5000, 3), (1, 1, 1), (2, 2, 4000)])
def test_size_is_bounded_whatever_the_stack(shape):
    image = rendered(draw_preview(np.zeros(shape, np.uint8), Grid(), [tree((0, 0, 0))]))
    assert max(image.shape) <= 2400


def test_one_bright_voxel_of_a_huge_stack_is_visible():
    stack = np.zeros((2, 4000, 4000), np.uint8)
    stack[0, 1234, 2345] = 255
    assert rendered(draw_preview(stack, Grid(), []))[:, :1050].max() > 120


def test_no_global_state_of_matplotlib_is_touched():
    before = matplotlib.get_backend(auto_select=False)
    draw_preview(np.zeros((5, 6, 7), np.uint8), Grid(), [])
    assert matplotlib.get_backend(auto_select=False) == before


def test_bridged_gaps_are_red_on_the_trees_side_only():
    grid = Grid((1.0, 1.0, 1.0), unit="um")
    neuron, gap = tree((5, 20, 10), (5, 20, 50)), np.array([[5.0, 20.0, 26.0], [5.0, 20.0, 34.0]])
    plain, marked = (
        rendered(draw_preview(np.zeros((10, 40, 60), np.uint8), grid, [neuron], gaps))
        for gaps in ([], [gap])
    )
    differs = (plain != marked).any(axis=-1)
    assert differs.any()
    assert not differs[:, : differs.shape[1] // 2].any()
    red = marked[differs]
    assert (red[:, 0] >= red[:, 1]).mean() > 0.9


def test_a_stack_on_disk_gives_the_picture_of_the_array():
    class Blocks:
        """Planes cut in two, in any order."""

        shape, dtype = (7, 30, 20), np.dtype(np.uint8)
        array = np.random.default_rng(1).integers(0, 255, shape).astype(np.uint8)

        def blocks(self):
            for z in (3, 0, 1, 2, 4, 6, 5):
                yield slice(z, z + 1), slice(13, 30), slice(0, 20)
                yield slice(z, z + 1), slice(0, 13), slice(0, 20)

        def __getitem__(self, where):
            return self.array[where]

    lazy = rendered(draw_preview(Blocks(), Grid(), []))
    assert np.array_equal(lazy, rendered(draw_preview(Blocks.array, Grid(), [])))


def test_dark_neurites_are_shown_bright():
    """Brightfield: the brightest voxel along a line of sight would hide them."""
    stack = np.full((10, 40, 60), 200, np.uint8)
    stack[5, 20, 10:51] = 20
    grid = Grid((1.0, 1.0, 1.0), unit="um")
    figure = draw_preview(stack, grid, [tree((5, 20, 10), (5, 20, 50))])
    image, front = rendered(figure), figure.axes[0]
    on, beside = (
        image[round(image.shape[0] - y), round(x)].max()
        for x, y in (front.transData.transform((30.0, y)) for y in (20.0, 30.0))
    )
    assert on > 200
    assert beside < 60
