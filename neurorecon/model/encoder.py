"""The 3D Vision Transformer: a stack window to a grid of tokens.

Shapes: N batch, Z Y X voxels, z y x tokens (voxels over token size), D width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from neurorecon.errors import InputError
from neurorecon.model.blocks import Block
from neurorecon.model.config import StudentConfig
from neurorecon.model.tubular import TubularEmbedding


class Encoder(nn.Module):
    """Patch embedding, position embedding, transformer blocks and the final norm."""

    def __init__(self, config: StudentConfig) -> None:
        super().__init__()
        self.patch_embed = _embedding(config)
        self.pos_embed = nn.Parameter(torch.empty(1, config.width, *config.token_grid_zyx))
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.norm = nn.LayerNorm(config.width, eps=config.norm_eps)
        self.blocks.apply(_init_linear)

    def forward(self, stack: Tensor) -> Tensor:
        """(N, 1, Z, Y, X) with sizes divisible by the token size, to tokens (N, D, z, y, x)."""
        grid = self.patch_embed(stack)
        grid = grid + self._position(grid.shape[2:])
        tokens = grid.flatten(2).transpose(1, 2)  # (N, z*y*x, D)
        for block in self.blocks:
            tokens = block(tokens)
        normed: Tensor = self.norm(tokens).transpose(1, 2).reshape(grid.shape)
        return normed

    def _position(self, grid_zyx: torch.Size) -> Tensor:
        if self.pos_embed.shape[2:] == grid_zyx:
            return self.pos_embed
        return functional.interpolate(
            self.pos_embed, size=tuple(grid_zyx), mode="trilinear", align_corners=False
        )


def _embedding(config: StudentConfig) -> nn.Conv3d | TubularEmbedding:
    size = config.token_size_zyx
    if config.embedding == "patch":
        return nn.Conv3d(1, config.width, kernel_size=size, stride=size)
    if len(set(size)) > 1 or size[0] % 4:
        raise InputError(
            f"tubes along three axes need cubic tokens with a side divisible by 4, not {size}"
        )
    return TubularEmbedding(config.width, size[0])


def _init_linear(module: nn.Module) -> None:
    """ViT's own initialisation, for blocks that no teacher fills (`scratch`)."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
