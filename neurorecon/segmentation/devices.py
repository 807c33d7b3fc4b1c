"""Which devices run the network, and how many windows fit on them at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import torch

from neurorecon.errors import InputError
from neurorecon.model.config import StudentConfig
from neurorecon.model.runtime import DeviceName, choose_device
from neurorecon.segmentation.forecast import batch_bytes
from neurorecon.segmentation.plan import WindowPlan
from neurorecon.segmentation.predictor import default_batch_size

_MOST_WINDOWS = 64  # larger batches bring a GPU no more speed, and make steps of a run long
_SHARE_OF_FREE = 0.8  # of a GPU's memory; the rest is the block's, and what torch keeps apart


def choose_devices(text: str) -> list[torch.device]:
    """`auto`, `cpu`, `cuda`, `mps`, or GPUs by number: `cuda:0,cuda:1`.

    Raises InputError for a device that is not there, or another text.
    """
    for name in get_args(DeviceName):
        if text == name:
            return [choose_device(name)]
    devices = []
    for part in text.split(","):
        kind, _, number = part.strip().partition(":")
        if kind != "cuda" or not (number.isascii() and number.isdigit()):
            raise InputError(
                f"--device {text}: expected auto, cpu, cuda, mps, or GPUs by number (cuda:0,cuda:1)"
            )
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if int(number) >= count:
            raise InputError(
                f"--device {text}: this machine has {count} CUDA devices that torch can use, "
                "counted from 0"
            )
        devices.append(torch.device("cuda", int(number)))
    if len(set(devices)) < len(devices):
        raise InputError(f"--device {text} names a GPU twice")
    return devices


def fitting_batch(device: torch.device, plan: WindowPlan, config: StudentConfig) -> int:
    """Windows at once: what a GPU has room for, a power of two; on other devices the default."""
    if device.type != "cuda":
        return default_batch_size(device)
    free, _ = torch.cuda.mem_get_info(device)
    room = int(_SHARE_OF_FREE * free / batch_bytes(plan, config.channels[0], 1))
    fitting = min(max(room, 1), _MOST_WINDOWS)
    return max(1 << (fitting.bit_length() - 1), 1)


class BatchSize:
    """Windows at once, for all blocks of a run that begin from now on.

    on_halved: told the new size.
    """

    def __init__(self, size: int, on_halved: Callable[[int], None] = lambda size: None) -> None:
        self.size = size
        self._on_halved = on_halved

    def halve(self, failed: int) -> None:
        """A batch of `failed` windows did not fit; another lane may have found that out before."""
        if self.size >= failed:
            self.size = max(failed // 2, 1)
            self._on_halved(self.size)
