"""The fork server and the valid files that all tests here share."""

from collections.abc import Iterator

import pytest
from malformed import Workshop
from running import Runner


@pytest.fixture(scope="session")
def runner() -> Iterator[Runner]:
    server = Runner()
    yield server
    server.close()


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("workshop"))
