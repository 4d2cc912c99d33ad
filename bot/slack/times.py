"""Times and lengths as people write them, in their own time zone.

Everything here is pure and raises nothing but `UnreadableTime` and `UnreadableRequest`.  A reader
is given words and says how many of the first ones it understood.

Clock changes: a local time that a zone skips (02:30 on the night when clocks go forward) is moved
forward by the skipped hour; one that comes twice means the first, unless only the second lies
ahead.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import dateparser

from bot.domain.errors import UnreadableRequest, UnreadableTime

NOW_WORDS = frozenset({"now", "asap", "immediately"})
LEADS = frozenset({"at", "on", "from", "starting", "start", "@"})
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WEEKDAY_WORDS = {
    short: number
    for number, name in enumerate(_WEEKDAYS)
    for short in {name, name[:3], {"tue": "tues", "thu": "thurs"}.get(name[:3], name[:3])}
}
_MONTH = re.compile(
    r"(jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sept?(ember)?"
    r"|oct(ober)?|nov(ember)?|dec(ember)?)[.,]?\Z"
)
_DAY_NUMBER = re.compile(r"(0?[1-9]|[12]\d|3[01])(st|nd|rd|th)?[.,]?\Z")
_YEAR = re.compile(r"20\d\d,?\Z")
_ISO_DATE = re.compile(r"20\d\d-\d\d-\d\d,?\Z")
_DOTTED_DATE = re.compile(r"(\d{1,2})\.(\d{1,2})\.(20\d\d)?,?\Z")
_INSTANT = re.compile(r"20\d\d-\d\d-\d\dt\d\d:\d\d(:\d\d(\.\d{1,6})?)?(z|[+-]\d\d:\d\d(:\d\d)?)?\Z")
_CLOCK = re.compile(r"(\d{1,2})(?::(\d\d))?(am|pm)?\Z")
_CLOCK_RANGE = re.compile(
    r"((?:\d{1,2}(?::\d\d)?(?:am|pm)?)|noon|midnight)[-\u2013\u2014]"
    r"((?:\d{1,2}(?::\d\d)?(?:am|pm)?)|noon|midnight)\Z"
)
_UNITS = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}
_UNIT = r"w(?:eeks?)?|d(?:ays?)?|h(?:(?:ou)?rs?)?|m(?:in(?:ute)?s?)?|s(?:ec(?:ond)?s?)?"
_AMOUNT = re.compile(r"\d{1,5}(\.\d{1,6})?\Z")
_UNIT_WORD = re.compile(rf"(?:{_UNIT})[.,]?\Z")
_LENGTH_PART = re.compile(rf"(\d{{1,5}}(?:\.\d{{1,6}})?)({_UNIT})")
_LENGTH_WORD = re.compile(rf"(?:\d{{1,5}}(?:\.\d{{1,6}})?(?:{_UNIT}))+,?\Z")
_HOURS_AND_MINUTES = re.compile(r"(\d{1,3})h(\d\d)\Z")


def zone(name: str) -> ZoneInfo:
    """Return the IANA zone of that name, or UTC if this machine knows none."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # unknown, a folder of the zone database, or a path
        return ZoneInfo("UTC")


def at_local(day: date, at: time, tz: ZoneInfo, *, not_before: datetime | None = None) -> datetime:
    """Return the instant of a wall clock time, in UTC; see the module about clock changes.

    Raises:
        UnreadableTime: the instant lies outside what a calendar can hold.
    """
    try:
        local = datetime.combine(day, at, tzinfo=tz)
        first = local.replace(fold=0).astimezone(UTC)
        second = local.replace(fold=1).astimezone(UTC)
    except OverflowError as error:
        raise UnreadableTime(f"{day} {at}") from error
    comes_twice = second > first
    return second if comes_twice and not_before is not None and first < not_before else first


