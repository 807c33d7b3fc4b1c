import torch

from neurorecon.segmentation.augmented import FLIPS, mirrored


def test_the_average_is_the_same_for_a_mirrored_window() -> None:
    torch.manual_seed(0)
    weight, windows = torch.rand(4, 5, 6), torch.rand(2, 4, 5, 6)

    def lopsided(windows: torch.Tensor) -> torch.Tensor:
        return windows * weight  # depends on where in the window a voxel lies

    result = mirrored(lopsided)(windows)
    assert len(set(FLIPS)) == 8
    for axes in FLIPS:
        torch.testing.assert_close(mirrored(lopsided)(windows.flip(axes)), result.flip(axes))
    symmetric = torch.stack([weight[None].flip(axes) for axes in FLIPS]).mean(0)
    torch.testing.assert_close(result, windows * symmetric)
