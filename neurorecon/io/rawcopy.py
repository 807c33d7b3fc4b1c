"""An uncompressed copy of a stack in a temporary file, for reading boxes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


class RawCopy:
    """A (Z, Y, X) array in a file of its own; memory maps live only as long as a box is copied."""

    def __init__(self, path: Path, shape: tuple[int, int, int], dtype: np.dtype[Any]) -> None:
        self.path, self.shape, self.dtype = path, shape, dtype

    def write(self, box: tuple[slice, slice, slice], values: NDArray[Any]) -> None:
        """Write a box; the file is made by the first."""
        mode = "r+" if self.path.exists() else "w+"
        np.memmap(self.path, self.dtype, mode, shape=self.shape)[box] = values  # type: ignore[call-overload]

    def __getitem__(self, box: tuple[slice, slice, slice]) -> NDArray[Any]:
        return np.array(np.memmap(self.path, self.dtype, "r", shape=self.shape)[box])
