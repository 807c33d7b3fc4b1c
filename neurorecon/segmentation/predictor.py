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
    """Runs windows through a network that gives logits.

    Where a batch does not fit into the device's memory it is halved, for this and all later ones;
    any other error is passed on.
    """

    def __init__(self, network: nn.Module, device: torch.device, dtype: torch.dtype) -> None:
        self.network = network.eval().to(device)
        self.device = device
        self.dtype = dtype
        self.largest_batch: int | None = None

    def __call__(self, windows: Tensor) -> Tensor:
        """(N, Z, Y, X) scaled intensities on any device to probabilities on the network's own."""
        size = min(len(windows), self.largest_batch or len(windows))
        try:
            parts = [self._forward(part) for part in windows.split(size)]
        except torch.OutOfMemoryError:
            if size == 1:
                raise
            self.largest_batch = size // 2
        else:
            return parts[0] if len(parts) == 1 else torch.cat(parts)
        # Out of the handler, so that the failed batch's tensors are free.
        torch.cuda.empty_cache()
        return self(windows)

    def _forward(self, windows: Tensor) -> Tensor:
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
