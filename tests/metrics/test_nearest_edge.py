"""The indexed distance to the nearest edge equals the distance to every edge, one by one."""

import numpy as np
import pytest
from forests import forest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurorecon.metrics.nearest import EdgeIndex


def distance_one_by_one(tree, point_zyx):
    """Textbook distance to each segment, in plain loops."""
    if len(tree.edges) == 0:
        segments = [(node, node) for node in tree.point_zyx]
    else:
        segments = [(tree.point_zyx[child], tree.point_zyx[parent]) for child, parent in tree.edges]
    result = []
    for point in point_zyx:
        best = np.inf
        for start, end in segments:
            length = np.linalg.norm(end - start)
            along = (point - start) @ (end - start) / length if length > 0 else 0.0
            foot = start + (end - start) * np.clip(along / length if length > 0 else 0.0, 0, 1)
            best = min(best, float(np.linalg.norm(point - foot)))
        result.append(best)
    return np.array(result)


coordinates = st.floats(-1e3, 1e3, width=32) | st.integers(-3, 3).map(float)
points = st.lists(st.tuples(coordinates, coordinates, coordinates), min_size=1, max_size=25)


@st.composite
def forests(draw):
    nodes = draw(points)
    parent = [draw(st.integers(-1, row - 1)) for row in range(len(nodes))]
    return forest(nodes, parent)


@given(forests(), points)
@settings(max_examples=150, deadline=None)
def test_exact_for_any_forest(tree, queries):
    queries = np.array(queries)
    expected = distance_one_by_one(tree, queries)
    np.testing.assert_allclose(EdgeIndex(tree).distance(queries), expected, rtol=1e-9, atol=1e-7)


@pytest.mark.parametrize("spread", [0.01, 3.0, 500.0])
def test_exact_where_edges_of_all_lengths_mix(spread):
    """Long edges among short ones, and points far away: many candidates have to be looked at."""
    random = np.random.default_rng(5)
    count = 400
    step = random.normal(size=(count, 3)) * 10 ** random.uniform(-3, 2.5, size=(count, 1))
    tree = forest(np.cumsum(step, axis=0), np.arange(-1, count - 1))
    queries = tree.point_zyx[::4] + random.normal(size=(100, 3)) * spread
    expected = distance_one_by_one(tree, queries)
    np.testing.assert_allclose(EdgeIndex(tree).distance(queries), expected, atol=1e-9)


def test_exact_in_the_middle_of_a_sphere_of_edges():
    """Everything is a candidate: all edges are nearly as far."""
    random = np.random.default_rng(6)
    direction = random.normal(size=(600, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    tree = forest(direction * 100, np.where(np.arange(600) % 2, np.arange(600) - 1, -1))
    queries = random.normal(size=(20, 3))
    expected = distance_one_by_one(tree, queries)
    np.testing.assert_allclose(EdgeIndex(tree).distance(queries), expected, atol=1e-9)


def test_lone_nodes_count_only_where_there_is_no_edge():
    lone = forest([[0, 0, 0], [9, 0, 0]], [-1, -1])
    assert EdgeIndex(lone).distance(np.array([[8.0, 0, 0]])) == pytest.approx(1)
    beside = forest([[0, 0, 0], [0, 5, 0], [9, 0, 0]], [-1, 0, -1])
    assert EdgeIndex(beside).distance(np.array([[9.0, 0, 0]])) == pytest.approx(9)


def test_work_grows_with_the_tree_not_its_square(monkeypatch):
    """All pairs of 300,000 points and edges would take minutes."""
    pairs = []
    among = EdgeIndex._among
    monkeypatch.setattr(
        EdgeIndex,
        "_among",
        lambda index, points, candidates: (
            pairs.append(len(points) * candidates) or among(index, points, candidates)
        ),
    )
    random = np.random.default_rng(0)
    tree = forest(np.cumsum(random.normal(size=(300_000, 3)), axis=0), np.arange(-1, 299_999))
    distance = EdgeIndex(tree).distance(tree.point_zyx + 0.3)
    assert sum(pairs) < 20 * 300_000
    assert distance.max() <= np.sqrt(3) * 0.3 + 1e-9
