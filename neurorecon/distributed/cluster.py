"""A Dask cluster that runs one function over many items and outlives workers that die.

Dask itself sends the work of a lost worker to another; what this adds is a bounded number of items
under way, and errors in the words of a user.
"""

from __future__ import annotations

import os
import pickle
import platform
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from neurorecon import __version__
from neurorecon.errors import InputError, NeuroreconError

if TYPE_CHECKING:
    from distributed import Client

Item = TypeVar("Item")
Result = TypeVar("Result")
Say = Callable[[str], None]

_LOOK_S = 2.0
# Items under way for each thread of the cluster: one that runs, and enough that it never waits for
# the next. All would do for the workers, but results that nobody has fetched yet take their memory.
_AHEAD = 3


class Cluster:
    """A running cluster."""

    def __init__(self, client: Client, name: str, note: Say) -> None:
        self._client = client
        self._name = name
        self._note = note

    def threads(self) -> int:
        """Threads that the arithmetic of one item may use, so that all items at once fit.

        Where machines differ, as many as on the smallest: results may depend on it.
        """
        at_once: dict[str, int] = {}
        cores: dict[str, int] = {}
        workers = self._workers()
        for address, (host, count) in self._client.run(_host).items():
            at_once[host] = at_once.get(host, 0) + workers.get(address, 1)
            cores[host] = count
        return max(min(cores[host] // at_once[host] for host in cores), 1)

    def ask(self, question: Callable[[], Result]) -> Result:
        """What one of the workers answers."""
        [(_, answer)] = self.each(lambda _: question(), [None])
        return answer

    def each(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        then: Callable[[Item, Result], Iterable[Item]] = lambda item, result: (),
    ) -> Iterator[tuple[Item, Result]]:
        """Items with their results, in the order in which they are done.

        An item whose worker dies runs again on another, so that `function` may run twice on it: it
        must not mind. Function, items and results are pickled.

        then: further items that a result makes possible; they go before those that wait.

        Raises what the function raises, and NeuroreconError where an item kills its workers.
        """
        waiting = iter(items)
        known = self._workers()
        item_of: dict[Any, Item] = {}

        def send(some: Iterable[Item]) -> None:
            item_of.update((self._submit(function, item), item) for item in some)

        try:
            send(islice(waiting, _ahead(known)))
            while item_of:
                done = self._done(list(item_of))
                known = self._tell_lost(known)
                for future in done:
                    result, item = self._result(future), item_of.pop(future)
                    send(then(item, result))
                    send(islice(waiting, max(_ahead(known) - len(item_of), 0)))
                    yield item, result
        finally:
            self._client.cancel(list(item_of))

    def _submit(self, function: Callable[[Item], Result], item: Item) -> Any:
        import cloudpickle  # Dask brings it

        # Unpacked where it runs: what Dask unpacks itself blocks the worker while modules are
        # imported, and ends it if one is missing.
        packed = cloudpickle.dumps((function, item))
        # Not pure: results of an earlier run with the same arguments may be out of date.
        return self._client.submit(_call, packed, pure=False)

    def _done(self, futures: list[Any]) -> list[Any]:
        """Those that are done; none where that takes long, to look after the workers meanwhile."""
        from distributed import wait

        try:
            with (
                self._client.as_current()
            ):  # or Dask would wait with whatever client is its default
                done = wait(futures, timeout=_LOOK_S, return_when="FIRST_COMPLETED").done
        except TimeoutError:
            return []
        return [future for future in futures if future in done]

    def _result(self, future: Any) -> Any:
        from distributed import CancelledError, KilledWorker

        try:
            return future.result()
        except KilledWorker as error:
            raise NeuroreconError(
                "the same block ended several workers of "
                f"{self._name} one after the other, as too little memory does; give fewer workers, "
                "or workers with more memory each"
            ) from error
        except CancelledError as error:
            raise NeuroreconError(
                f"the scheduler of {self._name} went away; start the cluster again"
            ) from error
        except ModuleNotFoundError as error:
            raise InputError(
                f"a worker of {self._name} has no module {error.name}; install neurorecon "
                f"{__version__} where the workers run"
            ) from error

    def _workers(self) -> dict[str, int]:
        """Threads of each worker that is there now, by its address."""
        found = self._client.scheduler_info(n_workers=-1)["workers"]
        return {address: int(worker["nthreads"]) for address, worker in found.items()}

    def _tell_lost(self, known: dict[str, int]) -> dict[str, int]:
        now = self._workers()
        for address in sorted(known.keys() - now.keys()):
            self._note(f"worker {address} was lost; its blocks run again")
        if known and not now:
            self._note(f"{self._name} has no workers left; waiting for new ones (Ctrl-C stops)")
        return now


def _ahead(workers: dict[str, int]) -> int:
    return _AHEAD * max(sum(workers.values()), 1)


def _call(packed: bytes) -> Any:
    function, item = pickle.loads(packed)
    return function(item)


def worker_number() -> int:
    """The number of this worker among those of its machine; 0 where it has a name instead."""
    from distributed import get_worker

    name = get_worker().name
    return name if isinstance(name, int) else 0


def _host() -> tuple[str, int]:
    """The machine's name, and the cores that this process may use."""
    able = getattr(os, "sched_getaffinity", None)  # not on macOS
    return platform.node(), len(able(0)) if able else os.cpu_count() or 1
