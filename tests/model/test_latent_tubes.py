import pytest
import torch
from torch import Tensor
from torch.nn import functional

from neurorecon.model.config import StudentConfig
from neurorecon.model.latent_tubes import LARGEST_STEP, LatentTubes, slid
from neurorecon.model.segmenter import Segmenter


def _bent(channels: int = 3, reach: int = 2) -> LatentTubes:
    """Tubes that bend as their input says, and whose taps all count."""
    torch.manual_seed(0)
    tubes = LatentTubes(channels, reach)
    torch.nn.init.normal_(tubes.steer.weight, std=0.5)
    torch.nn.init.normal_(tubes.kernel, std=0.5)
    return tubes.requires_grad_(False)


def test_before_training_nothing_changes() -> None:
    grid = torch.randn(2, 3, 4, 5, 6)
    torch.testing.assert_close(LatentTubes(3)(grid), grid)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_straight_tube_is_a_convolution_along_its_axis(axis: int) -> None:
    tubes, grid = _bent(), torch.randn(2, 3, 7, 8, 9)
    torch.nn.init.zeros_(tubes.steer.weight)
    shape = [1, 1, 1]
    shape[axis] = 5
    kernel = tubes.kernel.permute(1, 2, 0).reshape(3, 3, *shape)
    padding = [0, 0, 0, 0, 0, 0]
    padding[2 * (2 - axis)] = padding[2 * (2 - axis) + 1] = 2
    wanted = functional.conv3d(functional.pad(grid, padding, mode="replicate"), kernel)
    torch.testing.assert_close(tubes.view(grid, axis), wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("axes", [(2, 3), (3, 4), (2, 4)])
def test_swapping_axes_of_the_grid_swaps_the_tubes(axes: tuple[int, int]) -> None:
    tubes, grid = _bent(), torch.randn(2, 3, 5, 6, 7)
    swapped = tubes(grid.transpose(*axes).contiguous())
    torch.testing.assert_close(swapped, tubes(grid).transpose(*axes), atol=1e-4, rtol=1e-4)


def test_offsets_accumulate_outward_and_stay_connected() -> None:
    tubes = _bent(reach=3)
    torch.nn.init.normal_(tubes.steer.weight, std=20.0)
    offsets = tubes._offsets(torch.randn(1, 3, 5, 6, 7))
    assert offsets.shape == (1, 7, 5, 6, 7)
    assert (offsets[:, 3] == 0).all()
    assert (offsets.diff(dim=1).abs() <= LARGEST_STEP + 1e-6).all()
    assert offsets.abs().max() > 2.5  # bent, so that the test can fail


def test_slices_are_read_beside_each_place() -> None:
    row, column = torch.meshgrid(torch.arange(5.0), torch.arange(7.0), indexing="ij")
    slices = torch.stack([row, column])[None]
    found = slid(slices, torch.full((1, 5, 7), 0.5), torch.full((1, 5, 7), -1.25))
    torch.testing.assert_close(found[0, 0, :4], row[:4] + 0.5)
    torch.testing.assert_close(found[0, 1, :, 2:], column[:, 2:] - 1.25)
    torch.testing.assert_close(found[0, 1, :, 0], torch.zeros(5))  # the border goes on


def _bent_lines(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Grids (count, 1, 9, 9, 9) with a bent line along z, and its rows (count, 9) off-centre."""
    random = torch.Generator().manual_seed(seed)
    slope, bend = (2 * torch.rand(2, count, 1, generator=random) - 1) * torch.tensor(
        [[[0.6]], [[0.08]]]
    )
    z = torch.arange(9) - 4.0
    row = slope * z + bend * z**2
    place = torch.arange(9) - 4.0
    squared = (place - row[..., None])[..., :, None] ** 2 + place**2
    return torch.exp(-squared / 2)[:, None], row


def test_trained_on_bent_lines_the_tubes_follow_them() -> None:
    torch.manual_seed(0)
    tubes = LatentTubes(1, reach=4)
    tubes.kernel.data[:] = 1.0  # what lies along the tube adds up
    tubes.kernel.requires_grad_(False)
    widened = torch.nn.Sequential(torch.nn.Conv3d(1, 8, 7, padding=3), torch.nn.GELU())
    steer = torch.nn.Sequential(widened, torch.nn.Conv3d(8, 8, 1))
    torch.nn.init.zeros_(steer[1].weight)
    tubes.steer = steer  # type: ignore[assignment]  # sees as far as the line bends
    optimizer = torch.optim.Adam(steer.parameters(), lr=1e-2)
    for step in range(120):
        grids, _ = _bent_lines(16, seed=step)
        loss = -tubes.view(grids, axis=0)[:, 0, 4, 4, 4].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    grids, row = _bent_lines(64, seed=10_000)
    found = tubes._offsets(grids)[:, :, 4, 4, 4].detach()
    assert (found - row).abs().mean() < 0.4 * row.abs().mean()


def test_a_segmenter_with_tubes_begins_as_one_without() -> None:
    config = StudentConfig(width=12, heads=2, depth=1, channels=(2, 4, 6, 8))
    torch.manual_seed(0)
    plain = Segmenter(config)
    torch.manual_seed(0)
    with_tubes = Segmenter(StudentConfig(**{**config.to_dict(), "latent_tubes": True}))
    with_tubes.load_state_dict(plain.state_dict(), strict=False)
    torch.nn.init.normal_(plain.head.weight)
    with_tubes.head.weight.data.copy_(plain.head.weight)
    stack = torch.randn(1, 1, 16, 16, 24)
    torch.testing.assert_close(with_tubes(stack), plain(stack))
