import numpy as np
from scipy.spatial import cKDTree

from neurorecon.model.runtime import prepared_cpu

DENORMAL = 5e-324  # the smallest number above zero


def test_denormal_numbers_are_zero_for_the_network_and_back_afterwards() -> None:
    one, smallest = np.ones(1), np.array([DENORMAL])
    assert (one * smallest).item() > 0
    with prepared_cpu():
        assert (one * smallest).item() == 0
    assert (one * smallest).item() > 0


def test_trees_are_scored_after_a_network_ran_in_the_same_process() -> None:
    """cKDTree recurses until the stack overflows where denormal numbers are zero."""
    with prepared_cpu():
        pass
    points = np.zeros((100, 3))
    points[0] = 1.0
    assert cKDTree(points).query(np.zeros(3))[0] == 0.0
