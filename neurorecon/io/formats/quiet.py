"""Log lines of the libraries that read files, held back while they read."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet(name: str) -> Iterator[None]:
    """No lines from the logger of that name, in any thread: what matters becomes an error here.

    In any thread, for libraries decode in threads of their own. Each call adds a filter of its own
    and takes it away again: a level that is saved and restored stays wrong for good where two
    threads do so at once.
    """
    logger = logging.getLogger(name)

    def nothing(_record: logging.LogRecord) -> bool:
        return False

    logger.addFilter(nothing)
    try:
        yield
    finally:
        logger.removeFilter(nothing)
