"""Independent pieces of work on many processes or machines, through Dask.

Knows nothing of stacks or trees: a function, its items, and results as they come.
"""

from neurorecon.distributed.cluster import Cluster, worker_number
from neurorecon.distributed.opening import Where, open_cluster

__all__ = ["Cluster", "Where", "open_cluster", "worker_number"]
