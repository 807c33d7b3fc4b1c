"""One run at a time on an output: a lock that goes free with the process, however that ends."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP}


@contextlib.contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Whether no other run holds the lock, a file at `path` that is there while it is held.

    A killed run leaves the file behind, unlocked. Where a file system knows no locks (Lustre
    mounted without them), every run gets the lock.
    """
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        if not path.exists() or path.stat().st_ino != os.fstat(file.fileno()).st_ino:
            yield False  # the run that had it removed the file in between
            return
        try:
            yield True
        finally:
            path.unlink(missing_ok=True)