def split_ranges(words: Sequence[str]) -> list[str]:
    """Return the words with ``20:00-08:00`` taken apart into ``20:00``, ``-``, ``08:00``.

    At least one side must look like a time of day, so that ``1-2`` stays what it is.
    """
    found: list[str] = []
    for word in words:
        match = _CLOCK_RANGE.match(word.lower())
        if match and any(_looks_like_clock(side) for side in match.groups()):
            first, second = match.groups()
            half = second[-2:]
            if half in ("am", "pm") and first.isdigit():
                first += half  # 6-8pm
            found += [first, "-", second]
        else:
            found.append(word)
    return found


def _looks_like_clock(text: str) -> bool:
    return not text.isdigit()


def read_length(words: Sequence[str]) -> tuple[timedelta, int] | None:
    """Read ``8h``, ``2h30m``, ``90 min``, ``8 hours 30 minutes`` or ``1d``.

    Returns:
        The length and how many words it took, or None if the words do not start with one.
    """
    total, used = timedelta(), 0
    smallest: timedelta | None = None
    while used < len(words):
        part = _length_part(words[used : used + 2])
        if part is None or (smallest is not None and part.largest >= smallest):
            break
        total, used, smallest = total + part.length, used + part.used, part.smallest
    return (total, used) if used else None


@dataclass(frozen=True, slots=True)
class _LengthPart:
    length: timedelta
    used: int
    largest: timedelta
    smallest: timedelta


def _length_part(words: Sequence[str]) -> _LengthPart | None:
    word = words[0].lower()
    if match := _HOURS_AND_MINUTES.match(word):
        word = f"{match[1]}h{match[2]}m"
    if _LENGTH_WORD.match(word):
        parts = [(float(amount), _UNITS[unit[0]]) for amount, unit in _LENGTH_PART.findall(word)]
        units = [unit for _, unit in parts]
        if any(later >= earlier for earlier, later in pairwise(units)):
            return None  # 30m2h, or 2h2h
        total = sum((amount * unit for amount, unit in parts), timedelta())
        return _LengthPart(total, 1, max(units), min(units))
    if _AMOUNT.match(word) and len(words) > 1 and _UNIT_WORD.match(words[1].lower()):
        unit = _UNITS[words[1][0].lower()]
        return _LengthPart(float(word) * unit, 2, unit, unit)
    return None


@dataclass(frozen=True, slots=True)
class _Day:
    """A day as written; ``weekly`` days move on by a week when their time has passed."""

    day: date
    used: int
    weekly: bool = False


