"""Shape of the student network, stored in every checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from neurorecon.errors import InputError

Embedding = Literal["patch", "tubular"]
Preset = Literal["tiny", "small", "base"]
_LARGEST = 4096  # of any number here, far beyond the widest ViT that timm builds
PRESETS: tuple[Preset, ...] = get_args(Preset)


@dataclass(frozen=True)
class StudentConfig:
    """A 3D Vision Transformer with a convolutional path at full resolution.

    width: token width; that of the 2D teacher, so that its blocks can be copied.
    heads: attention heads, the teacher's.
    depth: transformer blocks; 6 of a teacher's 12 gave the prototype most of the gain at two
        thirds of the time.
    mlp_ratio: hidden width of a block's MLP over `width`, the teacher's.
    layer_scale: whether blocks scale their residual branches (DINOv2 does, plain ViT does not).
    norm_eps: epsilon of the layer norms, the teacher's (1e-6 in timm's ViTs).
    token_size_zyx: voxels that one token stands for; 8 keeps a token about as wide as the gap
        between neurites.
    embedding: how a token's voxels become a token: one inflated kernel (`patch`), or the same
        kernel along deformable tubes of three axes (`tubular`, for cubic tokens).
    latent_tubes: whether features at quarter resolution are also mixed along deformable tubes.
    token_grid_zyx: the grid whose position embedding is stored; other windows interpolate it.
    channels: convolutional channels at full, half, quarter and eighth resolution; neurites are
        2-5 voxels wide, so a light path at full resolution must draw them.
    """

    width: int = 192
    heads: int = 3
    depth: int = 6
    mlp_ratio: float = 4.0
    layer_scale: bool = False
    norm_eps: float = 1e-6
    token_size_zyx: tuple[int, int, int] = (8, 8, 8)
    embedding: Embedding = "patch"
    latent_tubes: bool = False
    token_grid_zyx: tuple[int, int, int] = (4, 8, 8)
    channels: tuple[int, int, int, int] = (8, 16, 32, 64)

    @classmethod
    def preset(cls, name: Preset) -> StudentConfig:
        """A size by name; widths are those of timm's tiny, small and base ViTs."""
        return _PRESETS[name]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a checkpoint's metadata."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> StudentConfig:
        """The config that `to_dict` described; InputError for names or values that do not fit."""
        try:
            plain: dict[str, Any] = {
                name: tuple(value) if isinstance(value, list) else value
                for name, value in values.items()
            }
            config = cls(**plain)
            _refuse_impossible(config)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"the checkpoint describes another network ({error}); "
                "use a checkpoint of this version of neurorecon or train again"
            ) from error
        return config


def _refuse_impossible(config: StudentConfig) -> None:
    """Raise ValueError where a value is of another kind than the default, or beyond all sense."""
    for name, default in asdict(StudentConfig()).items():
        value = getattr(config, name)
        fits = type(value) is type(default) or (type(value) is int and type(default) is float)
        if fits and isinstance(default, tuple):
            fits = len(value) == len(default) and all(type(each) is int for each in value)
        numbers = value if isinstance(value, tuple) else (value,)
        if fits and not isinstance(default, bool | str):
            fits = all(0 < number <= _LARGEST for number in numbers)
        if not fits:
            raise ValueError(f"its {name} is {value!r:.40}")
    if config.width % config.heads or config.embedding not in get_args(Embedding):
        raise ValueError(f"{config.heads} heads, width {config.width}, {config.embedding!r:.40}")


_PRESETS: dict[Preset, StudentConfig] = {
    "tiny": StudentConfig(),
    "small": StudentConfig(width=384, heads=6, depth=8, channels=(12, 24, 48, 96)),
    "base": StudentConfig(width=768, heads=12, depth=12, channels=(16, 32, 64, 128)),
}
