"""Pre-norm transformer blocks with timm's parameter names, so that 2D weights load as they are.

Source: Dosovitskiy et al., "An Image is Worth 16x16 Words" (ICLR 2021); LayerScale: Touvron et
al., "Going deeper with Image Transformers" (ICCV 2021), as DINOv2 uses it.

Shapes: B batch, T tokens, D width, H heads.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from neurorecon.model.config import StudentConfig


class Attention(nn.Module):
    """Multi-head self-attention over all tokens: (B, T, D) to (B, T, D)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        batch, count, width = tokens.shape
        qkv = self.qkv(tokens).reshape(batch, count, 3, self.heads, width // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # each (B, H, T, D / H)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        projected: Tensor = self.proj(mixed.transpose(1, 2).reshape(batch, count, width))
        return projected


class Mlp(nn.Module):
    """Two linear layers with GELU between them: (B, T, D) to (B, T, D)."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, tokens: Tensor) -> Tensor:
        expanded: Tensor = self.fc2(functional.gelu(self.fc1(tokens)))
        return expanded


class LayerScale(nn.Module):
    """A learned factor for each feature of a residual branch."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens * self.gamma


class Block(nn.Module):
    """Attention and MLP, each added to its input: (B, T, D) to (B, T, D)."""

    def __init__(self, config: StudentConfig) -> None:
        super().__init__()
        width = config.width
        self.norm1 = nn.LayerNorm(width, eps=config.norm_eps)
        self.attn = Attention(width, config.heads)
        self.norm2 = nn.LayerNorm(width, eps=config.norm_eps)
        self.mlp = Mlp(width, int(width * config.mlp_ratio))
        self.ls1 = LayerScale(width) if config.layer_scale else nn.Identity()
        self.ls2 = LayerScale(width) if config.layer_scale else nn.Identity()

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.ls1(self.attn(self.norm1(tokens)))
        mixed: Tensor = tokens + self.ls2(self.mlp(self.norm2(tokens)))
        return mixed
