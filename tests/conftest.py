"""Fixtures that tests of several packages share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from hypothesis import settings

from neurorecon.io.checkpoint import save_checkpoint
from neurorecon.model.config import StudentConfig
from neurorecon.model.segmenter import Segmenter

# Shared machines stall now and then; a slow example is no failure.
settings.register_profile("neurorecon", deadline=None)
settings.load_profile("neurorecon")

SMALL_STUDENT = StudentConfig(width=12, heads=2, depth=1, channels=(2, 4, 4, 4))


@pytest.fixture
def small_model(tmp_path: Path) -> Path:
    """A checkpoint of a tiny network whose output depends on its input."""
    torch.manual_seed(0)
    model = Segmenter(SMALL_STUDENT)
    torch.nn.init.normal_(model.head.weight)
    path = tmp_path / "small.safetensors"
    save_checkpoint(path, model.state_dict(), {"config": SMALL_STUDENT.to_dict()})
    return path


@pytest.fixture
def write_stack() -> Callable[..., Path]:
    """Writes a TIFF of smooth random intensities, by default with no voxel size."""

    def write(path: Path, shape: tuple[int, ...] = (20, 40, 50), **options: Any) -> Path:
        rng = np.random.default_rng(7)
        array = rng.integers(0, 200, shape).astype(np.uint8)
        tifffile.imwrite(path, array, photometric="minisblack", **options)
        return path

    return write
