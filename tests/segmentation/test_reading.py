"""Told from their values: probabilities, masks, raw stacks, dark and bright ones."""

import numpy as np
import pytest

from neurorecon.errors import InputError
from neurorecon.segmentation.reading import Reading, converter, survey, tell

SHAPE = (12, 40, 50)
RNG = np.random.default_rng(5)


def network_output(certainty: float = 4.0) -> np.ndarray:
    """Logits that rise steadily across the surfaces of neurites, most voxels far outside."""
    logit = RNG.normal(-9, 1, SHAPE)
    logit[5:8, 10:14] = np.linspace(-certainty, 2.5 * certainty, 50)
    return 1 / (1 + np.exp(-logit))


def light(saturated: bool = False) -> np.ndarray:
    """Background with noise, and neurites whose brightness falls off exponentially, 0 to 1."""
    stack = np.abs(RNG.normal(0.03, 0.01, SHAPE))
    stack[5:8, 10:14] += RNG.exponential(0.25, (3, 4, 50))
    return np.clip(stack * (4 if saturated else 1), 0, 1)


@pytest.mark.parametrize(("dtype", "scale"), [("u1", 255), ("u2", 65535), ("f4", 1), ("f8", 1)])
@pytest.mark.parametrize("certainty", [2.0, 4.0, 8.0])
def test_output_of_networks_is_a_probability(dtype, scale, certainty):
    stack = (network_output(certainty) * scale).astype(dtype)
    assert tell(survey(stack))[0] == Reading.probability


@pytest.mark.parametrize(("dtype", "scale"), [("u1", 255), ("u2", 65535), ("u2", 4095), ("f4", 1)])
@pytest.mark.parametrize("saturated", [False, True])
def test_light_is_raw(dtype, scale, saturated):
    assert tell(survey((light(saturated) * scale).astype(dtype)))[0] == Reading.raw


@pytest.mark.parametrize("dtype", ["i2", "i4", "f4"])
def test_values_that_no_probability_has_are_raw(dtype):
    assert tell(survey((light() * 900 - 40).astype(dtype)))[0] == Reading.raw


@pytest.mark.parametrize(("dtype", "value"), [("u1", 1), ("u1", 255), ("u2", 7), ("f4", 255.0)])
def test_one_value_besides_zero_is_a_mask(dtype, value):
    stack = np.where(network_output() > 0.5, value, 0).astype(dtype)
    seen = survey(stack)
    assert (tell(seen)[0], seen.single) == (Reading.mask, value)
    convert, result = converter(Reading.mask, stack.dtype, seen.single)
    assert result == np.uint8
    assert np.array_equal(convert(stack), np.where(stack > 0, 255, 0))
    with pytest.raises(InputError, match="--input"):
        convert(np.array([[[value + 1]]], dtype if dtype != "u1" else "u2"))


def test_a_mask_without_anything_in_it_is_a_mask():
    assert tell(survey(np.zeros(SHAPE, np.uint8)))[0] == Reading.mask


def test_labels_are_refused():
    with pytest.raises(InputError, match="--input mask"):
        tell(survey(RNG.integers(0, 5, SHAPE).astype(np.uint8)))


@pytest.mark.parametrize("dtype", ["u1", "i2", "f4"])
def test_dark_structures_on_a_bright_background_are_noticed(dtype):
    bright = light()
    bright[5:8, 10:14] += 0.3
    stack = np.clip(bright * 200, 0, 250)
    assert not survey(stack.astype(dtype)).is_dark_on_bright
    dark = survey((250 - stack).astype(dtype))
    assert dark.is_dark_on_bright
    assert tell(dark)[0] == Reading.raw


def test_scaled_types_come_out_between_0_and_1_and_strays_are_refused():
    convert, dtype = converter(Reading.probability, np.dtype(np.uint16))
    assert dtype == np.float32
    assert convert(np.array([0, 65535, 13107], np.uint16)) == pytest.approx([0, 1, 0.2])
    convert, _ = converter(Reading.probability, np.dtype(np.float64))
    with pytest.raises(InputError, match="between 0 and 1"):
        convert(np.array([0.2, 1.7]))
    with pytest.raises(InputError, match="no probabilities"):
        converter(Reading.probability, np.dtype(np.int16))


def test_of_a_large_stack_enough_is_looked_at_and_no_more(monkeypatch):
    from neurorecon.segmentation import reading

    monkeypatch.setattr(reading, "_ENOUGH", 4 * 40 * 50)
    monkeypatch.setattr(reading, "_BRIGHT", 100)
    assert survey(network_output()).count < np.prod(SHAPE)
    corner = np.zeros(SHAPE, np.uint8)
    corner[11, 10:30, 10:30] = 255  # in a plane that the first look does not see
    seen = survey(corner)
    assert (seen.single, tell(seen)[0]) == (255, Reading.mask)
