"""The log of a trainer: bounded while it is written, and read for people.

The trainer writes to ``trainer.log`` itself, in append mode and without a pipe: it neither blocks
nor dies for what becomes of the file.  So the agent can cut the file short under its hands, as
``logrotate`` does with ``copytruncate``; a line written in that instant may be lost.

::

    trainer.log.head    the first section, for what was said at the start
    trainer.log.1       the section before the current one
    trainer.log         the current one
"""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from bot.agent.events_file import read_log_tail

SECTION_BYTES = 16 * 2**20
TAIL_LINES = 40
TAIL_BYTES = 8 * 2**10
_COPY_BYTES = 2**20
GAP = b"\n[... what came here was not kept: the log grew too long ...]\n"


class TrainerLog:
    """The three files of one log, at most ``3 * section_bytes`` and what one look misses."""

    def __init__(self, path: Path, section_bytes: int = SECTION_BYTES) -> None:
        self._path = path
        self._section_bytes = section_bytes
        self._seen: tuple[int, int] | None = None
        self._tail: tuple[str, ...] = ()

    @property
    def _head(self) -> Path:
        return self._path.with_name(f"{self._path.name}.head")

    @property
    def _before(self) -> Path:
        return self._path.with_name(f"{self._path.name}.1")

    def bound(self) -> bool:
        """Put the current section aside when it is full, and tell whether it was.

        Raises:
            OSError: the section could not be copied; it is left as it is.
        """
        size = _size_of(self._path)
        if size < self._section_bytes:
            return False
        with self._path.open("r+b") as log:
            first = 0
            if not self._head.exists():
                _copy(log, self._head, 0, self._section_bytes)
                first = self._section_bytes
            if size > first:
                start = max(first, size - self._section_bytes)
                is_torn = start > first or self._before.exists()
                _copy(log, self._before, start, self._section_bytes, GAP if is_torn else b"")
            os.ftruncate(log.fileno(), 0)
        return True

    def tail(self) -> tuple[str, ...]:
        """Return the last lines, at most `TAIL_LINES` and `TAIL_BYTES`; cheap while none is new."""
        try:
            status = self._path.stat()
        except OSError:
            return self._tail
        seen = (status.st_size, status.st_mtime_ns)
        if seen != self._seen:
            self._seen = seen
            self._tail = _fitting(self.last_lines(TAIL_LINES))
        return self._tail

    def last_lines(self, count: int) -> tuple[str, ...]:
        """Return the last lines, across the sections."""
        lines = read_log_tail(self._path, count)
        if len(lines) < count and self._before.exists():
            lines = (*read_log_tail(self._before, count), *lines)[-count:]
        elif len(lines) < count:
            lines = (*read_log_tail(self._head, count), *lines)[-count:]
        return lines

    def write_gzip(self, target: Path) -> None:
        """Write the whole log, as far as it was kept, compressed. May take long.

        Raises:
            OSError: it could not be read or written.
        """
        with gzip.open(target, "wb", compresslevel=6) as packed:
            for path in self._sections():
                with path.open("rb") as section:
                    shutil.copyfileobj(section, packed, _COPY_BYTES)

    def _sections(self) -> Iterator[Path]:
        yield from (path for path in (self._head, self._before, self._path) if path.exists())


def _fitting(lines: tuple[str, ...]) -> tuple[str, ...]:
    """Leave out the oldest lines until the rest is short enough."""
    kept: list[str] = []
    left = TAIL_BYTES
    for line in reversed(lines):
        left -= len(line.encode()) + 1
        if left < 0:
            break
        kept.append(line)
    return tuple(reversed(kept))


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _copy(log: IO[bytes], target: Path, first: int, size_bytes: int, before: bytes = b"") -> None:
    """Copy a stretch beside ``target`` and replace it, so that it is never torn."""
    beside = target.with_name(f".{target.name}.tmp")
    log.seek(first)
    left = size_bytes
    with beside.open("wb") as file:
        file.write(before)
        while left > 0 and (chunk := log.read(min(_COPY_BYTES, left))):
            file.write(chunk)
            left -= len(chunk)
    beside.replace(target)