@dataclass(frozen=True, slots=True)
class MomentReader:
    """Reads instants for someone in ``tz`` at ``now``."""

    now: datetime
    tz: ZoneInfo

    def read(
        self, words: Sequence[str], *, after: datetime | None = None
    ) -> tuple[datetime, int] | None:
        """Read an instant from the first words.

        A time of day alone means its next occurrence, a weekday the nearest one that has not
        passed; ``today`` and dates mean what they say, even when that is over.

        Args:
            words: what was written.
            after: for the end of a window, its start: times of day and weekdays come after it.

        Returns:
            The instant in UTC and how many words it took, or None if the words start with none.

        Raises:
            UnreadableTime: it looked like a time, but there is no such time.
            UnreadableRequest: a day without a time of day.
        """
        lead = 1 if len(words) > 1 and words[0].lower() in LEADS else 0
        rest = [word.lower() for word in words[lead : lead + 8]]
        if not rest:
            return None
        found = self._plain(rest) or self._day_first(rest, after) or self._clock_first(rest, after)
        return None if found is None else (found[0], found[1] + lead)

    def day_words(self, words: Sequence[str]) -> int:
        """Return how many of the first words name a day, with an ``on`` before it."""
        lead = 1 if words and words[0].lower() == "on" else 0
        day = self._day([word.lower() for word in words[lead : lead + 4]])
        return 0 if day is None else day.used + lead

    def _plain(self, words: Sequence[str]) -> tuple[datetime, int] | None:
        if words[0] in NOW_WORDS:
            return self.now.astimezone(UTC), 1
        if _INSTANT.match(words[0]):
            return self._iso(words[0]), 1
        if words[0] == "in" and (length := read_length(words[1:])) and not _in_days(words):
            return self.now.astimezone(UTC) + length[0], length[1] + 1
        return None

    def _iso(self, word: str) -> datetime:
        try:
            instant = datetime.fromisoformat(word.upper())
            if instant.tzinfo is not None:
                return instant.astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise UnreadableTime(word) from error
        return at_local(instant.date(), instant.time(), self.tz, not_before=self.now)

    def _day_first(
        self, words: Sequence[str], after: datetime | None
    ) -> tuple[datetime, int] | None:
        day = self._day(words)
        if day is None:
            return None
        position = day.used
        if words[position : position + 1] in (["at"], ["@"], ["from"]):
            position += 1
        clock = read_clock(words[position:]) or _bare_hour(words[position:])
        if clock is None:
            phrase = " ".join(words[: day.used])
            raise UnreadableRequest(phrase, f"a time of day with it, such as `{phrase} 18:00`")
        return self._resolve(day, clock[0], after), position + clock[1]

    def _clock_first(
        self, words: Sequence[str], after: datetime | None
    ) -> tuple[datetime, int] | None:
        clock = read_clock(words)
        if clock is None:
            return None
        position = clock[1]
        if words[position : position + 1] == ["on"]:
            position += 1
        day = self._day(words[position:])
        if day is not None:
            return self._resolve(day, clock[0], after), position + day.used
        base = self._base(after)
        start_day = base.astimezone(self.tz).date()
        for offset in (-1, 0, 1, 2):  # -1: 24:00 of yesterday may still lie ahead
            instant = self._on(start_day + timedelta(days=offset), clock[0], not_before=base)
            if instant >= base:
                return instant, clock[1]
        raise UnreadableTime(words[0])

    def _base(self, after: datetime | None) -> datetime:
        """Return the earliest instant that is meant; the minute that runs now still counts."""
        if after is not None:
            return after + timedelta(microseconds=1)
        return self.now.replace(second=0, microsecond=0)

    def _resolve(self, day: _Day, clock: timedelta, after: datetime | None) -> datetime:
        base = self._base(after)
        instant = self._on(day.day, clock, not_before=base)
        while day.weekly and instant < base:
            day = _Day(day.day + timedelta(days=7), day.used, weekly=True)
            instant = self._on(day.day, clock, not_before=base)
        return instant

    def _on(self, day: date, clock: timedelta, *, not_before: datetime) -> datetime:
        local = datetime.combine(day, time()) + clock
        return at_local(local.date(), local.time(), self.tz, not_before=not_before)

    def _day(self, words: Sequence[str]) -> _Day | None:
        if not words:
            return None
        today = self.now.astimezone(self.tz).date()
        first = words[0].rstrip(",")
        if first in ("today", "tonight"):
            return _Day(today, 1)
        if first in ("tomorrow", "tmrw"):
            return _Day(today + timedelta(days=1), 1)
        if first in WEEKDAY_WORDS:
            return _Day(_next_weekday(today, WEEKDAY_WORDS[first]), 1, weekly=True)
        second = words[1].rstrip(",") if len(words) > 1 else ""
        if first in ("next", "this") and second in WEEKDAY_WORDS:
            earliest = today + timedelta(days=first == "next")
            return _Day(_next_weekday(earliest, WEEKDAY_WORDS[second]), 2, weekly=True)
        return self._written_date(first) or self._named_date(words)

    def _written_date(self, word: str) -> _Day | None:
        try:
            if _ISO_DATE.match(word):
                return _Day(date.fromisoformat(word), 1)
            if match := _DOTTED_DATE.match(word):
                return _Day(self._dotted(int(match[1]), int(match[2]), match[3]), 1)
        except ValueError as error:
            raise UnreadableTime(word) from error
        return None

    def _dotted(self, day: int, month: int, year: str | None) -> date:
        today = self.now.astimezone(self.tz).date()
        if year:
            return date(int(year), month, day)
        this_year = date(today.year, month, day)
        return this_year if this_year >= today else date(today.year + 1, month, day)

    def _named_date(self, words: Sequence[str]) -> _Day | None:
        """Read ``24 dec``, ``december 24th 2026``, ``day after tomorrow`` or ``in 3 days``.

        dateparser finds a date in almost any text, so it sees only phrases of these shapes.
        """
        used = _date_phrase(words)
        if not used:
            return None
        phrase = " ".join(word.rstrip(".,") for word in words[:used])
        local = self.now.astimezone(self.tz)
        midnight = datetime.combine(local.date(), time())
        try:
            found = dateparser.parse(
                phrase,
                languages=["en"],
                settings={
                    "RELATIVE_BASE": midnight,
                    "PREFER_DATES_FROM": "future",
                    "RETURN_AS_TIMEZONE_AWARE": False,
                },
            )
        except (ValueError, OverflowError) as error:
            raise UnreadableTime(phrase) from error
        if found is None:
            raise UnreadableTime(phrase)
        return _Day(found.date(), used)


