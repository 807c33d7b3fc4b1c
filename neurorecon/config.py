"""Settings of training runs, stored in the checkpoints that they write."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

# The transformer's share of the learning rate while features are distilled: there it has to change.
DISTILLATION_ENCODER_RATE = 0.3


@dataclass(frozen=True)
class LabelConfig:
    """How a tree becomes a label, in voxels of the stack.

    least_radius, largest_radius: radii of the drawn tubes are clipped to this range: gold radii are
        often missing or absurd, and a tube thinner than 2 voxels is lost to the error of gold
        centrelines.
    ignored_shell: width around the tubes that the loss leaves out, because gold centrelines are off
        by 1-2 voxels. (With 3, neurites came out twice as wide, and their best threshold at a
        probability of 0.98; F1 after tracing was lower.)
    """

    least_radius: float = 2.0
    largest_radius: float = 3.0
    ignored_shell: float = 1.5


@dataclass(frozen=True)
class AugmentConfig:
    """Strength of the random changes of training crops, on the network's intensity scale.

    zoom_share: share of crops that are rescaled; zoom_z, zoom_xy: range of the factors, so that one
        model serves voxels of other sizes.
    elastic_share: share of crops that are bent; elastic_spacing: voxels between independent
        displacements; elastic_sigma: their standard deviation in voxels. Neurites bend by nature,
        so that little is needed.
    invert_share: share of crops whose contrast is inverted, for a model that is to read
        dark-on-bright stacks without being told; `segment --invert` costs no capacity.
    gain, gamma: ranges of contrast changes; offset: standard deviation of a shift of background.
    gradient: largest linear change of background across a crop (uneven illumination).
    blur_share, blur_sigma: share of crops blurred, and the range in voxels.
    noise: largest standard deviation of added noise.
    """

    zoom_share: float = 0.4
    zoom_z: tuple[float, float] = (0.7, 1.4)
    zoom_xy: tuple[float, float] = (0.8, 1.25)
    elastic_share: float = 0.2
    elastic_spacing: float = 16.0
    elastic_sigma: float = 1.5
    invert_share: float = 0.0
    gain: tuple[float, float] = (0.6, 1.6)
    gamma: tuple[float, float] = (0.7, 1.4)
    offset: float = 0.1
    gradient: float = 0.3
    blur_share: float = 0.15
    blur_sigma: tuple[float, float] = (0.3, 1.0)
    noise: float = 0.12


@dataclass(frozen=True)
class LossConfig:
    """Weights of the parts of the training loss; a part of weight 0 is not computed.

    dice: overlap, whatever the share of neurite. cross_entropy: every voxel, for calibrated output.
    cldice: unbroken centrelines.
    """

    dice: float = 1.0
    cross_entropy: float = 1.0
    cldice: float = 0.0


@dataclass(frozen=True)
class SimulatedConfig:
    """Simulated stacks that are mixed into the training data.

    share: of the crops. pool: stacks in use at a time; renewed_after: steps until all are replaced,
        since making one takes as long as a step.
    shape_zyx: of each, in voxels; a few crops wide.
    voxel_um: range of the voxel size in the plane; anisotropy: of the one along z against it; what
        confocal and light-sheet microscopes give.
    """

    share: float = 0.0
    pool: int = 4
    renewed_after: int = 40
    shape_zyx: tuple[int, int, int] = (48, 112, 112)
    voxel_um: tuple[float, float] = (0.12, 0.5)
    anisotropy: tuple[float, float] = (1.0, 4.0)


@dataclass(frozen=True)
class TrainConfig:
    """One training run.

    steps: optimiser steps. batch_size: crops at once, in each process. accumulate: batches that one
        step adds up, where memory is too small for a larger batch.
    patch_zyx: size of a crop in voxels; a multiple of the token size.
    near_neurite: share of crops centred near labelled neurite, which fills 0.3 % of the voxels.
    learning_rate: of convolutions and heads; encoder_rate: the transformer's as a share of it,
        lower so that transferred weights are not washed out (both: `benchmarks/ablation.md`).
    weight_decay, betas, warm_up_steps, clip_norm: of AdamW with a cosine schedule, as in the
        prototype that proved the recipe.
    ema_decay: of the averaged weights, which are the ones kept.
    seed: of crops, augmentation and initial weights.
    """

    steps: int = 2000
    batch_size: int = 2
    accumulate: int = 1
    patch_zyx: tuple[int, int, int] = (32, 64, 64)
    near_neurite: float = 0.8
    learning_rate: float = 2e-3
    encoder_rate: float = 0.1
    weight_decay: float = 0.02
    betas: tuple[float, float] = (0.9, 0.98)
    warm_up_steps: int = 15
    clip_norm: float = 1.0
    ema_decay: float = 0.995
    seed: int = 0
    loss: LossConfig = LossConfig()
    label: LabelConfig = LabelConfig()
    augment: AugmentConfig = AugmentConfig()
    simulated: SimulatedConfig = SimulatedConfig()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a checkpoint's metadata."""
        return asdict(self)
