"""Ctrl-C in training: the step is finished first, because half a step is no state to go on from."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType


class StopAfterStep:
    """A context in which Ctrl-C only sets `asked`."""

    asked = False

    def __enter__(self) -> StopAfterStep:
        self._before = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
