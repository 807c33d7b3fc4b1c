"""Foreground found box by box is that of the whole stack, and knows all around it."""

from functools import partial
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurorecon.errors import NeuroreconError
from neurorecon.tracing.boundary import boundary_points
from neurorecon.tracing.evidence import probability_at
from neurorecon.tracing.foreground import find_foreground
from neurorecon.tracing.pieces import joined_pieces, piece_of

SHAPE = (7, 11, 13)


class Untouchable:
    """A stack of which no voxel may be read."""

    def __init__(self, stack):
        self.shape, self.dtype = stack.shape, stack.dtype

    def __getitem__(self, where):
        raise AssertionError(f"{where} was read")


def boxes_of(cuts):
    sides = []
    for size, cut in zip(SHAPE, cuts, strict=True):
        borders = [0, *sorted({c for c in cut if 0 < c < size}), size]
        sides.append([slice(a, b) for a, b in pairwise(borders)])
    return list(product(*sides))


@given(
    seed=st.integers(0, 1000),
    share=st.floats(0.01, 1.0),
    cuts=st.lists(st.lists(st.integers(1, 12), max_size=3), min_size=3, max_size=3),
    kind=st.sampled_from([np.uint8, np.float32]),
)
def test_whatever_the_boxes_and_their_order(seed, share, cuts, kind):
    rng = np.random.default_rng(seed)
    stack = rng.random(SHAPE) * (rng.random(SHAPE) < share)
    stack.flat[seed % stack.size] = 0.9
    stack = (stack * 255).astype(kind) if kind == np.uint8 else stack.astype(kind)
    boxes = boxes_of(cuts)
    rng.shuffle(boxes)
    boxes = [tuple(box) for box in boxes]
    whole = find_foreground(stack, 0.5)
    joined = joined_pieces((piece_of(stack, box, 0.5) for box in boxes), stack, 0.5, None)
    assert np.array_equal(joined.foreground.index_zyx, whole.index_zyx)
    assert np.array_equal(joined.foreground.probability, whole.probability)
    # What the surface of the neurites needs is in the pieces: nothing is read again.
    known = joined.probability
    known._stack = Untouchable(stack)
    size = np.array([2.0, 1.0, 0.5])
    surface = boundary_points(whole, partial(probability_at, stack), 0.5, size)
    again = boundary_points(joined.foreground, partial(probability_at, known), 0.5, size)
    assert np.array_equal(again, surface)


def test_what_is_not_known_is_read():
    stack = np.zeros(SHAPE, np.uint8)
    stack[3, 4, 5:9] = 200, 255, 180, 140
    stack[0, 0, :] = 7
    boxes = boxes_of([[3], [5], [7]])
    known = joined_pieces(
        (piece_of(stack, box, 0.5) for box in boxes), stack, 0.5, None
    ).probability
    index = np.indices(SHAPE).reshape(3, -1)
    assert np.array_equal(known[tuple(index)], stack.ravel())
    assert np.array_equal(known[1:4, 2:6, 3:9], stack[1:4, 2:6, 3:9])


def test_too_much_and_too_little_are_refused_as_in_one_process():
    stack = np.full(SHAPE, 255, np.uint8)
    boxes = boxes_of([[3], [5], [7]])
    with pytest.raises(NeuroreconError, match="at most 100 can be traced"):
        joined_pieces((piece_of(stack, box, 0.5) for box in boxes), stack, 0.5, 100)
    with pytest.raises(NeuroreconError, match="lower --threshold"):
        joined_pieces((piece_of(stack // 4, box, 0.5) for box in boxes), stack // 4, 0.5, 100)
