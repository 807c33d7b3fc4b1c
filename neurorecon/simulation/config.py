"""What a simulated stack looks like: the image model's settings, two looks, and draws between."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

Look = Literal["clear", "dense", "varied"]
LOOK_NAMES: tuple[Look, ...] = get_args(Look)


@dataclass(frozen=True, slots=True)
class SimulationConfig:
    """The microscope and the tissue. Lengths in µm, densities per million cubic µm.

    Brightness 1 is that of a thick neurite in focus; every other brightness is relative to it.

    voxel_size_zyx_um: distance between voxel centres; confocal stacks are coarser along z.
    shape_zyx: size of the stack in voxels, around a node drawn at random (training patches);
        None: all of the tree, with `margin_um` around it.
    margin_um: empty space around the tree, so that no neurite is cut by the border.
    psf_sigma_um: Gaussian point spread function, along z and in the plane.
    calibre_variation: standard deviation of log radius along a branch.
    calibre_length_um: distance over which calibre and swellings lose their memory.
    swelling: how much wider a neurite grows at its varicosities (0: none).
    bouton_share: share of the tips that end in a swelling of the same kind.
    brightness_variation: standard deviation of log brightness along a branch.
    brightness_length_um: distance over which brightness (and gaps) lose their memory.
    gap_share: share of the length that is dim, as label runs out or focus is lost.
    gap_brightness: how bright a gap is, relative to the neurite around it.
    thin_exponent: a neurite too thin to be resolved has the brightness (its radius / the least
        resolved one) to this power: 2 for a label in the cytoplasm, 1 in the membrane, 0 where
        calibre does not matter. Less than 1, since stained neurites stay visible when thin.
    background: mean brightness of the tissue around.
    background_variation: standard deviation of its slow variation, relative to its mean.
    texture: standard deviation of its variation at the scale of a cell, relative to its mean.
    attenuation_length_um: depth at which all light has fallen to 1/e.
    cell_density: bodies of other cells, as dim blobs or rings.
    cell_brightness: of the brightest of them.
    fragment_density: short stretches of other neurites, which are not part of the truth.
    fragment_brightness: of the brightest of them.
    debris_density: bright puncta.
    debris_brightness: median over puncta, which spread by a factor of e.
    photons: collected from a voxel of brightness 1; sets the Poisson noise.
    read_noise: of the detector, in photons.
    exposure: share of the intensity range that brightness 1 fills; above 1 it saturates.
    black_level: share of the range that is subtracted, as an operator's offset does; below 0 it
        lifts the background, as a camera's pedestal does.
    bit_depth: 8 or 16 bits a voxel.
    """

    voxel_size_zyx_um: tuple[float, float, float] = (1.0, 0.4, 0.4)
    shape_zyx: tuple[int, int, int] | None = None
    margin_um: float = 6.0
    psf_sigma_um: tuple[float, float] = (0.8, 0.3)
    calibre_variation: float = 0.2
    calibre_length_um: float = 2.0
    swelling: float = 0.8
    bouton_share: float = 0.4
    brightness_variation: float = 0.35
    brightness_length_um: float = 12.0
    gap_share: float = 0.04
    gap_brightness: float = 0.3
    thin_exponent: float = 0.7
    background: float = 0.05
    background_variation: float = 0.4
    texture: float = 0.15
    attenuation_length_um: float = 150.0
    cell_density: float = 10.0
    cell_brightness: float = 0.2
    fragment_density: float = 10.0
    fragment_brightness: float = 0.2
    debris_density: float = 200.0
    debris_brightness: float = 0.3
    photons: float = 60.0
    read_noise: float = 1.0
    exposure: float = 0.7
    black_level: float = 0.0
    bit_depth: Literal[8, 16] = 8


@dataclass(frozen=True, slots=True)
class GrowthConfig:
    """How a random tree grows. Lengths in µm.

    extent_zyx_um: the box that it grows in; walls reflect it. Flat, as mounted tissue is.
    stems: neurites that leave the soma.
    soma_radius_um: 0 for a neurite that enters from outside the box, its soma elsewhere.
    stem_radius_um, tip_radius_um: calibre at the start, and below which no branch forks.
    fork_interval_um: mean distance between forks along a branch.
    smaller_share: mean share of the calibre (radius to 3/2, Rall 1959) that the thinner of two
        daughters gets; 0.5 forks evenly, small values give a trunk with side branches.
    turn_per_um: standard deviation of the change of direction over 1 µm, in radians.
    taper_per_um: share of the radius lost over 1 µm.
    max_length_um: growth ends when the tree is this long.
    """

    extent_zyx_um: tuple[float, float, float] = (50.0, 100.0, 100.0)
    stems: int = 2
    soma_radius_um: float = 3.0
    stem_radius_um: float = 0.9
    tip_radius_um: float = 0.22
    fork_interval_um: float = 18.0
    smaller_share: float = 0.3
    turn_per_um: float = 0.2
    taper_per_um: float = 0.003
    max_length_um: float = 800.0


# The two ends of what confocal stacks of single neurons look like: a sparse label on black, its
# offset turned down until nothing else shows; and a dim neuron in tissue that glows, among other
# cells and debris.
_CLEAR = SimulationConfig(
    background=0.004,
    cell_density=1.0,
    cell_brightness=0.02,
    fragment_density=2.0,
    fragment_brightness=0.04,
    debris_density=20.0,
    debris_brightness=0.05,
    photons=250.0,
    read_noise=0.8,
    exposure=1.3,
    black_level=0.01,
)
_DENSE = SimulationConfig(
    background=0.4,
    background_variation=0.4,
    texture=0.12,
    cell_density=150.0,
    cell_brightness=0.25,
    fragment_density=40.0,
    fragment_brightness=0.35,
    debris_density=2500.0,
    debris_brightness=0.35,
    photons=120.0,
    read_noise=1.5,
    exposure=0.5,
    gap_share=0.1,
    brightness_variation=0.5,
    attenuation_length_um=100.0,
)
_DRAWN_ON_A_LOG_SCALE = (
    "background",
    "cell_density",
    "cell_brightness",
    "fragment_density",
    "fragment_brightness",
    "debris_density",
    "debris_brightness",
    "photons",
    "read_noise",
    "exposure",
    "gap_share",
    "brightness_variation",
    "attenuation_length_um",
)


def config_for(look: Look, rng: np.random.Generator) -> SimulationConfig:
    """The settings of a look; "varied" draws them anew between "clear" and "dense"."""
    if look == "clear":
        return _CLEAR
    if look == "dense":
        return _DENSE
    place = rng.uniform()  # overall, so that settings go together; each strays from it a little
    drawn: dict[str, Any] = {}
    for name in _DRAWN_ON_A_LOG_SCALE:
        share = float(np.clip(place + rng.normal(0.0, 0.15), 0.0, 1.0))
        low, high = getattr(_CLEAR, name), getattr(_DENSE, name)
        drawn[name] = float(low ** (1.0 - share) * high**share)
    if rng.uniform() < 0.25:  # neurites are often exposed for their faint parts
        drawn["exposure"] *= float(np.exp(rng.uniform(0.0, 1.2)))
    lateral = float(rng.uniform(0.2, 0.4))
    return replace(
        _CLEAR,
        **drawn,
        psf_sigma_um=(lateral * float(rng.uniform(2.0, 3.5)), lateral),
        swelling=float(rng.uniform(0.2, 1.5)),
        background_variation=float(rng.uniform(0.2, 0.6)),
        black_level=_black_level(drawn["background"] * drawn["exposure"], rng),
    )


def _black_level(background: float, rng: np.random.Generator) -> float:
    """For a background that fills such a share of the range: cut off, lifted, or as it is."""
    return float(rng.choice([rng.uniform(0.0, 1.2) * background, -rng.uniform(0.0, 0.1), 0.0]))


def growth_for(rng: np.random.Generator) -> GrowthConfig:
    """Settings of a random tree: from a fibre with a few twigs to a bushy multipolar cell."""
    whole = rng.uniform() < 0.5  # as often the soma lies outside the stack
    return GrowthConfig(
        extent_zyx_um=(float(rng.uniform(25.0, 60.0)), *rng.uniform(70.0, 110.0, 2).tolist()),
        stems=int(rng.integers(1, 5)) if whole else 1,
        soma_radius_um=float(rng.uniform(2.0, 5.0)) if whole else 0.0,
        stem_radius_um=float(rng.uniform(0.5, 1.2)),
        fork_interval_um=float(rng.uniform(8.0, 30.0)),
        smaller_share=float(rng.uniform(0.1, 0.45)),
        turn_per_um=float(rng.uniform(0.08, 0.35)),
    )
