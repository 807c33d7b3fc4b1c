"""The cluster that `--dask` or `--workers` asks for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from neurorecon.cli.console import note_line

if TYPE_CHECKING:
    from neurorecon.distributed import Cluster


@contextmanager
def cluster_of(address: str | None, workers: int | None) -> Iterator[Cluster | None]:
    """A cluster for as long as the context lasts; None where neither option was given."""
    if address is None and workers is None:
        yield None
        return
    from neurorecon.distributed import Where, open_cluster

    with open_cluster(Where(address, workers), note_line) as cluster:
        yield cluster
