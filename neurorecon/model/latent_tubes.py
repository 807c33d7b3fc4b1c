"""Deformable tubes in the latent space: features mixed along tubes that follow the neurite.

DINeuro (arXiv 2410.22078) deforms tubes "in the latent embedding space" and says no more. Here each
position of a feature grid looks along a tube through it for each axis: its taps are displaced
sideways by learned offsets that accumulate from the middle outward, so that the tube stays
connected, as in dynamic snake convolution (Qi et al., ICCV 2023). What lies along the tube is added
to the position's features. A gap or a faint stretch is so seen together with what it belongs to.

Symbols: N batch, C channels, z y x the grid. For the tube along axis a: A positions along it, U and
W the other two in z, y, x order; K taps.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

# A tube turns by 45 degrees at most, as a snake's body does.
LARGEST_STEP = 1.0


class LatentTubes(nn.Module):
    """(N, C, z, y, x) to the same shape; the identity until it has learned.

    reach: taps on each side of a position. One kernel and one steering serve all axes (swapping
    axes swaps the tubes), but for the weight that a channel gives to each axis.
    """

    def __init__(self, channels: int, reach: int = 4) -> None:
        super().__init__()
        self.reach = reach
        self.steer = nn.Conv3d(channels, 2 * reach, 3, padding=1)
        self.kernel = nn.Parameter(torch.zeros(2 * reach + 1, channels, channels))
        self.axis_weight = nn.Parameter(torch.ones(3, channels))
        nn.init.zeros_(self.steer.weight)
        assert self.steer.bias is not None
        nn.init.zeros_(self.steer.bias)

    def forward(self, grid: Tensor) -> Tensor:
        mixed = grid
        for axis, weight in enumerate(self.axis_weight):
            mixed = mixed + weight.reshape(-1, 1, 1, 1) * self.view(grid, axis)
        return mixed

    def view(self, grid: Tensor, axis: int) -> Tensor:
        """What lies along the tubes of one axis (0 z, 1 y, 2 x): (N, C, z, y, x)."""
        turned = grid.movedim(2 + axis, 2)  # (N, C, A, U, W)
        along_u = self._offsets(turned)
        along_w = self._offsets(turned.transpose(3, 4)).transpose(3, 4)
        slices = turned.transpose(1, 2)  # (N, A, C, U, W)
        count, length = slices.shape[:2]
        answer = torch.zeros_like(slices)
        for tap, weights in enumerate(self.kernel):
            place = (torch.arange(length, device=grid.device) + tap - self.reach).clamp(
                0, length - 1
            )
            found = slid(
                slices[:, place].flatten(0, 1),
                along_u[:, tap].flatten(0, 1),
                along_w[:, tap].flatten(0, 1),
            )  # (N A, C, U, W)
            seen = functional.conv2d(found, weights[:, :, None, None])
            answer = answer + seen.unflatten(0, (count, length))
        return answer.transpose(1, 2).movedim(2, 2 + axis)

    def _offsets(self, turned: Tensor) -> Tensor:
        """(N, C, A, U, W) to the offsets along U of all taps: (N, K, A, U, W), in positions."""
        steps = LARGEST_STEP * torch.tanh(self.steer(turned))
        before, after = steps.chunk(2, dim=1)  # each (N, reach, A, U, W), the nearest tap first
        middle = torch.zeros_like(before[:, :1])
        return torch.cat([before.cumsum(1).flip(1), middle, after.cumsum(1)], dim=1)


def slid(slices: Tensor, along_u: Tensor, along_w: Tensor) -> Tensor:
    """Slices (B, C, U, W) read beside each place, by offsets (B, U, W) in positions.

    Between positions linearly; beyond the border its last position is repeated.
    """
    rows, columns = slices.shape[2:]
    row = torch.arange(rows, device=slices.device, dtype=slices.dtype)[:, None] + along_u
    column = torch.arange(columns, device=slices.device, dtype=slices.dtype) + along_w
    # Corners of the picture at -1 and 1, as grid_sample counts; x comes first there.
    place = torch.stack([_unit(column, columns), _unit(row, rows)], dim=-1)
    return functional.grid_sample(slices, place, padding_mode="border", align_corners=True)


def _unit(index: Tensor, size: int) -> Tensor:
    return index * (2 / max(size - 1, 1)) - 1
