"""Instants in the past as people write them: ``monday``, ``yesterday``, ``3 days``, a date."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from bot.domain.errors import UnreadableRequest
from bot.slack.times import WEEKDAY_WORDS, read_clock, read_length
from bot.slack.tokens import clip_word

WANTED = "since when: `monday`, `yesterday`, `3 days`, `2026-11-20` or `2026-11-20 18:00`"
_ISO = re.compile(r"20\d\d-\d\d-\d\d\Z")
_LONGEST = timedelta(days=3660)


def read_past(words: Sequence[str], now: datetime, zone: tzinfo) -> tuple[datetime, int]:
    """Return the instant that the first words mean, in UTC, and how many of them it took.

    A day is its beginning in the reader's zone, a weekday the last one that has begun, a length
    so long ago.  What lies ahead is refused.

    Raises:
        UnreadableRequest: the words mean no instant in the past.
    """
    lowered = [word.lower() for word in words]
    length = read_length(lowered) if lowered else None
    if length is not None:
        took = length[1] + (1 if lowered[length[1] : length[1] + 1] == ["ago"] else 0)
        if not timedelta(0) < length[0] <= _LONGEST:
            raise UnreadableRequest(clip_word(" ".join(words[:took])), WANTED)
        return now - length[0], took
    day = _day(lowered, now.astimezone(zone).date())
    if day is None:
        raise UnreadableRequest(clip_word(" ".join(words[:2])), WANTED)
    clock = read_clock(lowered[1:]) if lowered[1:] else None
    at, took = (clock[0], clock[1] + 1) if clock else (timedelta(0), 1)
    instant = (datetime.combine(day, time(), zone) + at).astimezone(UTC)
    if instant > now:
        raise UnreadableRequest(clip_word(" ".join(words[:took])), WANTED)
    return instant, took


def _day(words: Sequence[str], today: date) -> date | None:
    word = words[0] if words else ""
    if word == "today":
        return today
    if word == "yesterday":
        return today - timedelta(days=1)
    if word in WEEKDAY_WORDS:
        return today - timedelta(days=(today.weekday() - WEEKDAY_WORDS[word]) % 7)
    if _ISO.match(word):
        try:
            return date.fromisoformat(word)
        except ValueError:
            return None
    return None
