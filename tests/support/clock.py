"""A clock for tests."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.ports.clock import Clock


class SetClock(Clock):
    """Stands still until it is moved by ``advance`` or ``move_to``."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def advance(self, **span: float) -> None:
        """Move on by a span such as ``minutes=5``."""
        self._now += timedelta(**span)

    def move_to(self, instant: datetime) -> None:
        """Set the clock; it never goes back."""
        assert instant >= self._now
        self._now = instant
