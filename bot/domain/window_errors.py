"""Windows that break a limit; part of the tree in `bot.domain.errors`."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.domain.error_branches import InvalidRequest


class PastStart(InvalidRequest):
    """The window starts in the past."""

    code = "past_start"

    def __init__(self, start: datetime, now: datetime) -> None:
        super().__init__(start=start, now=now)
        self.start = start
        self.now = now


class TooShort(InvalidRequest):
    """Shorter than one slot: a case for the queue."""

    code = "too_short"

    def __init__(self, wanted: timedelta, slot: timedelta) -> None:
        super().__init__(wanted=wanted, slot=slot)
        self.wanted = wanted
        self.slot = slot


class TooLong(InvalidRequest):
    """Longer than the longest reservation."""

    code = "too_long"

    def __init__(self, wanted: timedelta, longest: timedelta) -> None:
        super().__init__(wanted=wanted, longest=longest)
        self.wanted = wanted
        self.longest = longest


class BeyondHorizon(InvalidRequest):
    """Starts later than the calendar reaches."""

    code = "beyond_horizon"

    def __init__(self, start: datetime, last_start: datetime) -> None:
        super().__init__(start=start, last_start=last_start)
        self.start = start
        self.last_start = last_start
