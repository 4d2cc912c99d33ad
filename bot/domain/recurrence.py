"""What recurs: a wall clock time on days of the week, in a zone of the IANA database.

The rule keeps wall time, never an offset: 20:00 stays 20:00 when the clocks change, and a day of
23 or 25 hours is a day.  A local time that a zone skips moves forward by what was skipped; one
that comes twice means the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum

from bot.domain.holdings import Holding
from bot.domain.time_window import TimeWindow

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""The days of the week by `date.weekday`."""

EVERY_DAY = frozenset(WEEKDAYS)
WORKING_DAYS = frozenset(WEEKDAYS[:5])
WEEKEND = frozenset(WEEKDAYS[5:])
_ONE_DAY = timedelta(days=1)


class SeriesState(StrEnum):
    """``ended`` by itself, after its last day; ``cancelled`` by somebody."""

    ACTIVE = "active"
    ENDED = "ended"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class WallEnd:
    """An end by the clock: at a local time, so many days after the day of the start."""

    days_later: int
    at: time


@dataclass(frozen=True, slots=True)
class Recurrence:
    """On which days, at what local time, in which zone, from when to when, and how long each.

    ``lasts`` is a length that really passes, or an end by the clock; only the latter makes an
    occurrence longer or shorter in a night when the clocks change.  ``ends_on`` is the last day
    on which one may start; None goes on until it is cancelled.

    Raises:
        ValueError: there is no day, an unknown one, or no length.
    """

    weekdays: frozenset[str]
    at: time
    time_zone: str
    starts_on: date
    lasts: timedelta | WallEnd
    ends_on: date | None = None

    def __post_init__(self) -> None:
        if not self.weekdays or not self.weekdays <= EVERY_DAY:
            raise ValueError(f"no days of the week: {sorted(self.weekdays)}")
        if isinstance(self.lasts, timedelta) and self.lasts <= timedelta():
            raise ValueError(f"no length: {self.lasts}")
        if isinstance(self.lasts, WallEnd) and (self.lasts.days_later, self.lasts.at) <= (
            0,
            self.at,
        ):
            raise ValueError(f"ends before it starts: {self.lasts}")

    def days_from(self, first: date) -> Iterator[date]:
        """Yield every day of the rule that is not before ``first``, in order."""
        day = max(first, self.starts_on)
        while self.ends_on is None or day <= self.ends_on:
            if WEEKDAYS[day.weekday()] in self.weekdays:
                yield day
            if day == date.max:
                return
            day += _ONE_DAY

    def on(self, day: date, tz: tzinfo) -> TimeWindow | None:
        """Return the window of the occurrence of that day, in UTC.

        None where the clocks leave nothing of it: an end by the clock in the very hour that is
        skipped.
        """
        start = local_instant(day, self.at, tz)
        if isinstance(self.lasts, timedelta):
            return TimeWindow(start, start + self.lasts)
        end = local_instant(day + timedelta(days=self.lasts.days_later), self.lasts.at, tz)
        return TimeWindow(start, end) if start < end else None


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time that a rule happens. ``on_date``, the local day, is its name within the series."""

    on_date: date
    window: TimeWindow


@dataclass(frozen=True, slots=True)
class Missed:
    """An occurrence that has no reservation: its day, its window, why, and who holds the GPUs.

    ``code`` is that of the error which the booking met, or ``cancelled``.
    """

    on_date: date
    window: TimeWindow
    code: str
    holdings: tuple[Holding, ...] = ()


def local_instant(day: date, at: time, tz: tzinfo) -> datetime:
    """Return the instant of a local time, in UTC; see the module about clock changes."""
    # With fold=0 a skipped time is read with the offset of before, which moves it forward.
    return datetime.combine(day, at, tzinfo=tz).replace(fold=0).astimezone(UTC)


def occurrences(
    rule: Recurrence, tz: tzinfo, *, first_start: datetime, last_start: datetime
) -> Iterator[Occurrence]:
    """Yield the occurrences with ``first_start <= start <= last_start``, in order of their days.

    Args:
        rule: what recurs.
        tz: the zone that ``rule.time_zone`` names.
        first_start: the earliest start.
        last_start: the latest start.
    """
    # Two days early: a skipped time may have moved its start into the next day.
    for day in rule.days_from(first_start.astimezone(tz).date() - 2 * _ONE_DAY):
        window = rule.on(day, tz)
        if window is None:
            continue
        if window.start > last_start:
            return
        if window.start >= first_start:
            yield Occurrence(day, window)


def next_start(rule: Recurrence, tz: tzinfo, *, after: datetime) -> datetime | None:
    """Return the first start at or after an instant, or None if there is none any more."""
    far = after + timedelta(days=800)
    first = next(occurrences(rule, tz, first_start=after, last_start=far), None)
    if first is None and rule.starts_on > after.astimezone(tz).date():
        late = local_instant(rule.starts_on, time(), tz)
        first = next(
            occurrences(rule, tz, first_start=late, last_start=late + timedelta(days=14)), None
        )
    return None if first is None else first.window.start


def last_day_of(rule: Recurrence, times: int, *, first: date) -> date:
    """Return the day of the occurrence number ``times`` (from 1), counted from ``first`` on.

    Raises:
        ValueError: it is not at least one time, or the rule ends before.
    """
    if times < 1:
        raise ValueError(f"not a number of times: {times}")
    for number, day in enumerate(rule.days_from(first), 1):
        if number == times:
            return day
    raise ValueError(f"fewer than {times} times")


def overlaps_itself(rule: Recurrence) -> bool:
    """Tell whether an occurrence lasts beyond the start of the next one."""
    days = sorted(WEEKDAYS.index(day) for day in rule.weekdays)
    gaps = [
        (later - earlier) % 7 or 7
        for earlier, later in zip(days, [*days[1:], days[0]], strict=True)
    ]
    lasts = rule.lasts
    if isinstance(lasts, WallEnd):
        begin = timedelta(hours=rule.at.hour, minutes=rule.at.minute)
        end = timedelta(days=lasts.days_later, hours=lasts.at.hour, minutes=lasts.at.minute)
        lasts = end - begin
    return lasts > timedelta(days=min(gaps))


def rule_words(rule: Recurrence) -> str:
    """Return "every weekday 20:00", "every mon, wed, fri 18:00": how people say the rule."""
    return f"every {_days_words(rule.weekdays)} {rule.at:%H:%M}"


def _days_words(weekdays: frozenset[str]) -> str:
    named = {EVERY_DAY: "day", WORKING_DAYS: "weekday", WEEKEND: "weekend day"}
    if weekdays in named:
        return named[weekdays]
    return ", ".join(day for day in WEEKDAYS if day in weekdays)
