"""The fork server and the valid files that all tests here share."""

from collections.abc import Iterator

import pytest
from counts import recorded
from malformed import Workshop
from running import Runner


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """`make stress` takes hours: what it has passed before it was stopped is not done again."""
    before = recorded()
    done = [item for item in items if item.nodeid in before]
    if done:
        config.hook.pytest_deselected(items=done)
        items[:] = [item for item in items if item.nodeid not in before]


@pytest.fixture(scope="session")
def runner() -> Iterator[Runner]:
    server = Runner()
    yield server
    server.close()


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("workshop"))
