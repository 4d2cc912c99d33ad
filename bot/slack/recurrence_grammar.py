"""``/gpu reserve 2 every weekday 20:00 12h``: a booking that recurs, read from one line.

The words about recurring are taken out, and the rest is read as a single booking, the first one,
by `bot.slack.grammar`.  Nothing is guessed: what could be meant in two ways is in ``doubts``, and
is shown before anything is booked.  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.domain.errors import BerthError, UnreadableRequest, UnreadableTime
from bot.domain.recurrence import (
    EVERY_DAY,
    WEEKDAYS,
    WEEKEND,
    WORKING_DAYS,
    Recurrence,
    WallEnd,
    last_day_of,
    overlaps_itself,
)
from bot.domain.requests import ReserveRequest
from bot.domain.run_spec import TrainingSpec
from bot.slack.grammar import parse_reserve
from bot.slack.reading import NOTE_CHARS
from bot.slack.times import MomentReader, read_clock, read_length
from bot.slack.tokens import Token, clip_word, tokens_of

MOST_TIMES = 1000
_DAYS = "days such as `every day`, `every weekday` or `every mon,wed,fri`"
_GROUPS = {
    "day": EVERY_DAY,
    "weekday": WORKING_DAYS,
    "workday": WORKING_DAYS,
    "weekend": WEEKEND,
}
_FULL = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SHORT = {"tues": "tue", "wednes": "wed", "thur": "thu", "thurs": "thu"}
_BY_WORD = {name: name[:3] for name in (*_FULL, *WEEKDAYS)} | _SHORT
_TO_QUOTE = re.compile('(["\u201c\u201d\u201e\\\\])')
_UNTIL = frozenset({"until", "till", "to", "-", "\u2013", "\u2014"})
_FROM = frozenset({"from", "starting", "start", "beginning"})
_TIMES = re.compile(r"(\d{1,4})x?\Z")
_TIMES_WORD = re.compile(r"times?[.,]?\Z", re.IGNORECASE)
_SERIES = re.compile(r"[Ss](\d{1,9})\Z")
_WEEKS_WORD = re.compile(r"weeks?[.,]?\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SeriesWish:
    """What recurs, what each occurrence asks for, and what is to be confirmed first.

    ``doubts`` are sentences; without any, nothing could be meant otherwise.
    """

    rule: Recurrence
    request: ReserveRequest
    doubts: tuple[str, ...] = ()


def parse_series(
    text: str,
    *,
    now: datetime,
    tz: ZoneInfo,
    run_defaults: TrainingSpec,
    gpu_models: Sequence[str] = (),
) -> SeriesWish | None:
    """Read a booking that recurs, or return None if the line asks for a single one.

    Args:
        text: what follows ``reserve``.
        now: the current instant.
        tz: the writer's own zone, whose wall time the series keeps.
        run_defaults: what a training gets where nothing is said.
        gpu_models: the models of GPUs that there are, which may be asked for by name.

    Raises:
        UnreadableTime: a word should be a time or a length and is neither.
        UnreadableRequest: something is missing, said twice, or fits nowhere.
        InvalidRunSpec: the training's arguments have faults.
    """

    def single(line: str) -> ReserveRequest:
        return parse_reserve(line, now=now, tz=tz, run_defaults=run_defaults, gpu_models=gpu_models)

    words = tokens_of(text)
    at = next((i for i, w in enumerate(words) if not w.quoted and w.text.lower() == "every"), None)
    if at is None:
        return None
    found = _days(words[at + 1 :])
    if found is None:
        _refuse_unless_in_a_note(text, words[at:], single)
        return None
    days, used = found
    rest = [*words[:at], *words[at + 1 + used :]]
    return _Reading(now, tz, single, days, rest).wish()


def _refuse_unless_in_a_note(
    text: str, words: Sequence[Token], single: Callable[[str], ReserveRequest]
) -> None:
    try:
        single(text)
    except BerthError as error:
        said = " ".join(word.text for word in words[:2])
        raise UnreadableRequest(clip_word(said), _DAYS) from error


def parse_cancel_series(text: str) -> tuple[int, str] | None:
    """Read ``S3 the reason``; None if the first word is no number of a series.

    Raises:
        UnreadableRequest: the reason is too long.
    """
    word, _, reason = text.strip().partition(" ")
    match = _SERIES.match(word.rstrip(",.:"))
    if match is None:
        return None
    reason = reason.strip()
    if len(reason) > NOTE_CHARS:
        raise UnreadableRequest(clip_word(reason), f"a reason of at most {NOTE_CHARS} characters")
    return int(match[1]), reason


def _days(words: Sequence[Token]) -> tuple[frozenset[str], int] | None:
    """Read ``weekday``, ``friday``, ``mon,wed,fri``, ``mon, wed and fri`` or ``mon-fri``."""
    days: set[str] = set()
    used = 0
    joined = True
    for word in words:
        text = word.text.lower()
        if days and text in ("and", "&"):
            joined = True
        elif joined and not word.quoted and (more := _days_of(text.strip(","))):
            days |= more
            joined = text.endswith(",")
        else:
            break
        used += 1
    return (frozenset(days), used) if days else None


def _days_of(text: str) -> frozenset[str]:
    if text.removesuffix("s") in _GROUPS:
        return _GROUPS[text.removesuffix("s")]
    days: set[str] = set()
    for part in text.split(","):
        ends = [_weekday(end) for end in re.split("[-\u2013]", part)]
        if None in ends or len(ends) > 2:
            return frozenset()
        first, last = (WEEKDAYS.index(str(end)) for end in (ends[0], ends[-1]))
        days |= {WEEKDAYS[(first + step) % 7] for step in range((last - first) % 7 + 1)}
    return frozenset(days)


def _weekday(word: str) -> str | None:
    return _BY_WORD.get(word) or _BY_WORD.get(word.removesuffix("s"))


class _Reading:
    """The line without its ``every …``, while the words about recurring are taken out."""

    def __init__(
        self,
        now: datetime,
        tz: ZoneInfo,
        single: Callable[[str], ReserveRequest],
        days: frozenset[str],
        words: Sequence[Token],
    ) -> None:
        self._now, self._tz, self._single = now, tz, single
        self._days, self._words = days, list(words)
        self._today = now.astimezone(tz).date()
        self._doubts: list[str] = []

    def wish(self) -> SeriesWish:
        times, weeks = self._take_times(), self._take_weeks()
        ends_on, starts_on = self._take_day(_UNTIL), self._take_day(_FROM)
        if sum(each is not None for each in (times, weeks, ends_on)) > 1:
            raise UnreadableRequest("", "one end of the series: a day, or how many times")
        clock, clock_at = self._clock()
        self._refuse_a_weekday_as_end_of_several_days()
        first = self._first_day(starts_on or self._today)
        request = self._first_booking(first, clock_at)
        start_day = self._start_day(request, first, clock)
        at, days = time(*divmod(clock // timedelta(minutes=1) % (24 * 60), 60)), self._days
        if clock >= timedelta(days=1):  # 24:00 of Friday is Saturday's midnight
            days = frozenset(WEEKDAYS[(WEEKDAYS.index(day) + 1) % 7] for day in days)
        if weeks is not None:
            ends_on = start_day + timedelta(days=7 * weeks - 1)
        rule = _checked_rule(days, at, self._tz, start_day, self._lasts(request, start_day))
        if times is not None:
            ends_on = last_day_of(rule, times, first=self._counted_from(rule))
        elif ends_on is not None and ends_on < start_day:
            raise UnreadableRequest(str(ends_on), "an end of the series after its start")
        rule = replace(rule, ends_on=ends_on)
        if overlaps_itself(rule):
            self._doubts.append(
                "Each one lasts beyond the start of the next, so that both need GPUs."
            )
        return SeriesWish(rule, replace(request, start=None), tuple(self._doubts))

    # ---- what is about the series

    def _take_times(self) -> int | None:
        """Take out ``6 times``."""
        for at in range(len(self._words) - 1):
            match = _TIMES.match(self._plain(at))
            if match and _TIMES_WORD.match(self._plain(at + 1)):
                times = int(match[1])
                if not 1 <= times <= MOST_TIMES:
                    raise UnreadableRequest(f"{times} times", f"1 to {MOST_TIMES} times")
                del self._words[at : at + 2]
                return times
        return None

    def _take_weeks(self) -> int | None:
        """Take out ``for 6 weeks``."""
        for at in range(len(self._words) - 2):
            match = _TIMES.match(self._plain(at + 1))
            if self._plain(at) == "for" and match and _WEEKS_WORD.match(self._plain(at + 2)):
                if not 1 <= int(match[1]) <= MOST_TIMES:
                    raise UnreadableRequest(match[1], f"1 to {MOST_TIMES} weeks")
                del self._words[at : at + 3]
                return int(match[1])
        return None

    def _take_day(self, leads: frozenset[str]) -> date | None:
        """Take out ``until 2026-12-31`` or ``starting monday``: a day without a time of day."""
        moments = MomentReader(self._now, self._tz)
        for at in range(len(self._words) - 1):
            if self._plain(at) not in leads:
                continue
            after = self._plains(at + 1)
            used = moments.day_words(after)
            if not used or _clock_follows(after[used:]):
                continue
            found = moments.read([*after[:used], "23:59"])
            if found is None:
                continue
            day = found[0].astimezone(self._tz).date()
            if leads is _UNTIL and _weekday(after[used - 1].rstrip(",")):
                self._doubts.append(
                    f"“{clip_word(' '.join(after[:used]))}” is taken as the last day of the "
                    f"series, {day:%a %d %b %Y}."
                )
            del self._words[at : at + 1 + used]
            return day
        return None

    # ---- what is about each occurrence

    def _clock(self) -> tuple[timedelta, int]:
        """Return the time of day of the start, and where it stands."""
        for at in range(len(self._words)):
            if at and self._plain(at - 1) in _UNTIL:
                continue
            found = read_clock(self._plains(at))
            if found is not None:
                return found[0], at
        raise UnreadableRequest("every", "a time of day, such as `every weekday 20:00 12h`")

    def _refuse_a_weekday_as_end_of_several_days(self) -> None:
        if len(self._days) == 1:
            return
        for at in range(len(self._words) - 1):
            if self._plain(at) in _UNTIL and _weekday(self._plain(at + 1).rstrip(",")):
                said = f"{self._words[at].text} {self._words[at + 1].text}"
                wanted = (
                    "a length such as `12h`, or a time of day as the end of each of several days"
                )
                raise UnreadableRequest(clip_word(said), wanted)

    def _first_day(self, earliest: date) -> date:
        found = earliest
        while WEEKDAYS[found.weekday()] not in self._days:
            found += timedelta(days=1)
        return found

    def _first_booking(self, first: date, clock_at: int) -> ReserveRequest:
        words = [_written(word) for word in self._words]
        words.insert(clock_at, first.isoformat())
        try:
            return self._single(" ".join(words))
        except UnreadableRequest as error:
            said = error.text.replace(f"{first.isoformat()} ", "every … ")
            raise UnreadableRequest(said, error.wanted) from error

    def _start_day(self, request: ReserveRequest, first: date, clock: timedelta) -> date:
        if request.start is None:
            raise UnreadableRequest("now", "a time of day, such as `every weekday 20:00 12h`")
        return first + timedelta(days=1) if clock >= timedelta(days=1) else first

    def _lasts(self, request: ReserveRequest, start_day: date) -> timedelta | WallEnd:
        """Return the length, or the end by the clock, whichever was written."""
        for position in range(len(self._words)):
            plains = self._plains(position)
            if plains and read_length(plains):
                return request.length
            if plains and plains[0] in _UNTIL:
                break
        else:
            return request.length
        assert request.start is not None  # noqa: S101 - _start_day has looked
        end = (request.start.astimezone(UTC) + request.length).astimezone(self._tz)
        return WallEnd((end.date() - start_day).days, end.time())

    def _counted_from(self, rule: Recurrence) -> date:
        """Return the day of the first occurrence that has not begun: it is number one."""
        window = rule.on(rule.starts_on, self._tz)
        begun = window is None or window.start < self._now.replace(second=0, microsecond=0)
        return rule.starts_on + timedelta(days=begun)

    def _plain(self, at: int) -> str:
        word = self._words[at]
        return "" if word.quoted else word.text.lower()

    def _plains(self, at: int) -> list[str]:
        found: list[str] = []
        for word in self._words[at : at + 9]:
            if word.quoted:
                break
            found.append(word.text.lower())
        return found


def _clock_follows(words: Sequence[str]) -> bool:
    return read_clock(words[words[:1] in (["at"], ["@"]) :]) is not None


def _written(word: Token) -> str:
    return '"' + _TO_QUOTE.sub(r"\\\1", word.text) + '"' if word.quoted else word.text


def _checked_rule(
    days: frozenset[str], at: time, tz: ZoneInfo, starts_on: date, lasts: timedelta | WallEnd
) -> Recurrence:
    try:
        return Recurrence(days, at, tz.key, starts_on, lasts)
    except ValueError as error:
        raise UnreadableTime("0h") from error
