"""The request to stop, from its signal to the place where training honours it.

Standard library only: the handlers must stand before anything slow is imported.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from types import FrameType


class StoppedError(BaseException):
    """Training was left on request.

    A ``BaseException``, so that no ``except Exception`` inside Ultralytics can swallow it.
    """


class StopRequest:
    """Whether somebody has asked this process to stop; set by SIGTERM, never unset."""

    def __init__(self) -> None:
        self._asked_at_s: float | None = None
        self._tell: Callable[[], None] | None = None
        self._told = False

    def install(self) -> None:
        """Take over SIGTERM and ignore SIGINT: the agent decides, not a terminal."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def on_request(self, tell: Callable[[], None]) -> None:
        """Call ``tell`` once when the request comes, at once if it has already come."""
        self._tell = tell
        if self.requested:
            self._tell_once()

    def close(self) -> None:
        """Ignore SIGTERM from now on: the end is being written and nothing may follow it."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)

    @property
    def requested(self) -> bool:
        """Whether the request has come."""
        return self._asked_at_s is not None

    def waited_s(self) -> float:
        """Return the seconds since the request, 0 without one."""
        return 0.0 if self._asked_at_s is None else time.monotonic() - self._asked_at_s

    def raise_if_requested(self) -> None:
        """Leave training if a stop was requested.

        Raises:
            StoppedError: It was.
        """
        if self.requested:
            raise StoppedError

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self._asked_at_s is None:
            self._asked_at_s = time.monotonic()
        self._tell_once()

    def _tell_once(self) -> None:
        if self._tell is not None and not self._told:
            self._told = True
            self._tell()
