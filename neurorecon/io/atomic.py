"""Output files that appear under their final name only when they are whole."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neurorecon.errors import InputError, NeuroreconError

_ZARR_MARKS = ("zarr.json", ".zgroup", ".zarray")
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Raise InputError where `path` cannot become an output; called before the work, not after.

    Refused: a file that exists (unless `overwrite`), a directory, a device or pipe (renaming onto
    `/dev/null` would replace it), and a folder that is missing or cannot be written.
    """
    if path.is_dir():
        raise InputError(f"{path} is a directory; give the name of a file")
    if path.exists() and not path.is_file():
        raise InputError(f"{path} is not a regular file; use '-' to write to standard output")
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists; add --overwrite to replace it, or choose another name")
    folder = path.resolve().parent
    if not folder.is_dir():
        raise InputError(f"the folder {folder} does not exist; create it first (mkdir -p)")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"the folder {folder} cannot be written; choose another place")


def refuse_existing_store(path: Path, overwrite: bool) -> None:
    """As `refuse_existing`, for an output that is a folder: an OME-Zarr.

    With `overwrite` only a Zarr store is replaced, never another folder.
    """
    if not path.is_dir():
        refuse_existing(path, overwrite)
        return
    if not any((path / mark).is_file() for mark in _ZARR_MARKS) and any(path.iterdir()):
        raise InputError(f"{path} is a folder that holds no Zarr store; choose another name")
    if not overwrite:
        raise InputError(f"{path} exists; add --overwrite to replace it, or choose another name")


def replace_store(store: Path, path: Path, overwrite: bool) -> None:
    """Move a finished store to its own name, on the same disk; errors as above."""
    refuse_existing_store(path, overwrite)
    final = path.resolve()
    old = final.parent / f".{secrets.token_hex(6)}.replaced"
    if final.exists():
        final.replace(old)
    store.replace(final)
    if old.is_dir():
        shutil.rmtree(old)
    else:
        old.unlink(missing_ok=True)


@contextmanager
def atomic_output(path: Path, overwrite: bool) -> Iterator[Path]:
    """A temporary path beside `path`, renamed to it on success and removed on any other end.

    The temporary file exists (empty) and keeps the suffix of `path`, because some writers choose
    their format by it. It is removed on every exception, KeyboardInterrupt and SystemExit
    included. An interrupted machine may lose the file, as with any program: it is not synced.

    Raises InputError as `refuse_existing`; NeuroreconError when the disk is full.
    """
    refuse_existing(path, overwrite)
    final = path.resolve()  # a symbolic link stays a link: what it points to is replaced
    temporary = final.parent / f".{secrets.token_hex(6)}.partial{final.suffix}"
    try:
        _create(temporary)
        yield temporary
        refuse_existing(path, overwrite)  # another run may have written it in the meantime
        temporary.replace(final)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if error.errno in _NO_SPACE:
            raise NeuroreconError(
                f"no space left on the disk while writing {path}; free some, or write elsewhere"
            ) from error
        raise
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _create(path: Path) -> None:
    """An empty file with the permissions of the user's umask (tempfile would make it private)."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise
        reason = error.strerror or "unknown reason"
        raise InputError(
            f"cannot write into {path.parent} ({reason.lower()}); choose another place"
        ) from error
