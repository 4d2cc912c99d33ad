"""The only caller of the system's clock."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.ports.clock import Clock


class SystemClock(Clock):
    """The wall clock of this machine."""

    def now(self) -> datetime:
        """Return the current instant, aware, in UTC."""
        return datetime.now(UTC)
