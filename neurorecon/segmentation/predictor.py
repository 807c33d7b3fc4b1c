"""A network as a function from windows to probabilities, on any device."""

from __future__ import annotations

import torch
from torch import Tensor, nn

CPU_BATCH, GPU_BATCH = 4, 16


def default_batch_size(device: torch.device) -> int:
    """Windows a batch where the user does not say.

    On a CPU larger batches bring no more speed; on a GPU a batch that does not fit is split.
    """
    return CPU_BATCH if device.type == "cpu" else GPU_BATCH


class Predictor:
    """Runs windows through a network that gives logits."""

    def __init__(self, network: nn.Module, device: torch.device, dtype: torch.dtype) -> None:
        self.network = network.eval().to(device)
        self.device = device
        self.dtype = dtype

    def __call__(self, windows: Tensor) -> Tensor:
        """(N, Z, Y, X) scaled intensities on any device to probabilities on the network's own."""
        count = len(windows)
        if self.device.type == "cpu" and count == 1:
            # torch sends a single window through a convolution several times slower.
            windows = windows.repeat(2, 1, 1, 1)
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32),
        ):
            logits = self.network(windows[:, None].to(self.device))
            return torch.sigmoid(logits[:count, 0].float())
