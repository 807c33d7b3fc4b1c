"""How a run ends: one line of text and an exit code, whatever went wrong.

0 done, 1 the work failed, 2 wrong arguments or inputs, 130 interrupted, 143 told to terminate.

Only what Python brings is imported here: it must stand before anything that takes time to import,
so that Ctrl-C ends in one line from the first moment on.
"""

from __future__ import annotations

import codecs
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

INTERRUPTED = 130  # 128 + SIGINT, as shells report it
TERMINATED = 143  # 128 + SIGTERM
_NO_READER = 0  # (`| head -1`): whoever closed the pipe had enough


def run_and_exit(work: Callable[[], object]) -> NoReturn:
    """Run the whole program and exit; told to terminate, remove half-written outputs first."""
    code = 0
    try:
        _fill_closed_streams()
        sys.unraisablehook = _stop_again
        _Insist.install()
        _accept_any_text()
        work()
    except KeyboardInterrupt:
        say_interrupted()
        code = INTERRUPTED
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.__context__, BrokenPipeError):  # Rich calls that a failure
            code = _NO_READER
    except Exception:
        # A module in C that is stopped while it sets itself up calls that a failed import.
        if not _Insist.on:
            raise
        code = 1
    if _Insist.on and code:
        code = _Insist.on
        if code == INTERRUPTED:
            say_interrupted()
    with suppress(ValueError):  # not in the main thread
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # nothing is left to interrupt
    _Insist.rest()
    sys.exit(_flushed(code))


class _Insist:
    """Ctrl-C and SIGTERM, raised again at the next import or soon after where they were swallowed.

    torch does that, which imports NumPy inside of its own import and goes on without where that
    fails. So does Python itself, where C code calls ours and takes any error for a no: a hash, a
    comparison, an attribute that is looked up. Swallowed is what is not being handled, whether by
    an `except`, a `finally` or the end of a `with`.

    on: the exit code of what was asked for, 0 as long as nothing was.
    """

    on = 0
    _AGAIN_S = 1.0

    @classmethod
    def install(cls) -> None:
        """Take over the signals; not SIGINT where it is ignored (`nohup`, `&` in scripts)."""
        signal.signal(signal.SIGTERM, cls._terminate)
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, cls._interrupt)
        sys.meta_path.insert(0, cls)
        if hasattr(signal, "setitimer"):  # not on Windows
            signal.signal(signal.SIGALRM, cls._look_again)

    @classmethod
    def find_spec(cls, *_: object) -> None:
        """Called by every import of a module that is not loaded yet; finds none itself."""
        cls._stop()

    @classmethod
    def _interrupt(cls, *_: object) -> None:
        cls._begin(INTERRUPTED)

    @classmethod
    def _terminate(cls, *_: object) -> None:
        cls._begin(TERMINATED)

    @classmethod
    def _begin(cls, code: int) -> None:
        cls.on = code
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, cls._AGAIN_S, cls._AGAIN_S)
        cls._stop()

    @classmethod
    def _stop(cls) -> None:
        if cls.on == INTERRUPTED:
            raise KeyboardInterrupt
        if cls.on:
            raise SystemExit(cls.on)

    @classmethod
    def rest(cls) -> None:
        """It has been answered."""
        cls.on = 0
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)

    @classmethod
    def _look_again(cls, *_: object) -> None:
        """In the main thread, on whatever it is at."""
        handled = sys.exception()
        while handled is not None and not isinstance(handled, KeyboardInterrupt | SystemExit):
            handled = handled.__context__
        if handled is None:
            cls._stop()


def say_interrupted() -> None:
    """The line that ends an interrupted run."""
    _Insist.rest()
    error_line("interrupted; no half-written file was left")


def error_line(message: str) -> None:
    """One line that says what is wrong and what to do."""
    text = " ".join(message.splitlines())
    with suppress(OSError):  # nobody reads it
        print(f"neurorecon: error: {text}", file=sys.stderr, flush=True)


@contextmanager
def quiet_pipe() -> Iterator[None]:
    """Ends quietly where the reader of standard output went away."""
    try:
        yield
    except BrokenPipeError:
        _discard_output()
        sys.exit(_NO_READER)


def _flushed(code: int) -> int:
    """The exit code once all output has gone out: Python would complain after us."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_output()
    except OSError as error:
        _discard_output()
        error_line(f"standard output: {error.strerror}; free some space, or write elsewhere")
        return code or 1
    return code


def _discard_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _stop_again(lost: sys.UnraisableHookArgs) -> None:
    """Send a signal again that came where nothing can be raised: in a callback of a weakref."""
    numbers = {KeyboardInterrupt: signal.SIGINT, SystemExit: signal.SIGTERM}
    number = numbers.get(lost.exc_type)
    if number is None:
        sys.__unraisablehook__(lost)
    else:
        threading.Timer(0.01, os.kill, (os.getpid(), number)).start()


def _fill_closed_streams() -> None:
    """Nothing comes from closed standard streams, and what is written to them is lost.

    Files opened later would else take their numbers, and get what C code prints; and libraries
    write to `sys.stderr` while they are imported.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))


def _accept_any_text() -> None:
    """Print file names byte for byte, and what the terminal's encoding lacks as ?.

    ASCII (`LC_ALL=C`) becomes UTF-8, as Python itself would have it.
    """

    def replaced(error: UnicodeError) -> tuple[str | bytes, int]:
        try:
            return codecs.lookup_error("surrogateescape")(error)
        except UnicodeError:
            return codecs.lookup_error("replace")(error)

    codecs.register_error("neurorecon", replaced)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            plain = codecs.lookup(stream.encoding).name == "ascii"
            stream.reconfigure(encoding="utf-8" if plain else None, errors="neurorecon")
