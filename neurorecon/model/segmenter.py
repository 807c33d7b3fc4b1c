"""The whole student: transformer tokens and a convolutional path, merged into one probability.

Tokens know what is neurite and what is not, from a wide view; they are too coarse to draw a
neurite of 2-5 voxels. So a light U-shaped convolutional path keeps full resolution, and the tokens
join it at its coarsest level. Skips are added, not concatenated: half the work at full resolution,
where most of the time goes. Convolutions have no normalisation layers: statistics of a window
would make the result depend on where windows happen to lie. Weights lie channels last: oneDNN is
a quarter faster on them than on the default layout, forward and backward, and cuDNN prefers it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from neurorecon.errors import InputError
from neurorecon.model.config import StudentConfig
from neurorecon.model.encoder import Encoder
from neurorecon.model.latent_tubes import LatentTubes

# Foreground is about 0.3 % of voxels: starting near "no neurite" spares the first hundred steps.
INITIAL_LOGIT = -3.0


class _ConvPair(nn.Module):
    """Two 3 x 3 x 3 convolutions; the second one's result is added to the first's."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(channels_in, channels_out, 3, padding=1)
        self.conv2 = nn.Conv3d(channels_out, channels_out, 3, padding=1)

    def forward(self, stack: Tensor) -> Tensor:
        first = functional.silu(self.conv1(stack), inplace=not self.training)
        return first + functional.silu(self.conv2(first), inplace=not self.training)


class Segmenter(nn.Module):
    """(N, 1, Z, Y, X) scaled intensities to (N, 1, Z, Y, X) logits of neurite."""

    def __init__(self, config: StudentConfig) -> None:
        super().__init__()
        full, half, quarter, eighth = config.channels
        self.config = config
        self.encoder = Encoder(config)
        self.token_projection = nn.Conv3d(config.width, eighth, 1)
        self.stem = nn.Conv3d(1, full, 3, padding=1)
        self.down_half = nn.Conv3d(full, half, 2, stride=2)
        self.level_half = _ConvPair(half, half)
        self.down_quarter = nn.Conv3d(half, quarter, 2, stride=2)
        self.level_quarter = _ConvPair(quarter, quarter)
        self.down_eighth = nn.Conv3d(quarter, eighth, 2, stride=2)
        self.level_eighth = _ConvPair(eighth, eighth)
        self.up_quarter = nn.ConvTranspose3d(eighth, quarter, 2, stride=2)
        self.merge_quarter = _ConvPair(quarter, quarter)
        self.tubes = LatentTubes(quarter) if config.latent_tubes else nn.Identity()
        self.up_half = nn.ConvTranspose3d(quarter, half, 2, stride=2)
        self.merge_half = _ConvPair(half, half)
        self.up_full = nn.ConvTranspose3d(half, full, 2, stride=2)
        self.merge_full = _ConvPair(full, full)
        self.head = nn.Conv3d(full, 1, 1)
        self._init_ends()
        self.to(memory_format=torch.channels_last_3d)

    def _init_ends(self) -> None:
        """Start with rare neurite, and without the tokens.

        Normalised tokens are many times larger than what young convolutions say: let in at once,
        they drown it for hundreds of steps.
        """
        nn.init.zeros_(self.token_projection.weight)
        assert self.token_projection.bias is not None
        nn.init.zeros_(self.token_projection.bias)
        nn.init.zeros_(self.head.weight)
        assert self.head.bias is not None
        nn.init.constant_(self.head.bias, INITIAL_LOGIT)

    def forward(self, stack: Tensor) -> Tensor:
        tokens = self.encoder(stack)
        quarter, half, full = self.latent(stack, tokens)
        half = self.merge_half(self.up_half(quarter) + half)
        full = self.merge_full(self.up_full(half) + full)
        # A 1 x 1 x 1 convolution; as a matrix product its gradients take a tenth of the time.
        logits = functional.linear(full.movedim(1, -1), self.head.weight.flatten(1), self.head.bias)
        return logits.movedim(-1, 1)

    def latent(self, stack: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features at quarter resolution that know the tokens, and the skips at half and full.

        tokens: what the encoder makes of `stack`.
        """
        full = functional.silu(self.stem(stack))
        half = self.level_half(self.down_half(full))
        quarter = self.level_quarter(self.down_quarter(half))
        eighth = self.down_eighth(quarter)
        eighth = self.level_eighth(eighth + self._projected(tokens, eighth.shape[2:]))
        quarter = self.merge_quarter(self.up_quarter(eighth) + quarter)
        return self.tubes(quarter), half, full

    def _projected(self, tokens: Tensor, size_zyx: torch.Size) -> Tensor:
        """Tokens at an eighth of the resolution, whatever the token size."""
        projected: Tensor = self.token_projection(tokens)
        if projected.shape[2:] == size_zyx:
            return projected
        return functional.interpolate(
            projected, size=tuple(size_zyx), mode="trilinear", align_corners=False
        )


def size_multiple_zyx(config: StudentConfig) -> tuple[int, int, int]:
    """Windows must be a multiple of this: of the token size, and of the convolutional path's 8."""
    z, y, x = (max(8, size) for size in config.token_size_zyx)
    return z, y, x


def load_weights(model: nn.Module, tensors: Mapping[str, Tensor], source: str) -> None:
    """Fill `model` with `tensors`; InputError that names the first tensor that does not fit."""
    _refuse_misfit(model, tensors, source)
    model.load_state_dict(dict(tensors))


def _refuse_misfit(model: nn.Module, tensors: Mapping[str, Tensor], source: str) -> None:
    own = model.state_dict()
    for name in own.keys() | tensors.keys():
        if name not in tensors:
            raise InputError(f"{source}: lacks the tensor {name!r}; it is no complete checkpoint")
        if name not in own:
            raise InputError(f"{source}: holds a tensor {name!r} that this network has not")
        if own[name].shape != tensors[name].shape:
            raise InputError(
                f"{source}: {name!r} has the shape {tuple(tensors[name].shape)}, "
                f"but its config asks for {tuple(own[name].shape)}"
            )


def build_segmenter(
    tensors: Mapping[str, Tensor], metadata: Mapping[str, Any], source: str
) -> Segmenter:
    """The network that a checkpoint describes; InputError where its parts do not fit together."""
    if not isinstance(metadata.get("config"), Mapping):
        raise InputError(f"{source}: its metadata has no network config; train it again")
    config = StudentConfig.from_dict(metadata["config"])
    # The first weights, which are replaced, are random: a caller's own numbers must not change.
    with torch.random.fork_rng(devices=[]):
        with torch.device("meta"):  # takes no memory, however large a hostile config says it is
            _refuse_misfit(Segmenter(config), tensors, source)
        model = Segmenter(config)
    load_weights(model, tensors, source)
    return model
