"""What people write after ``/gpu extend``, ``shorten`` and ``move``: pure reading.

Lengths are more or less than what there is, times are where it leads to; times of day are in the
writer's own zone.  Nothing is guessed: what fits nowhere is an error that says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.domain.errors import UnreadableRequest, UnreadableTime
from bot.domain.time_window import TimeWindow
from bot.slack.grammar import parse_cancel
from bot.slack.times import MomentReader, read_length
from bot.slack.tokens import clip_word

_UNTIL = frozenset({"until", "till", "to"})
_BY = frozenset({"by", "for"})
_MORE = frozenset({"more", "longer"})
_LESS = frozenset({"less", "shorter", "earlier"})
_EXTEND = "a length such as `2h`, or an end such as `until fri 9am`"
_SHORTEN = "an end such as `until 18:00`, or a length such as `1h less`"
_MOVE = "a start such as `tomorrow 18:00`"


def parse_number(text: str, command: str) -> tuple[int, str]:
    """Return the number of the reservation that is meant, and what follows it.

    Raises:
        UnknownReservation: the first word is no reservation number.
        UnreadableRequest: there is no word.
    """
    word, _, rest = text.strip().partition(" ")
    if not word:
        raise UnreadableRequest("", f"a reservation, such as `/gpu {command} R12 …`")
    return parse_cancel(word).reservation_id or 0, rest.strip()


def read_longer(text: str, window: TimeWindow, now: datetime, tz: ZoneInfo) -> datetime | None:
    """Return the later end that is meant; None when nothing is said, which means a slot more.

    Raises:
        UnreadableTime: it should be a time or a length and is neither.
        UnreadableRequest: something is missing, or too much.
    """
    words = text.split()
    if not words:
        return None
    if words[0].lower() in _UNTIL:
        return _moment(words[1:], now, tz, after=window.end, wanted=_EXTEND)
    return window.end + _length(words, _MORE, _EXTEND)


def read_shorter(text: str, window: TimeWindow, now: datetime, tz: ZoneInfo) -> datetime:
    """Return the earlier end that is meant.

    Raises:
        UnreadableTime: it should be a time or a length and is neither.
        UnreadableRequest: something is missing, or too much.
    """
    words = text.split()
    if not words:
        raise UnreadableRequest("", _SHORTEN)
    if words[0].lower() in _UNTIL:
        return _moment(words[1:], now, tz, after=max(now, window.start), wanted=_SHORTEN)
    return window.end - _length(words, _LESS, _SHORTEN)


def read_start(text: str, now: datetime, tz: ZoneInfo) -> datetime:
    """Return the new start that is meant.

    Raises:
        UnreadableTime: it should be a time and is none.
        UnreadableRequest: something is missing, or too much.
    """
    words = text.split()
    rest = words[1:] if words and words[0].lower() == "to" else words
    return _moment(rest, now, tz, after=None, wanted=_MOVE)


def _moment(
    words: Sequence[str], now: datetime, tz: ZoneInfo, *, after: datetime | None, wanted: str
) -> datetime:
    if not words:
        raise UnreadableRequest("", wanted)
    found = MomentReader(now, tz).read(words, after=after)
    if found is None:
        raise UnreadableTime(clip_word(" ".join(words)))
    _nothing_more(words[found[1] :], wanted)
    return found[0]


def _length(words: Sequence[str], ends: frozenset[str], wanted: str) -> timedelta:
    rest = words[1:] if words[0].lower() in _BY else words
    found = read_length(rest) if rest else None
    if found is None:
        raise UnreadableTime(clip_word(" ".join(words)))
    left = rest[found[1] :]
    _nothing_more(left[1:] if left and left[0].lower() in ends else left, wanted)
    return found[0]


def _nothing_more(words: Sequence[str], wanted: str) -> None:
    if words:
        raise UnreadableRequest(clip_word(" ".join(words)), f"only {wanted}")
