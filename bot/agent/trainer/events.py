"""Write the events file: one JSON line per event, each appended with a single ``write``."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, SupportsFloat

from bot.agent.trainer_contract import Ended, TrainerEvent

MAX_WARNING_CHARS = 500
MAX_DETAIL_CHARS = 2000


class EventSink(Protocol):
    """Where events go."""

    def emit(self, event: TrainerEvent) -> None:
        """Take note of one event."""


class SilentSink:
    """Drops every event: the sink of all ranks of a multi-GPU training but the first."""

    def emit(self, event: TrainerEvent) -> None:
        """Do nothing."""


class EventLog:
    """Appends events to a file; `Ended` closes it, so that it is the last line and the only one.

    A line that could not be written, on a full disk for example, is kept and written in front of
    the next: an event may come late but is not lost, and training never fails for it.
    """

    def __init__(self, path: Path) -> None:
        """Open the file for appending, making it if need be.

        Raises:
            OSError: The file cannot be opened.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._fd = os.open(path, flags, 0o640)
        # A writer that died in mid-line must not spoil the first line of this one.
        self._unsent = b"\n" if self._ends_torn() else b""
        self._closed = False

    def emit(self, event: TrainerEvent) -> None:
        """Append one event and force it to disk; after `Ended` do nothing.

        Safe to call from a signal handler that interrupts another ``emit``.
        """
        if self._closed:
            return
        self._closed = isinstance(event, Ended)
        data = self._unsent + event.model_dump_json().encode() + b"\n"
        self._unsent = b""
        try:
            written = os.write(self._fd, data)
            if written < len(data):
                self._unsent = data[written:]
            os.fsync(self._fd)
        except OSError as error:
            self._unsent = data
            sys.stderr.write(f"event not written: {error}\n")

    def _ends_torn(self) -> bool:
        size = os.fstat(self._fd).st_size
        return size > 0 and os.pread(self._fd, 1, size - 1) != b"\n"


def finite(values: Mapping[str, SupportsFloat]) -> dict[str, float]:
    """Return the finite values, rounded to six decimals: JSON knows neither NaN nor infinity."""
    numbers = {name: float(value) for name, value in values.items()}
    return {name: round(value, 6) for name, value in numbers.items() if math.isfinite(value)}


def shortened(text: str, limit: int) -> str:
    """Return ``text`` cut to ``limit`` characters, with an ellipsis where it was cut."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
