"""Reads the events that a trainer appends to its file, from wherever reading had stopped."""

from __future__ import annotations

from pathlib import Path

import structlog
from pydantic import ValidationError

from bot.agent.trainer_contract import TRAINER_EVENT, TrainerEvent

_log = structlog.get_logger(__name__)
_CHUNK_BYTES = 1024 * 1024
_LONGEST_LINE_BYTES = 1024 * 1024


class EventsFile:
    """An incremental reader; a last line without its newline is left for the next call."""

    def __init__(self, path: Path, offset: int = 0) -> None:
        self._path = path
        self._offset = offset

    @property
    def offset(self) -> int:
        """Where the next call begins, in bytes."""
        return self._offset

    def read_new(self) -> list[TrainerEvent]:
        """Return the events since the last call; an unreadable line is logged and left out."""
        events: list[TrainerEvent] = []
        while lines := self._read_lines():
            events.extend(event for line in lines if (event := self._parse(line)) is not None)
        return events

    def _read_lines(self) -> list[bytes]:
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                chunk = file.read(_CHUNK_BYTES)
        except FileNotFoundError:
            return []
        end = chunk.rfind(b"\n") + 1
        if end == 0 and len(chunk) >= _LONGEST_LINE_BYTES:
            # No event is that long; without this the reader would never get past it.
            _log.error("event_line_too_long", file=str(self._path), offset=self._offset)
            end = len(chunk)
        self._offset += end
        return chunk[:end].splitlines()

    def _parse(self, line: bytes) -> TrainerEvent | None:
        if not line.strip():
            return None
        try:
            return TRAINER_EVENT.validate_json(line)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            _log.warning("event_unreadable", file=str(self._path), why=first["msg"])
            return None


def read_log_tail(path: Path, lines: int = 20, at_most_bytes: int = 16_384) -> tuple[str, ...]:
    """Return the last lines of a log, however long it is; each is cut to 300 characters."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - at_most_bytes))
            text = file.read(at_most_bytes).decode("utf-8", errors="replace")
    except OSError:
        return ()
    # A progress bar rewrites its line with carriage returns; only its last state is of interest.
    shown = (line.rstrip("\r").rpartition("\r")[2].rstrip() for line in text.split("\n"))
    return tuple(line[:300] for line in shown if line)[-lines:]
