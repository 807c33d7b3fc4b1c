"""Weights of a 2D Vision Transformer moved into the 3D student.

Source: DINeuro (arXiv 2410.22078) for the idea; average and center inflation: Carreira and
Zisserman (CVPR 2017) and arXiv 2405.02686.

The transferred patch kernel answers exactly as the teacher's would to the same picture enlarged
from the student's token size to the teacher's patch size (`average`: to the mean of the slices that
a token spans; `center`: to the middle one), including the teacher's own normalisation of pixels.
`tubular` is `average` for an embedding with tubes: each of their slices carries the shrunk kernel.

Symbols: D width, P teacher's patch side, t token side, G teacher's grid side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from neurorecon.errors import InputError
from neurorecon.model.encoder import Encoder

Transfer = Literal["scratch", "average", "center", "tubular"]


@dataclass(frozen=True)
class TeacherWeights:
    """What the student takes from a teacher.

    patch_kernel: (D, 3, P, P) convolution; patch_bias: (D,).
    pos_embed: (D, G, G) position embedding of the patches, prefix tokens left out.
    blocks: state dict of each transformer block; norm: of the final norm.
    pixel_mean, pixel_std: normalisation of the three colour channels in training.
    """

    patch_kernel: Tensor
    patch_bias: Tensor
    pos_embed: Tensor
    blocks: list[dict[str, Tensor]]
    norm: dict[str, Tensor]
    pixel_mean: tuple[float, ...]
    pixel_std: tuple[float, ...]


def transfer_weights(encoder: Encoder, teacher: TeacherWeights, transfer: Transfer) -> list[int]:
    """Fill `encoder` in place, and return the numbers of the teacher's blocks that were copied.

    A student with fewer blocks takes the first ones: they were trained to read each other and the
    patch embedding. InputError where widths differ or the teacher is too shallow.
    """
    if transfer == "scratch":
        return []
    width, depth = encoder.norm.weight.shape[0], len(encoder.blocks)
    if teacher.patch_kernel.shape[0] != width or len(teacher.blocks) < depth:
        raise InputError(
            f"the teacher has width {teacher.patch_kernel.shape[0]} and {len(teacher.blocks)} "
            f"blocks, the student needs width {width} and at least {depth} blocks: "
            "choose another teacher"
        )
    kernel, bias = gray_kernel(teacher)
    token_z, token_y, token_x = encoder.patch_embed.weight.shape[2:]
    with torch.no_grad():
        shrunk = shrink_kernel(kernel, (token_y, token_x))
        encoder.patch_embed.weight.copy_(inflate_kernel(shrunk, token_z, transfer)[:, None])
        assert encoder.patch_embed.bias is not None
        encoder.patch_embed.bias.copy_(bias)
        grid_z, grid_y, grid_x = encoder.pos_embed.shape[2:]
        encoder.pos_embed.copy_(
            inflate_positions(teacher.pos_embed, (grid_z, grid_y, grid_x))[None]
        )
    for block, state in zip(encoder.blocks, teacher.blocks, strict=False):
        block.load_state_dict(state)
    encoder.norm.load_state_dict(teacher.norm)
    return list(range(depth))


def gray_kernel(teacher: TeacherWeights) -> tuple[Tensor, Tensor]:
    """Kernel (D, P, P) and bias (D,) that take one grey channel in [0, 1].

    The three channels of a grey picture are equal, so their kernels add up, and (g - mean) / std
    folds into kernel and bias.
    """
    mean = torch.tensor(teacher.pixel_mean).reshape(1, -1, 1, 1)
    std = torch.tensor(teacher.pixel_std).reshape(1, -1, 1, 1)
    scaled = teacher.patch_kernel / std  # (D, 3, P, P)
    return scaled.sum(1), teacher.patch_bias - (scaled * mean).sum((1, 2, 3))


def shrink_kernel(kernel: Tensor, size_yx: tuple[int, int]) -> Tensor:
    """(D, P, P) to (D, y, x), so that its answer to a small picture is the kernel's to a large one.

    With R the (linear) enlargement of a picture of `size_yx` to P x P, <K, R p> = <R^T K, p>: the
    small kernel is R^T K, R being applied to each axis (FlexiViT, Beyer et al., CVPR 2023, takes
    the same view).
    """
    rows, columns = (_enlargement(n, kernel.shape[-1]) for n in size_yx)
    return torch.einsum("py,dpq,qx->dyx", rows, kernel, columns)


def _enlargement(small: int, large: int) -> Tensor:
    """(large, small) matrix that enlarges a line of pixels linearly."""
    unit = torch.eye(small)[:, None]  # a batch of unit impulses
    return functional.interpolate(unit, size=large, mode="linear", align_corners=False)[:, 0].T


def inflate_kernel(kernel: Tensor, depth: int, transfer: Transfer) -> Tensor:
    """(D, y, x) to (D, z, y, x): repeated and divided by the depth, or in the middle slice."""
    if transfer == "center":
        inflated = kernel.new_zeros(kernel.shape[0], depth, *kernel.shape[1:])
        inflated[:, depth // 2] = kernel
        return inflated
    return kernel[:, None].repeat(1, depth, 1, 1) / depth


def inflate_positions(pos_embed: Tensor, grid_zyx: tuple[int, int, int]) -> Tensor:
    """(D, G, G) to (D, z, y, x).

    In the plane the 2D embedding is resized; along z, which the teacher never saw, the embedding's
    mean variation along its rows is added, so that depths differ as rows do.
    """
    depth, rows, columns = grid_zyx
    plane = functional.interpolate(
        pos_embed[None], size=(rows, columns), mode="bicubic", align_corners=False
    )[0]
    vertical = pos_embed.mean(2) - pos_embed.mean((1, 2))[:, None]  # (D, G)
    along_z = functional.interpolate(
        vertical[None], size=depth, mode="linear", align_corners=False
    )[0]
    return plane[:, None] + along_z[:, :, None, None]
