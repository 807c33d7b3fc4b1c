import numpy as np
import pytest
from drawing import drawn, grid_of, joined, polyline

from neurorecon.tracing import trace_volume


@pytest.mark.parametrize(("degrees", "within"), [(30, 4.0), (45, 2.0), (90, 2.0)])
@pytest.mark.parametrize("voxel_size", [(1.0, 1.0, 1.0), (3.0, 1.0, 1.0)])
def test_a_fork_lies_where_its_branches_meet(degrees, within, voxel_size):
    """Not where the tubes around them part: that is 9 voxels farther out at 30 degrees."""
    fork, half = np.array([24.0, 60.0, 50.0]), np.radians(degrees / 2)
    ends = [fork + 45 * np.array([0, sign * np.sin(half), np.cos(half)]) for sign in (-1, 1)]
    tree = joined(*(polyline(fork, end, radius=2.5) for end in [fork - (0, 0, 42), *ends]))
    shape = np.ceil(np.array([50, 120, 105]) / voxel_size).astype(int)
    (traced,) = trace_volume(drawn(tree, shape, voxel_size), grid_of(voxel_size)).neurons
    assert len(traced.forks) == 1
    assert np.linalg.norm(traced.point_zyx[traced.forks[0]] - fork) < within
