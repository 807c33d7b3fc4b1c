import numpy as np

from neurorecon.segmentation.augmented import FLIPS, mirrored


def test_the_average_is_the_same_for_a_mirrored_window() -> None:
    rng = np.random.default_rng(0)
    weight = rng.random((4, 5, 6), np.float32)
    windows = rng.random((2, 4, 5, 6), np.float32)

    def lopsided(windows: np.ndarray) -> np.ndarray:
        return windows * weight  # depends on where in the window a voxel lies

    result = mirrored(lopsided)(windows)
    assert len(set(FLIPS)) == 8
    for axes in FLIPS:
        np.testing.assert_allclose(
            mirrored(lopsided)(np.flip(windows, axes)), np.flip(result, axes), rtol=1e-6
        )
    symmetric = np.mean([np.flip(weight[None], axes) for axes in FLIPS], axis=0)
    np.testing.assert_allclose(result, windows * symmetric, rtol=1e-6)
