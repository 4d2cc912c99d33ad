"""What people write after ``/gpu report``: pure reading."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

from bot.domain.errors import UnreadableRequest
from bot.slack.past_times import read_past
from bot.slack.tokens import clip_word

LENGTHS = {
    "": timedelta(days=7),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
    "quarter": timedelta(days=91),
}
_WANTED = "`week`, `month`, or since when: `since monday`, `since 2026-11-01`"


def parse_report(text: str, now: datetime, zone: tzinfo) -> datetime:
    """Return since when a report is wanted; it ends now.

    Raises:
        UnreadableRequest: the words mean no such time.
    """
    words = text.lower().split()
    length = LENGTHS.get(" ".join(words))
    if length is not None:
        return now - length
    if words[0] == "since":
        start, took = read_past(words[1:], now, zone)
        if took == len(words) - 1:
            return start
    raise UnreadableRequest(clip_word(text), _WANTED)
