"""Which times can be meant in more than one way, and what the other way would be; pure.

A booking that rests on such a time is repeated to its writer before it is made.  Doubtful are:

- an hour without minutes after a day: ``friday 8`` in the morning or in the evening,
- ``next friday`` where this week still has one,
- a weekday that is today: today, or in a week,
- a time of day alone that has passed, so that its next occurrence is more than half a day away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from bot.domain.requests import ReserveRequest
from bot.slack.times import WEEKDAY_WORDS, at_local, read_clock

_HALF_DAY = timedelta(hours=12)
_WEEK = timedelta(days=7)


class DoubtKind(StrEnum):
    """Why a time can be meant in more than one way."""

    HOUR = "hour"
    NEXT = "next"
    WEEKDAY = "weekday"
    PASSED = "passed"


@dataclass(frozen=True, slots=True)
class Doubt:
    """A time with two meanings: as ``written``; ``other`` is the one not taken, if it is clear."""

    kind: DoubtKind
    written: str
    other: datetime | None


@dataclass(frozen=True, slots=True)
class Understood:
    """A booking as it was read; with doubts, ``others`` are what may have been meant instead."""

    request: ReserveRequest
    doubts: tuple[Doubt, ...] = ()
    others: tuple[ReserveRequest, ...] = ()


def doubt_about(
    words: Sequence[str], instant: datetime, *, now: datetime, tz: ZoneInfo, is_end: bool = False
) -> Doubt | None:
    """Return the doubt about an instant that was read from ``words``, or None.

    The end of a window comes after its start, so that a time of day alone is clear there.
    """
    lower = [word.lower().rstrip(",") for word in words]
    written = " ".join(words)[:60]
    local, today = instant.astimezone(tz), now.astimezone(tz).date()
    if _is_bare_hour(lower):
        evening = 1 <= local.hour <= 11
        other = at_local(local.date(), time(local.hour + 12), tz) if evening else None
        return Doubt(DoubtKind.HOUR, written, other)
    weekday = next((at for at, word in enumerate(lower) if word in WEEKDAY_WORDS), None)
    if weekday is not None:
        before = lower[weekday - 1] if weekday else ""
        next_week = at_local(local.date() + _WEEK, local.time(), tz)
        if before == "next" and local.date().isocalendar()[:2] == today.isocalendar()[:2]:
            return Doubt(DoubtKind.NEXT, written, next_week)
        if before not in ("next", "this") and WEEKDAY_WORDS[lower[weekday]] == today.weekday():
            return Doubt(DoubtKind.WEEKDAY, written, next_week if local.date() == today else None)
        return None
    clock = read_clock(lower)
    alone = clock is not None and clock[1] == len(lower)
    if alone and not is_end and instant - now > _HALF_DAY:
        half = any(word.endswith(("am", "pm")) or word in ("noon", "midnight") for word in lower)
        earlier = instant - _HALF_DAY
        return Doubt(DoubtKind.PASSED, written, None if half or earlier <= now else earlier)
    return None


def _is_bare_hour(words: Sequence[str]) -> bool:
    return (
        len(words) > 1
        and words[-1].isdecimal()
        and all(read_clock(words[at:]) is None for at in range(len(words)))
    )
