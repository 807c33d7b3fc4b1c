"""Deformable tubular patch embedding: three views of a token along tubes that follow the neurite.

The idea is DINeuro's (arXiv 2410.22078): one tube for each axis, deformed by learned offsets. There
a tube is one voxel thin and carries the flattened 2D kernel; a line sees 8 of a token's 512 voxels,
so here a tube has the kernel's cross-section: at each tap along its axis lies one slice of the
kernel, and the slices slide sideways. The offsets accumulate along the tube, so that it stays
connected, as in dynamic snake convolution (Qi et al., ICCV 2023).

Symbols: N batch, Z Y X voxels, t token side, D width. For the view along axis a: A voxels along it,
U and W the other two in z, y, x order; a, u, w the same in tokens.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

# A tube turns by 45 degrees at most, as a snake's body does.
LARGEST_STEP = 1.0
_HIDDEN = 32
_VIEWS = 3


class TubularEmbedding(nn.Module):
    """Stack (N, 1, Z, Y, X) to tokens (N, D, z, y, x), sizes divisible by the token side.

    One kernel looks along all three axes. The views are merged by a gate that begins with the view
    along z alone: with its offsets at zero, that is the inflated patch convolution.
    """

    def __init__(self, width: int, side: int) -> None:
        super().__init__()
        self.side = side
        reference = nn.Conv3d(1, width, side)
        self.weight = nn.Parameter(reference.weight.detach())  # (D, 1, along, rows, columns)
        assert reference.bias is not None
        self.bias = nn.Parameter(reference.bias.detach())
        self.gate = nn.Parameter(torch.zeros(_VIEWS, width))
        nn.init.ones_(self.gate[0])
        self.snake = Snake(side)

    def forward(self, stack: Tensor) -> Tensor:
        tokens = self.bias.reshape(-1, 1, 1, 1)
        for axis, gate in enumerate(self.gate):
            view = self.view(stack, axis)
            tokens = tokens + gate.reshape(-1, 1, 1, 1) * view
        return tokens

    def view(self, stack: Tensor, axis: int) -> Tensor:
        """The kernel's answer (N, D, z, y, x) along the tubes of one axis (0 z, 1 y, 2 x)."""
        turned = stack[:, 0].movedim(1 + axis, 1)  # (N, A, U, W)
        along_u, along_w = self.snake(turned)
        straightened = slide(turned, along_u, along_w, self.side)
        answer = functional.conv3d(straightened[:, None], self.weight, stride=self.side)
        return answer.movedim(2, 2 + axis)


class Snake(nn.Module):
    """Sideways offsets of each tube's taps, zero at first.

    A tube is steered in each of its two sideways directions by what its neighbourhood looks like in
    the plane of its axis and that direction; all planes are read by the same small network, so that
    swapping axes swaps the tubes.
    """

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side
        # Two pictures (mean and maximum over the token's depth) of twice the token's side, halved.
        self.read = nn.Linear(2 * side * side, _HIDDEN)
        self.steer = nn.Linear(_HIDDEN, side)
        nn.init.zeros_(self.steer.weight)
        nn.init.zeros_(self.steer.bias)

    def forward(self, turned: Tensor) -> tuple[Tensor, Tensor]:
        """(N, A, U, W) to offsets along U and along W, each (N, a, t, u, w) in voxels."""
        along_u = self._offsets(turned)  # (N, a, u, w, t)
        along_w = self._offsets(turned.transpose(2, 3)).transpose(2, 3)
        return along_u.movedim(4, 2), along_w.movedim(4, 2)

    def _offsets(self, turned: Tensor) -> Tensor:
        """(N, A, U, W) to the offsets (N, a, u, w, t) along U of the taps of each tube."""
        signal = self.steer(functional.gelu(self.read(self._pictures(turned))))
        shift = self.side / 2 * torch.tanh(signal[..., :1])
        return shift + accumulated(LARGEST_STEP * torch.tanh(signal[..., 1:]))

    def _pictures(self, turned: Tensor) -> Tensor:
        """What each token sees in the plane (A, U): (N, a, u, w, 2 t t)."""
        side = self.side
        layers = turned.unflatten(3, (-1, side))  # (N, A, U, w, t)
        planes = torch.stack([layers.mean(4), layers.amax(4)], 1)  # (N, 2, A, U, w)
        planes = planes.permute(0, 4, 1, 2, 3).flatten(0, 1)  # (N w, 2, A, U)
        # Twice the token's side: half a token of neighbourhood on each side.
        halved = functional.avg_pool2d(planes, 2)
        halved = functional.pad(halved, [side // 4] * 4, mode="replicate")
        seen = functional.unfold(halved, side, stride=side // 2)  # (N w, 2 t t, a u)
        rows = turned.shape[1] // side
        seen = seen.unflatten(2, (rows, -1)).unflatten(0, (turned.shape[0], -1))
        pictures: Tensor = seen.permute(0, 3, 4, 1, 2)  # from (N, w, 2 t t, a, u)
        return pictures


def accumulated(steps: Tensor) -> Tensor:
    """Steps between the taps of a tube (..., t - 1) to offsets (..., t), zero at its middle."""
    path = functional.pad(steps.cumsum(-1), (1, 0))
    last = path.shape[-1] - 1
    middle = (path[..., last // 2] + path[..., (last + 1) // 2]) / 2
    return path - middle[..., None]


def slide(turned: Tensor, along_u: Tensor, along_w: Tensor, side: int) -> Tensor:
    """A stack (N, A, U, W) whose slices are slid, in each token by the tube's own offsets.

    along_u, along_w: (N, a, t, u, w) in voxels. Beyond the border its last voxel is repeated.
    """
    count, length, rows, columns = turned.shape
    step_u, step_w = (
        offset.reshape(count * length, *offset.shape[3:])  # (N A, u, w)
        .repeat_interleave(side, 1)
        .repeat_interleave(side, 2)  # (N A, U, W)
        for offset in (along_u, along_w)
    )
    row = torch.arange(rows, device=turned.device, dtype=turned.dtype)[:, None] + step_u
    column = torch.arange(columns, device=turned.device, dtype=turned.dtype) + step_w
    # Corners of the picture at -1 and 1, as grid_sample counts; x comes first there.
    place = torch.stack([_unit(column, columns), _unit(row, rows)], dim=-1)
    slices = turned.reshape(count * length, 1, rows, columns)
    slid = functional.grid_sample(slices, place, padding_mode="border", align_corners=True)
    return slid.reshape(turned.shape)


def _unit(index: Tensor, size: int) -> Tensor:
    return index * (2 / (size - 1)) - 1
