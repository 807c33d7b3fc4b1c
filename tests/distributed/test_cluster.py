"""A real cluster of two worker processes: what survives, and what is said."""

import os
import sys
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("distributed")

from neurorecon.distributed import Cluster, Where, open_cluster, opening
from neurorecon.errors import InputError, NeuroreconError


@pytest.fixture(scope="module")
def told() -> list[str]:
    return []


@pytest.fixture(scope="module")
def two(told: list[str]):
    with open_cluster(Where(workers=2), told.append) as workers:
        yield workers


def squared(number: int) -> tuple[int, int]:
    return number**2, os.getpid()


def killed_once(mark: Path, number: int) -> int:
    """Ends its process the first time that it meets the number 5."""
    if number == 5 and not mark.exists():
        mark.write_text("seen")
        os._exit(1)
    return number**2


def deadly(number: int) -> int:
    os._exit(1)


def refused(number: int) -> int:
    raise InputError(f"{number} is no good; give another")


def test_every_item_gives_its_result_once_and_other_processes_did_it(two: Cluster) -> None:
    done = dict(two.each(squared, range(40)))
    assert {item: value for item, (value, _) in done.items()} == {n: n**2 for n in range(40)}
    processes = {process for _, process in done.values()}
    assert os.getpid() not in processes and len(processes) == 2


def test_workers_share_the_cores_of_their_machine(two: Cluster) -> None:
    assert two.threads() == max(len(os.sched_getaffinity(0)) // 2, 1)


def test_no_items_are_no_work(two: Cluster) -> None:
    assert list(two.each(squared, [])) == []


def test_items_wait_until_there_is_room(two: Cluster) -> None:
    """Results of a long run must not pile up in the workers."""
    taken: list[int] = []

    def items():
        for number in range(1000):
            taken.append(number)
            yield number

    results = two.each(squared, items())
    next(results)
    assert len(taken) < 20
    results.close()


def test_results_may_ask_for_more(two: Cluster) -> None:
    def then(item: int, result: object) -> list[int]:
        return [item + 100] if item < 100 else []

    done = sorted(item for item, _ in two.each(squared, range(10), then))
    assert done == [*range(10), *range(100, 110)]


def test_a_killed_worker_costs_nothing_but_its_items(
    two: Cluster, told: list[str], tmp_path: Path
) -> None:
    done = list(two.each(partial(killed_once, tmp_path / "mark"), range(40)))
    assert (tmp_path / "mark").exists()
    assert sorted(done) == [(n, n**2) for n in range(40)]
    assert any("was lost" in line for line in told)


def test_an_error_of_the_work_is_the_error_that_the_user_sees(two: Cluster) -> None:
    with pytest.raises(InputError, match="give another"):
        list(two.each(refused, [7]))
    assert dict(two.each(squared, [3]))[3][0] == 9  # and the cluster still works


def test_wrong_addresses_say_what_to_give(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(opening, "_CONNECT_S", 0.5)
    for address in ("tcp://127.0.0.1:9", "nonsense", str(tmp_path / "none.json")):
        with pytest.raises(InputError, match="scheduler"), open_cluster(Where(address), print):
            pass
    with pytest.raises(InputError, match="one of the two"):
        Where("tcp://127.0.0.1:9", 2)


def test_workers_of_another_version_are_refused(two: Cluster, monkeypatch) -> None:
    address = two._client.scheduler.address
    with open_cluster(Where(address), print) as same:
        assert dict(same.each(squared, [2]))[2][0] == 4
    monkeypatch.setattr(opening, "__version__", "9.9")
    with (
        pytest.raises(InputError, match=r"9\.9.*same version"),
        open_cluster(Where(address), print),
    ):
        pass


def test_a_machine_that_stood_still_is_asked_again(two: Cluster, monkeypatch) -> None:
    """Dask fails an assertion where its thread did not begin within ten seconds."""
    address = two._client.scheduler.address
    slow = [True, True]
    distributed = sys.modules["distributed"]
    real = distributed.Client

    def client(**options: object):
        if slow:
            slow.pop()
            raise AssertionError
        return real(**options)

    monkeypatch.setattr(distributed, "Client", client)
    with open_cluster(Where(address), print) as same:
        assert dict(same.each(squared, [2]))[2][0] == 4


def test_without_dask_the_extra_is_named(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(InputError, match=r"neurorecon\[dask\]"),
        open_cluster(Where(workers=2), print),
    ):
        pass


def test_work_that_kills_every_worker_ends_with_words(two: Cluster) -> None:
    # The last test: its workers start again for a while.
    with pytest.raises(NeuroreconError, match="memory"):
        list(two.each(deadly, [1]))
