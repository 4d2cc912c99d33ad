"""The trainer's own clock: it is a process by itself, with nobody to hand it one."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.ports.clock import Clock


class WallClock(Clock):
    """The wall clock of this machine."""

    def now(self) -> datetime:
        """Return the current instant, aware, in UTC."""
        return datetime.now(UTC)
