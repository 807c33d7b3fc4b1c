import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurorecon.model import intensity
from neurorecon.model.intensity import IntensityScale, estimate_scale


def _noisy_stack(signal: float, share: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    stack = rng.normal(50, 5, (20, 100, 110))
    stack[rng.random(stack.shape) < share] = signal
    return stack


def test_background_is_zero_and_bright_signal_one() -> None:
    stack = _noisy_stack(200, share=0.01)
    scaled = estimate_scale(stack)(np.array([50.0, 200.0]))
    np.testing.assert_allclose(scaled, [0, 1], atol=0.01)


def test_signal_rarer_than_the_percentile_keeps_its_shape() -> None:
    stack = _noisy_stack(5000, share=1e-4)
    faint, bright = estimate_scale(stack)(np.array([2500.0, 5000.0]))
    assert 1 < faint < bright - 0.5
    noise = estimate_scale(stack)(stack[stack < 100])
    assert np.abs(noise).max() < 0.2  # and the noise is not blown up to signal


def test_inverted_scale_mirrors_a_brightfield_stack() -> None:
    stack = _noisy_stack(200, share=0.01)
    np.testing.assert_allclose(
        estimate_scale(255 - stack, invert=True)(255 - stack),
        estimate_scale(stack)(stack),
        atol=1e-5,
    )


@given(
    st.lists(st.floats(-1e4, 1e6, width=32), min_size=2),
    st.floats(0, 100),
    st.floats(1, 1000),
)
def test_scaling_keeps_the_order_of_intensities(
    values: list[float], low: float, width: float
) -> None:
    ordered = np.sort(np.array(values, np.float32))
    assert (np.diff(IntensityScale(low, low + width)(ordered)) >= 0).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float32, np.float64])
def test_every_dtype_becomes_float32_and_the_stack_stays_as_it_was(dtype: type) -> None:
    stack = (np.arange(3 * 4 * 5) * 2).reshape(3, 4, 5).astype(dtype)
    before = stack.copy()
    assert estimate_scale(stack)(stack).dtype == np.float32
    assert (stack == before).all()


class _OnDisk:
    """A stack that gives its blocks only, as a file would."""

    def __init__(self, stack: np.ndarray) -> None:
        self._stack, self.shape, self.dtype = stack, stack.shape, stack.dtype

    def blocks(self):
        for z in range(0, self.shape[0], 3):
            for y in range(0, self.shape[1], 37):
                yield slice(z, min(z + 3, self.shape[0])), slice(y, y + 37), slice(0, self.shape[2])

    def __getitem__(self, where: tuple[slice, slice, slice]) -> np.ndarray:
        return self._stack[where]


@pytest.mark.parametrize("sample", [4_000_000, 5_000])
def test_a_stack_on_disk_has_the_scale_that_it_has_in_memory(
    sample: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intensity, "SAMPLE_VOXELS", sample)
    stack = _noisy_stack(200, share=0.01)
    assert estimate_scale(_OnDisk(stack)) == estimate_scale(stack)
