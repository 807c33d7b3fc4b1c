"""Training on several GPUs or machines, one process each, started by `torchrun`.

Every process trains on its own crops of the step's batch. Sums that the loss is made of are added
over the processes, and DistributedDataParallel averages the gradients, so that the result is that
of one process with all the crops, but for rounding.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class Processes:
    """How many processes train together, and which of them this one is."""

    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the one that reports and writes files."""
        return self.rank == 0


ALONE = Processes()


@contextmanager
def joined_processes() -> Iterator[Processes]:
    """The processes that `torchrun` started, ready to talk to each other; else this one alone."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield ALONE
        return
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if cuda else "gloo")
    try:
        yield Processes(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()


def shared(module: nn.Module, processes: Processes) -> nn.Module:
    """The module as the task calls it: its gradients are averaged over the processes."""
    return module if processes.count == 1 else DistributedDataParallel(module)


def summed(values: Tensor) -> Tensor:
    """Sums of this process's crops, added over all processes."""
    if not dist.is_initialized():
        return values
    total: Tensor = _Sum.apply(values)
    return total


class _Sum(torch.autograd.Function):
    """Every process computes the same loss of the total, so each hears of it `count` times."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.detach().clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient * dist.get_world_size()
