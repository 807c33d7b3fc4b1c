"""Device, precision, threads and allocator: what to ask of torch on this machine."""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from neurorecon.errors import InputError

DeviceName = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

# glibc's mallopt parameters (malloc.h).
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_KEPT_BYTES = 1 << 30


def choose_device(name: DeviceName = "auto") -> torch.device:
    """The device asked for, or the best there is; InputError if it is not there."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if not there[name]:
        raise InputError(f"this machine has no {name} device that torch can use; try --device auto")
    return torch.device(name)


def choose_precision(precision: Precision, device: torch.device) -> torch.dtype:
    """The number format of the network's arithmetic.

    `auto` is float32 on a CPU, where bfloat16 is emulated on most machines and then hundreds of
    times slower; bfloat16 on a GPU that has it in hardware, else float16.
    """
    if precision != "auto":
        if device.type == "cpu" and precision == "fp16":
            raise InputError("--precision fp16 needs a GPU; use fp32 (or auto) on a CPU")
        return _DTYPES[precision]
    if device.type == "cuda":
        major, _ = torch.cuda.get_device_capability(device)
        return torch.bfloat16 if major >= 8 else torch.float16
    return torch.float16 if device.type == "mps" else torch.float32


@dataclass(frozen=True)
class Compute:
    """Where a network runs, and the number format of its arithmetic."""

    device: torch.device
    dtype: torch.dtype = torch.float32

    def autocast(self) -> torch.autocast:
        """A context in which layers that can take the shorter format do."""
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32)


@contextmanager
def prepared_cpu() -> Iterator[None]:
    """Settings without which torch loses much of a CPU's speed; around all work of a network.

    Denormal numbers are taken as zero: confident networks make many, and arithmetic on them is
    tens of times slower. This ends with the context, since it holds for all code in the thread:
    SciPy's cKDTree, for one, splits without end where the number after zero is zero.

    Freed blocks of memory are kept; this stays so.
    """
    keep_freed_blocks()
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def keep_freed_blocks() -> None:
    """Have glibc keep freed blocks instead of returning them to the system after each layer.

    Otherwise every pass faults its buffers in again, up to 40 % of the time. Threads share one
    arena, since those of their own give large blocks back whatever they are told; this holds only
    if it is said before there are threads. Does nothing but on Linux with glibc.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    mallopt(_M_ARENA_MAX, 1)
    mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
    mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


def resident_bytes() -> int:
    """Memory that this process has now."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
