import pytest
import torch
from torch import Tensor
from torch.nn import functional

from neurorecon.errors import InputError
from neurorecon.model.config import StudentConfig
from neurorecon.model.encoder import Encoder
from neurorecon.model.tubular import LARGEST_STEP, TubularEmbedding, accumulated

SIDE = 8


def _steered(width: int = 5, symmetric: bool = False) -> TubularEmbedding:
    """An embedding whose snakes bend as its input says, and whose three views all count."""
    torch.manual_seed(0)
    embedding = TubularEmbedding(width, SIDE)
    torch.nn.init.normal_(embedding.snake.steer.weight, std=0.5)
    torch.nn.init.constant_(embedding.gate, 0.5)
    if symmetric:
        kernel = embedding.weight.data
        embedding.weight.data = (kernel + kernel.transpose(3, 4)) / 2
    return embedding.requires_grad_(False)


def test_before_training_it_is_the_inflated_patch_convolution() -> None:
    embedding, stack = TubularEmbedding(5, SIDE), torch.randn(2, 1, 16, 24, 8)
    convolution = functional.conv3d(stack, embedding.weight, embedding.bias, stride=SIDE)
    torch.testing.assert_close(embedding(stack), convolution, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("axis", "order"), [(0, (2, 3, 4)), (1, (3, 2, 4)), (2, (3, 4, 2))])
def test_each_view_begins_as_the_kernel_laid_along_its_axis(
    axis: int, order: tuple[int, int, int]
) -> None:
    embedding, stack = TubularEmbedding(5, SIDE), torch.randn(2, 1, 16, 24, 8)
    # The kernel's first axis goes along the tube, the other two stay in z, y, x order.
    laid = embedding.weight.permute(0, 1, *order)
    wanted = functional.conv3d(stack, laid, stride=SIDE)
    torch.testing.assert_close(embedding.view(stack, axis), wanted, atol=1e-5, rtol=1e-5)


def test_a_tube_stays_connected_and_centred() -> None:
    snake = _steered().snake
    torch.nn.init.normal_(snake.steer.weight, std=20.0)
    for offset in snake(torch.randn(2, 16, 24, 8)):
        assert offset.shape == (2, 2, SIDE, 3, 1)
        assert (offset.diff(dim=2).abs() <= LARGEST_STEP + 1e-6).all()
        middle = offset[:, :, SIDE // 2 - 1 : SIDE // 2 + 1].mean(2)
        assert (middle.abs() <= SIDE / 2).all()
        assert offset.abs().max() > 2  # bent, so that the test can fail


def test_offsets_accumulate_from_the_middle() -> None:
    steps = torch.tensor([[1.0, 0.5, 0.0]])
    assert accumulated(steps).tolist() == [[-1.25, -0.25, 0.25, 0.25]]


@pytest.mark.parametrize("axes", [(2, 3), (3, 4), (2, 4)])
def test_swapping_axes_of_the_stack_swaps_them_in_the_tokens(axes: tuple[int, int]) -> None:
    embedding, stack = _steered(symmetric=True), torch.randn(2, 1, 16, 24, 8)
    swapped = embedding(stack.transpose(*axes).contiguous())
    torch.testing.assert_close(swapped, embedding(stack).transpose(*axes), atol=1e-4, rtol=1e-4)


def test_turning_all_axes_needs_no_symmetric_kernel() -> None:
    """z, y, x to y, x, z keeps the order of the two sideways axes but for the view along y."""
    embedding, stack = _steered(), torch.randn(1, 1, 16, 24, 8)
    turned = stack.permute(0, 1, 3, 2, 4).contiguous()  # z and y swapped
    for axis, other in ((0, 1), (1, 0)):
        view = embedding.view(turned, axis).transpose(2, 3)
        torch.testing.assert_close(view, embedding.view(stack, other), atol=1e-4, rtol=1e-4)


def test_gradients_reach_the_offsets_from_the_first_step_on() -> None:
    embedding = TubularEmbedding(5, SIDE)
    embedding(torch.randn(1, 1, 16, 16, 16)).square().sum().backward()
    assert embedding.snake.steer.weight.grad is not None
    assert embedding.snake.steer.weight.grad.abs().max() > 0
    assert embedding.gate.grad is not None and (embedding.gate.grad.abs().sum(1) > 0).all()


def _bent_tubes(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Stacks (count, 1, 8, 24, 24) with a bent tube along z, and its rows (count, 8) off-centre."""
    random = torch.Generator().manual_seed(seed)
    slope, bend, shift = (2 * torch.rand(3, count, 1, generator=random) - 1) * torch.tensor(
        [[[0.5]], [[0.08]], [[1.5]]]
    )
    z = torch.arange(8) - 3.5
    row = shift + slope * z + bend * z**2
    place = torch.arange(24) - 11.5
    squared = (place - row[..., None])[..., :, None] ** 2 + place**2
    return torch.exp(-squared / (2 * 1.5**2))[:, None], row


def test_trained_on_bent_tubes_the_offsets_follow_them() -> None:
    torch.manual_seed(0)
    embedding = TubularEmbedding(1, SIDE)
    # A kernel that answers to what lies in the middle of the tube, as a neurite's would.
    line = torch.arange(SIDE) - 3.5
    spot = torch.exp(-(line[:, None] ** 2 + line**2) / (2 * 1.5**2))
    embedding.weight.data[:] = spot
    embedding.weight.requires_grad_(False)
    optimizer = torch.optim.Adam(embedding.snake.parameters(), lr=1e-2)
    for step in range(150):
        stacks, _ = _bent_tubes(32, seed=step)
        loss = -embedding.view(stacks, axis=0)[:, :, 0, 1, 1].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    stacks, row = _bent_tubes(64, seed=10_000)
    found = embedding.snake(stacks[:, 0])[0][:, 0, :, 1, 1].detach()
    straight = row.abs().mean()
    assert (found - row).abs().mean() < 0.4 * straight


def test_tubes_need_cubic_tokens() -> None:
    with pytest.raises(InputError, match="cubic"):
        Encoder(StudentConfig(width=12, heads=2, embedding="tubular", token_size_zyx=(4, 8, 8)))
