"""What admins write after ``/gpu maintenance``, ``drain``, ``broken`` and their opposites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.domain.errors import UnreadableRequest
from bot.domain.maintenance import MaintenanceWish
from bot.slack.times import MomentReader, read_length
from bot.slack.tokens import clip_word, tokens_of

REASON_CHARS = 300
_UNTIL = frozenset({"until", "till", "to", "-", "\u2013", "\u2014"})
_MAINTENANCE = "a host or GPUs, a start and a length, such as `host2 tomorrow 8:00 4h new driver`"


@dataclass(frozen=True, slots=True)
class Named:
    """Hosts or GPUs by name, and why."""

    names: tuple[str, ...]
    reason: str


def parse_named(text: str, wanted: str) -> Named:
    """Read ``gpu3@host2,gpu4@host2 the reason``.

    Raises:
        UnreadableRequest: there is no name, or the reason is too long; carries ``wanted``.
    """
    word, _, reason = text.strip().partition(" ")
    names = _names(word)
    if not names:
        raise UnreadableRequest(clip_word(text.strip()), wanted)
    return Named(names, _reason(reason))


def parse_maintenance(text: str, *, now: datetime, tz: ZoneInfo) -> MaintenanceWish:
    """Read ``host2 tomorrow 8:00 4h new driver``, or ``gpu3@host2 now until 18:00``.

    First the hosts or GPUs, with commas between them; then when, then how long or until when; the
    rest is the reason.

    Raises:
        UnreadableTime: a time of day that does not exist.
        UnreadableRequest: something is missing or stands in another order.
    """
    words = [token.text for token in tokens_of(text)]
    names = _names(words[0]) if words else ()
    reader = MomentReader(now, tz)
    found = reader.read(words[1:10]) if names else None
    if found is None:
        raise UnreadableRequest(clip_word(text.strip()), _MAINTENANCE)
    start, rest = max(found[0], now), words[1 + found[1] :]
    length, used = _length(reader, start, rest)
    return MaintenanceWish(
        targets=names,
        length=length,
        start=None if found[0] <= now and _says_now(words[1]) else found[0],
        reason=_reason(" ".join(rest[used:])),
    )


def _says_now(word: str) -> bool:
    return word.lower() in ("now", "asap", "immediately")


def _length(reader: MomentReader, start: datetime, words: Sequence[str]) -> tuple[timedelta, int]:
    """Return how long, and how many words say so."""
    lead = 1 if words and words[0].lower() == "for" else 0
    found = read_length(words[lead:])
    if found is not None:
        return found[0], found[1] + lead
    if words and words[0].lower() in _UNTIL:
        end = reader.read(words[1:10], after=start)
        if end is not None and end[0] > start:
            return end[0] - start, end[1] + 1
    asked = clip_word(" ".join(words[:2]))
    raise UnreadableRequest(asked, "a length such as `4h`, or an end such as `until 18:00`")


def _names(word: str) -> tuple[str, ...]:
    return tuple(name for name in word.strip("`").split(",") if name)


def _reason(text: str) -> str:
    reason = text.strip().strip('"')
    if len(reason) > REASON_CHARS:
        wanted = f"a reason of at most {REASON_CHARS} characters"
        raise UnreadableRequest(clip_word(reason), wanted)
    return reason
