import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neurorecon.model.intensity import IntensityScale
from neurorecon.segmentation.blocks import BlockGrid, plan_blocks
from neurorecon.segmentation.crops import Crops
from neurorecon.segmentation.devices import BatchSize
from neurorecon.segmentation.empty import zones
from neurorecon.segmentation.plan import WindowPlan, plan_windows
from neurorecon.segmentation.run import Lane, Work, completed, computed
from neurorecon.segmentation.sliding import OWN, Pieces, block_sums, finished, pieces, prepared

WINDOW = (8, 16, 8)
PLANS = st.builds(
    lambda shape, overlap: plan_windows(shape, (8, 8, 8), WINDOW, overlap),
    st.tuples(st.integers(1, 50), st.integers(1, 80), st.integers(1, 60)),
    st.sampled_from((0.0, 0.2, 0.25, 0.5, 0.7)),
)
CPU = torch.device("cpu")
PLAIN = IntensityScale(0, 1)


def _by_place(windows: torch.Tensor) -> torch.Tensor:
    """Unlike the identity, tells one window from another at the same voxel."""
    return windows * torch.linspace(0, 1, windows.shape[-1])


@given(plan=PLANS, edge=st.integers(1, 40))
def test_blocks_share_windows_and_voxels_between_them_without_rest(
    plan: WindowPlan, edge: int
) -> None:
    grid = plan_blocks(plan, edge)
    cores = np.zeros(plan.shape_zyx, int)
    windows = []
    for block in grid:
        cores[block.core] += 1
        windows += block.window_indices()
        assert grid[block.number] == block
        for side, whole in zip(block.core, block.reach, strict=True):
            assert whole.start == side.start and whole.stop >= side.stop
    assert (cores == 1).all()
    assert len(windows) == len(set(windows)) == plan.window_count


@given(plan=PLANS, edge=st.integers(1, 40))
def test_no_two_blocks_write_to_one_chunk(plan: WindowPlan, edge: int) -> None:
    grid = plan_blocks(plan, edge)
    for block in grid:
        for side, chunk, size in zip(block.core, grid.chunk_zyx, plan.shape_zyx, strict=True):
            assert side.start % chunk == 0
            assert side.stop % chunk == 0 or side.stop == size


def _segmented(array: np.ndarray, grid: BlockGrid, order: list[int]) -> np.ndarray:
    """Blocks computed in any order; each is finished when its lower neighbours have run."""
    shelf: dict[int, Pieces] = {}
    for number in order:
        block = grid[number]
        parts = Crops.whole(grid.plan).parts(block.window_indices())
        values = prepared(array[block.reach], grid.plan.window_zyx, CPU)
        sums = block_sums(grid.plan, block, parts, values, PLAIN, _by_place, 3, CPU)
        shelf[number] = pieces(grid, block, sums)
    result = np.zeros(array.shape, np.uint8)
    for block in grid:
        spills = {
            direction: shelf[number][direction]
            for direction, number in grid.lower(block)
            if direction in shelf[number]
        }
        whole = Crops.whole(grid.plan)
        result[block.core] = finished(
            grid.plan, block.core, whole, shelf[block.number][OWN], spills
        )
    return result


@settings(max_examples=25)
@given(plan=PLANS, seed=st.integers(0, 9))
def test_blocks_join_without_a_seam_in_whatever_order_they_run(plan: WindowPlan, seed: int) -> None:
    rng = np.random.default_rng(seed)
    array = rng.random(plan.shape_zyx, np.float32)
    grid = plan_blocks(plan, 16)
    whole = plan_blocks(plan, 1000)
    assert len(whole) == 1
    expected = _segmented(array, whole, [0]).astype(int)
    found = _segmented(array, grid, list(rng.permutation(len(grid))))
    assert np.abs(found - expected).max() <= 1
    np.testing.assert_array_equal(found, _segmented(array, grid, list(range(len(grid)))))


def test_what_is_left_out_counts_as_empty() -> None:
    plan = plan_windows((8, 16, 30), (8, 8, 8), WINDOW)
    block = plan_blocks(plan)[0]
    first, *_, last = block.window_indices()
    ones = prepared(np.ones(block.reach_shape), WINDOW, CPU)
    parts = Crops.whole(plan).parts([first])
    sums = block_sums(plan, block, parts, ones, PLAIN, lambda windows: windows, 4, CPU)
    start = plan.starts_zyx[2][last[2]]
    assert (sums[:, :, : plan.starts_zyx[2][1]] == 65535).all()
    assert not sums[:, :, start + 2 :].any()


@settings(max_examples=25)
@given(plan=PLANS, seed=st.integers(0, 9))
def test_a_voxel_is_the_mean_over_the_windows_that_ran(plan: WindowPlan, seed: int) -> None:
    """Whatever was left out: a constant stack comes out constant in the zones of what ran."""
    rng = np.random.default_rng(seed)
    kept = rng.random([len(starts) for starts in plan.starts_zyx]) < 0.5
    whole = Crops.whole(plan)
    crops = Crops(whole.low, whole.high * kept[..., None])
    grid = plan_blocks(plan, 16)
    array = np.full(plan.shape_zyx, 0.8)
    work = Work(grid, array.__getitem__, PLAIN, crops, BatchSize(3))
    result, shelf = np.zeros(plan.shape_zyx, np.uint8), DictShelf()
    for block in grid:
        found = computed(work, block, Lane(lambda windows: windows, CPU), work.values(block, CPU))
        shelf.put(block.number, found)
        result[block.core] = completed(work, block, found[OWN], shelf)
    for window in zip(*np.nonzero(kept), strict=True):
        zone = tuple(
            slice(low, high)
            for low, high in (
                zones(plan.starts_zyx[axis], plan.window_zyx[axis], plan.shape_zyx[axis])[n]
                for axis, n in enumerate(window)
            )
        )
        assert (np.abs(result[zone].astype(int) - 204) <= 1).all()
    assert kept.any() or not result.any()


class DictShelf:
    def __init__(self) -> None:
        self.pieces: dict[int, Pieces] = {}

    def put(self, number: int, arrays: Pieces) -> None:
        self.pieces[number] = arrays

    def get(self, number: int, key: tuple[int, int, int]) -> np.ndarray | None:
        return self.pieces[number].get(key)

    def drop(self, number: int) -> None:
        del self.pieces[number]