def _in_days(words: Sequence[str]) -> bool:
    """Tell whether ``in 3 days`` is followed by a time of day, and so names a day."""
    clock = words[4:] if words[3:4] == ["at"] else words[3:]
    return bool(read_clock(clock)) and words[2][0] in "dw"


def _date_phrase(words: Sequence[str]) -> int:
    if tuple(words[:3]) == ("day", "after", "tomorrow"):
        return 3
    if words[0] == "in" and _in_days(words):
        return 3
    months = [bool(_MONTH.match(word)) for word in words[:2]]
    numbers = [bool(_DAY_NUMBER.match(word)) for word in words[:2]]
    if len(months) < 2 or months == numbers or sum(months) != 1 or sum(numbers) != 1:
        return 0
    if months[1] and len(words) > 2 and _DAY_NUMBER.match(words[2]) and not read_clock(words[2:]):
        return 0  # 1 dec 24th: one GPU, on the 24th
    used = 2
    return used + bool(len(words) > used and _YEAR.match(words[used]))


def _next_weekday(earliest: date, weekday: int) -> date:
    return earliest + timedelta(days=(weekday - earliest.weekday()) % 7)


def read_clock(words: Sequence[str]) -> tuple[timedelta, int] | None:
    """Read a time of day (``18:00``, ``9am``, ``9 pm``, ``noon``, ``24:00``).

    Returns:
        The time since midnight and how many words it took, or None if the words start with none.

    Raises:
        UnreadableTime: it looks like one, but there is no such time of day (25:00).
    """
    if not words:
        return None
    word, used = words[0].lower().rstrip(","), 1
    if word in ("noon", "midnight"):
        return timedelta(hours=12 if word == "noon" else 24), used
    match = _CLOCK.match(word)
    if match is None:
        return None
    half = match[3]
    if half is None and len(words) > 1 and words[1].lower() in ("am", "pm"):
        half, used = words[1].lower(), 2
    if match[2] is None and half is None:
        return None
    hour, minute = int(match[1]), int(match[2] or 0)
    if half is not None and 1 <= hour <= 12:
        hour = hour % 12 + (12 if half == "pm" else 0)
    elif half is not None:
        raise UnreadableTime(f"{match[0]}")
    if minute > 59 or hour * 60 + minute > 24 * 60:
        raise UnreadableTime(f"{match[0]}")
    return timedelta(hours=hour, minutes=minute), used


def _bare_hour(words: Sequence[str]) -> tuple[timedelta, int] | None:
    """Read the ``8`` of ``friday 8``: `bot.slack.doubts` asks what is meant by it."""
    if not words or not words[0].isdecimal() or len(words[0]) > 2 or int(words[0]) > 23:
        return None
    followed = words[1:2] and (words[1] in ("gpu", "gpus", "x") or _MONTH.match(words[1]))
    return None if followed or read_length(words) else (timedelta(hours=int(words[0])), 1)
