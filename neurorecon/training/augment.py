"""Random changes of training crops. Arrays are z, y, x on the network's intensity scale."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from neurorecon.config import AugmentConfig
from neurorecon.model.intensity import LOWEST

Image = NDArray[np.float32]
Label = NDArray[np.uint8]


def draw_zoom(config: AugmentConfig, rng: np.random.Generator) -> tuple[float, float, float]:
    """Zoom factors z, y, x of the next crop; 1 for most crops."""
    if rng.random() >= config.zoom_share:
        return 1.0, 1.0, 1.0
    z, xy = (float(np.exp(rng.uniform(*np.log(span)))) for span in (config.zoom_z, config.zoom_xy))
    return z, xy, xy


def resample(image: Image, label: Label, shape_zyx: tuple[int, int, int]) -> tuple[Image, Label]:
    """Both arrays stretched to `shape_zyx`."""
    if image.shape == shape_zyx:
        return image, label
    factors = np.array(shape_zyx) / image.shape
    return (
        ndimage.zoom(image, factors, order=1, mode="nearest", grid_mode=True),
        ndimage.zoom(label, factors, order=0, mode="nearest", grid_mode=True),
    )


def turn(image: Image, label: Label, rng: np.random.Generator) -> tuple[Image, Label]:
    """A random flip of each axis, and for square crops an exchange of y and x."""
    for axis in range(3):
        if rng.random() < 0.5:
            image, label = np.flip(image, axis), np.flip(label, axis)
    if image.shape[1] == image.shape[2] and rng.random() < 0.5:
        image, label = image.swapaxes(1, 2), label.swapaxes(1, 2)
    return image, label


def bend(
    image: Image, label: Label, config: AugmentConfig, rng: np.random.Generator
) -> tuple[Image, Label]:
    """Some crops bent smoothly: each axis displaced by a random field of low resolution."""
    if rng.random() >= config.elastic_share:
        return image, label
    coarse = [max(2, round(n / config.elastic_spacing) + 1) for n in image.shape]
    fields = rng.normal(0.0, config.elastic_sigma, (3, *coarse))
    factors = np.array(image.shape) / coarse
    place = np.stack(
        [
            ndimage.zoom(field, factors, order=2, mode="nearest", grid_mode=True) + index
            for field, index in zip(fields, np.indices(image.shape, np.float32), strict=True)
        ]
    ).astype(np.float32)
    return (
        ndimage.map_coordinates(image, place, order=1, mode="nearest"),
        ndimage.map_coordinates(label, place, order=0, mode="nearest"),
    )


def change_look(image: Image, config: AugmentConfig, rng: np.random.Generator) -> Image:
    """Random polarity, blur, contrast, uneven background and noise."""
    if rng.random() < config.invert_share:
        image = np.maximum(-image, np.float32(LOWEST))
    if rng.random() < config.blur_share:
        image = ndimage.gaussian_filter(image, rng.uniform(*config.blur_sigma))
    gain = np.exp(rng.uniform(*np.log(config.gain)))
    gamma = np.exp(rng.uniform(*np.log(config.gamma)))
    image = np.sign(image) * np.abs(image) ** np.float32(gamma) * np.float32(gain)
    background = rng.normal(0.0, config.offset) * np.ones((1, 1, 1))
    slopes = rng.uniform(-config.gradient, config.gradient, 3) / 2
    for axis, slope in enumerate(slopes):
        ramp = np.linspace(-slope, slope, image.shape[axis])
        background = background + np.expand_dims(ramp, tuple({0, 1, 2} - {axis}))
    sigma = rng.uniform(0.0, config.noise)
    noise = rng.standard_normal(image.shape, np.float32) * np.float32(sigma)
    return (image + background.astype(np.float32) + noise).astype(np.float32)
