"""The 2D teacher: any plain Vision Transformer that timm builds."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import torch
from torch import Tensor, nn
from torch.nn import functional

from neurorecon.errors import InputError
from neurorecon.model.blocks import Block as StudentBlock
from neurorecon.model.config import StudentConfig
from neurorecon.model.transfer import TeacherWeights

HUB_TIMEOUT_S = 3.0
EXAMPLES = "vit_small_patch16_224.dino, vit_small_patch14_dinov2.lvd142m, vit_tiny_patch16_224"


class Teacher(nn.Module):
    """A frozen 2D ViT that gives features of grey pictures.

    It stays in eval mode without gradients whatever the student's mode: `train()` is ignored.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, vit: Any) -> None:
        super().__init__()
        self.vit = vit.eval().requires_grad_(False)
        mean, std = vit.pretrained_cfg["mean"], vit.pretrained_cfg["std"]
        self.pixel_mean, self.pixel_std = tuple(mean), tuple(std)
        self.register_buffer("mean", torch.tensor(mean).reshape(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).reshape(1, -1, 1, 1))

    def train(self, mode: bool = True) -> Teacher:
        """Stay in eval mode."""
        return super().train(False)

    @property
    def width(self) -> int:
        """Width of the feature vectors."""
        return int(self.vit.embed_dim)

    @property
    def patch_size(self) -> int:
        """Side of a patch in pixels."""
        return int(self.vit.patch_embed.proj.kernel_size[0])

    @property
    def feature_block(self) -> int:
        """The block whose features are taught, counted from 1: the middle one.

        It tells best where neurite is. Later blocks turn to what objects of natural pictures are
        called, earlier ones see little around a patch (`benchmarks/token_probe.md`).
        """
        return max(1, len(self.vit.blocks) // 2)

    @torch.no_grad()
    def forward(self, pictures: Tensor, grid_yx: tuple[int, int]) -> Tensor:
        """(N, Y, X) grey pictures in [0, 1] to features (N, D, *grid_yx) of `feature_block`.

        Pictures are enlarged so that one patch covers one cell of the grid.
        """
        size = tuple(cells * self.patch_size for cells in grid_yx)
        enlarged = functional.interpolate(
            pictures[:, None], size=size, mode="bilinear", align_corners=False
        )
        color = (enlarged.expand(-1, 3, -1, -1) - self.mean) / self.std
        features: list[Tensor] = self.vit.forward_intermediates(
            color,
            indices=[self.feature_block - 1],
            norm=True,
            stop_early=True,
            intermediates_only=True,
            output_fmt="NCHW",
        )
        return features[0]

    def weights(self) -> TeacherWeights:
        """What `transfer_weights` moves into a student."""
        proj, vit = self.vit.patch_embed.proj, self.vit
        prefix = vit.pos_embed.shape[1] - vit.patch_embed.num_patches
        rows, columns = vit.patch_embed.grid_size
        positions = vit.pos_embed[0, prefix:].T.reshape(-1, rows, columns)
        return TeacherWeights(
            patch_kernel=proj.weight.detach(),
            patch_bias=torch.zeros(proj.out_channels) if proj.bias is None else proj.bias.detach(),
            pos_embed=positions.detach(),
            blocks=[block.state_dict() for block in vit.blocks],
            norm=vit.norm.state_dict(),
            pixel_mean=self.pixel_mean,
            pixel_std=self.pixel_std,
        )

    def student_config(self, base: StudentConfig) -> StudentConfig:
        """`base` with what must be the teacher's: width, heads, MLP ratio, LayerScale, epsilon."""
        return _like(self.vit, base)


def load_teacher(name: str, weights_file: Path | None = None) -> Teacher:
    """The timm model `name` with weights from a local file, timm's cache or the model hub.

    InputError for a name that timm does not know or that is no plain ViT, for a file that does not
    fit, and for a hub that cannot be reached (at once, not after timm's minutes of retries).
    """
    import timm  # here, because only distillation needs it and it takes a second

    known = name.split(".")[0] in timm.list_models()
    if not known:
        raise InputError(
            f"timm has no model named {name!r}; plain ViTs are, for example: {EXAMPLES}"
        )
    _require_plain(timm.create_model(name.split(".")[0], pretrained=False), name)
    return Teacher(_from_hub(name) if weights_file is None else _from_file(name, weights_file))


def _require_plain(vit: Any, name: str) -> None:
    from timm.models.vision_transformer import Block, VisionTransformer

    plain = (
        isinstance(vit, VisionTransformer)
        and vit.pos_embed is not None
        and isinstance(getattr(vit.patch_embed, "proj", None), nn.Conv2d)
        and all(type(block) is Block for block in vit.blocks)
        and all(hasattr(block.attn, "qkv") for block in vit.blocks)
        and isinstance(vit.norm_pre, nn.Identity)
        and isinstance(vit.norm, nn.LayerNorm)
        and type(getattr(vit.blocks[0].mlp, "act", None)) is nn.GELU
        and _shapes(vit.blocks[0]) == _shapes(StudentBlock(_like(vit, StudentConfig())))
    )
    if not plain:
        raise InputError(
            f"{name} is no plain Vision Transformer (patch convolution, learned positions, "
            f"standard blocks), so its weights cannot move to 3D; use for example: {EXAMPLES}"
        )


def _shapes(module: nn.Module) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in module.state_dict().items()}


