"""Workers started on this machine, or those of a cluster that runs already; and a clean end."""

from __future__ import annotations

import logging
import os
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from neurorecon import __version__
from neurorecon.distributed.cluster import Cluster, Say
from neurorecon.errors import InputError

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

_Started = TypeVar("_Started", "Client", "LocalCluster")

_STARTS = 3
_CONNECT_S = 30.0  # as Dask has it: a head node may be busy
_CLOSE_S = 5.0
# How long a worker process that died may take to start again, on a machine that is busy.
_RESTART = "600s"
_MEMORY_SHARE = 0.9  # of this machine's memory, for all workers together
# glibc is to keep freed memory, as `model.runtime.keep_freed_blocks` tells it, which comes too late
# in a worker: its threads are there before our code is. Dask's own choice is the opposite.
_ALLOCATOR = {
    "MALLOC_ARENA_MAX": 1,
    "MALLOC_MMAP_THRESHOLD_": 1 << 30,
    "MALLOC_TRIM_THRESHOLD_": 1 << 30,
}


@dataclass(frozen=True)
class Where:
    """Which cluster to use; one of the two is given.

    address: of a running scheduler (`tcp://host:8786`), or the path of its scheduler file (.json).
    workers: processes to start on this machine, for as long as the work takes.
    """

    address: str | None = None
    workers: int | None = None

    def __post_init__(self) -> None:
        if self.address is not None and self.workers is not None:
            raise InputError(
                "--dask names a cluster whose workers run already, and --workers starts some on "
                "this machine; give one of the two"
            )


@contextmanager
def open_cluster(where: Where, note: Say) -> Iterator[Cluster]:
    """Start workers on this machine, or connect to a cluster.

    note: told in words what goes on: workers that are waited for, or lost.

    Raises InputError where Dask is not installed, nobody answers at the address, or the workers
    have another version of this program.
    """
    try:
        import distributed
    except ImportError as error:
        raise InputError(
            "--dask and --workers need Dask, which is not installed: pip install 'neurorecon[dask]'"
        ) from error
    with warnings.catch_warnings():
        # Told below in our own words, where they matter.
        warnings.simplefilter("ignore", distributed.versions.VersionMismatchWarning)
        if where.workers is not None:
            with _local(where.workers) as client:
                yield Cluster(client, "this machine", note)
            return
        name = str(where.address)
        with _connected(name) as client:
            _wait_for_workers(client, name, note)
            _check_versions(client, name)
            yield Cluster(client, name, note)


@contextmanager
def _local(workers: int) -> Iterator[Client]:
    """Worker processes of one Dask thread each: the arithmetic has threads of its own."""
    import dask
    from distributed import Client, LocalCluster

    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    before_start = "distributed.nanny.pre-spawn-environ"
    settings = {
        "distributed.deploy.lost-worker-timeout": _RESTART,
        before_start: dask.config.get(before_start) | _ALLOCATOR,
    }
    with dask.config.set(settings):
        with _no_interrupts():
            cluster = _started(
                lambda: LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    processes=True,
                    memory_limit=int(_MEMORY_SHARE * memory / workers),
                    dashboard_address="127.0.0.1:0",  # any free port: runs can share a machine
                    silence_logs=logging.CRITICAL,  # a lost worker is told by the cluster
                )
            )
        with cluster, Client(cluster, timeout=_CONNECT_S) as client:
            yield client


def _started(start: Callable[[], _Started]) -> _Started:
    """What `start` makes, tried again where the machine stood still.

    Dask gives its thread ten seconds to begin, and fails an assertion when they are over.
    """
    for _ in range(_STARTS - 1):
        with suppress(AssertionError):
            return start()
    return start()


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """Ctrl-C waits until the end, and never reaches threads and processes that are started here.

    They inherit what is blocked. A terminal sends Ctrl-C to workers too, which would die of it,
    each with a traceback; and a cluster that is interrupted as it starts cannot be closed.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # it unblocks the thread that starts it
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    from distributed import Client

    by_file = address.endswith(".json")
    if by_file and not Path(address).is_file():
        raise InputError(f"there is no scheduler file {address}; is the scheduler running?")
    try:
        client = _started(
            lambda: Client(
                **{"scheduler_file" if by_file else "address": address},
                timeout=_CONNECT_S,
                set_as_default=False,
            )
        )
    except Exception as error:  # where another service answers, Dask fails in any way
        raise InputError(
            f"no Dask scheduler answers at {address}; give the address that `dask scheduler` "
            "prints, such as tcp://host:8786, or --workers N to start workers on this machine"
        ) from error
    try:
        yield client
    finally:
        client.close(_CLOSE_S)


def _wait_for_workers(client: Client, name: str, note: Say) -> None:
    if not client.scheduler_info(n_workers=-1)["workers"]:
        note(f"{name} has no workers yet; waiting for the first (Ctrl-C stops)")
        client.wait_for_workers(1)


def _check_versions(client: Client, name: str) -> None:
    """Results must not depend on which worker made them."""
    try:
        found = client.run(_version)
    except ModuleNotFoundError as error:
        raise InputError(
            f"the workers of {name} cannot import {error.name}; install neurorecon {__version__} "
            "where they run"
        ) from error
    for address, version in sorted(found.items()):
        if version != __version__:
            raise InputError(
                f"worker {address} has neurorecon {version}, this is {__version__}; install the "
                "same version on both sides"
            )


def _version() -> str:
    return __version__
