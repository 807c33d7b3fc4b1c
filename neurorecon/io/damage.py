"""Damaged files: what readers and codecs raise, told as one error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from neurorecon.errors import InputError, NeuroreconError

COPY_AGAIN = "copy or export it again"


@contextmanager
def damage_reported(name: str) -> Iterator[None]:
    """Whatever a reader or a codec raises on a damaged file or store, as one InputError."""
    try:
        yield
    except NeuroreconError:
        raise
    except MemoryError as error:
        raise NeuroreconError(
            f"{name} does not fit in memory ({error}); read a part of it with --roi"
        ) from error
    except Exception as error:  # every codec has its own kind
        reason = str(error).split("\n")[0] or type(error).__name__
        raise InputError(f"{name} is damaged or cut off ({reason}); {COPY_AGAIN}") from error