def _like(vit: Any, base: StudentConfig) -> StudentConfig:
    """`base` with what must be the teacher's: width, heads, MLP ratio, LayerScale, epsilon."""
    block = vit.blocks[0]
    return replace(
        base,
        width=int(vit.embed_dim),
        heads=int(block.attn.num_heads),
        mlp_ratio=block.mlp.fc1.out_features / vit.embed_dim,
        layer_scale=not isinstance(block.ls1, nn.Identity),
        norm_eps=float(block.norm1.eps),
    )


def _from_file(name: str, path: Path) -> Any:
    import timm

    if not path.is_file():
        raise InputError(f"{path}: no such file; --teacher-weights takes a .safetensors file")
    if path.suffix != ".safetensors":
        raise InputError(
            f"{path}: teacher weights are read from .safetensors files only, because other "
            "formats can run code when they are opened; convert it with safetensors.torch.save_file"
        )
    # Some names (vit_*_augreg) are published as JAX archives, which timm reads in another way.
    overlay = {"file": str(path), "custom_load": False}
    try:
        return timm.create_model(
            name, pretrained=True, pretrained_cfg_overlay=overlay, dynamic_img_size=True
        )
    except Exception as error:  # timm, torch and safetensors each raise their own
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{path}: does not hold the weights of {name} ({reason}); "
            "give the --teacher that the file belongs to"
        ) from error


def _from_hub(name: str) -> Any:
    import timm

    online = _hub_reachable()
    try:
        with _hub_offline(not online):
            return timm.create_model(name, pretrained=True, dynamic_img_size=True)
    except Exception as error:
        reason = str(error).splitlines()[0] if online else "the model hub cannot be reached"
        raise InputError(
            f"no weights for {name}: {reason}, and they are not in the local cache; "
            "give a local file with --teacher-weights FILE.safetensors"
        ) from error


def _hub_reachable() -> bool:
    if os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0"):
        return False
    if os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy"):
        return True  # only the proxy can tell
    url = urlsplit(os.environ.get("HF_ENDPOINT", "https://huggingface.co"))
    try:
        port = url.port or (443 if url.scheme == "https" else 80)
        socket.create_connection((url.hostname or "", port), timeout=HUB_TIMEOUT_S).close()
    except OSError:
        return False
    return True


@contextmanager
def _hub_offline(offline: bool) -> Iterator[None]:
    """Let huggingface_hub answer from its cache alone; it reads its switch when it is imported."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = offline or before
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
