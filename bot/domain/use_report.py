"""Reports of use: pure sums over claims, to the second, and what demand is to be expected.

A GPU is *held* while a claim on it is live; the claims are the only source of that, so that a
report, a quota and the calendar can never tell different stories.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import TypeVar

from bot.domain.time_window import TimeWindow

HOUR = timedelta(hours=1)
NOTHING = timedelta(0)
WEEKS_LOOKED_BACK = 4
DAYS_FORESEEN = 7

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Held:
    """One claim: a GPU of a type, held by a team through a reservation."""

    gpu_id: int
    gpu_type: str
    team_name: str
    reservation_id: int
    window: TimeWindow


@dataclass(frozen=True, slots=True)
class UsedHour:
    """What was measured of one GPU in the hour that begins at ``hour``."""

    gpu_id: int
    hour: datetime
    read: timedelta
    busy: timedelta


@dataclass(frozen=True, slots=True)
class UseRow:
    """What a team, or a type of GPU, has had in the window.

    ``held`` is GPU-time; ``measured`` is the part of it in which the GPUs were measured, ``used``
    the part of that in which they were in use.
    """

    name: str
    held: timedelta
    reservations: int
    measured: timedelta
    used: timedelta

    @property
    def used_share(self) -> float | None:
        """The share of the measured time in which the GPUs were in use; None if unmeasured."""
        return self.used / self.measured if self.measured else None


@dataclass(frozen=True, slots=True)
class ForeseenDay:
    """What is to be expected of one day of the reader's: GPU-time booked, expected, available."""

    day: date
    booked: timedelta
    expected: timedelta
    capacity: timedelta


def clipped(claims: Iterable[Held], within: TimeWindow) -> Iterator[tuple[Held, TimeWindow]]:
    """Yield what of each claim lies in a window."""
    for claim in claims:
        start, end = max(claim.window.start, within.start), min(claim.window.end, within.end)
        if start < end:
            yield claim, TimeWindow(start, end)


def hours_of(window: TimeWindow) -> Iterator[tuple[datetime, timedelta]]:
    """Yield each hour of UTC that a window touches, and how much of it the window has."""
    start = window.start.astimezone(UTC)
    while start < window.end:
        hour = start.replace(minute=0, second=0, microsecond=0)
        stop = min(window.end, hour + HOUR)
        yield hour, stop - start
        start = stop


def use_by(
    key: Callable[[Held], str],
    claims: Iterable[Held],
    used: Mapping[tuple[int, datetime], UsedHour],
    within: TimeWindow,
) -> tuple[UseRow, ...]:
    """Return the use in a window by a key of its claims, the greatest first.

    What was measured of a GPU in an hour counts for who held it then, by how much each of them held
    of it; nobody is measured, or was using it, for longer than they held it.
    """
    known = list(clipped(claims, within))
    in_hour: defaultdict[tuple[int, datetime], timedelta] = defaultdict(timedelta)
    for claim, window in known:
        for hour, span in hours_of(window):
            in_hour[claim.gpu_id, hour] += span
    held: defaultdict[str, timedelta] = defaultdict(timedelta)
    measured: defaultdict[str, timedelta] = defaultdict(timedelta)
    busy: defaultdict[str, timedelta] = defaultdict(timedelta)
    reservations: defaultdict[str, set[int]] = defaultdict(set)
    for claim, window in known:
        name = key(claim)
        held[name] += window.length
        reservations[name].add(claim.reservation_id)
        for hour, span in hours_of(window):
            seen = used.get((claim.gpu_id, hour))
            if seen is not None:
                share = span / in_hour[claim.gpu_id, hour]
                measured[name] += min(span, seen.read * share)
                busy[name] += min(span, seen.busy * share)
    rows = [
        UseRow(name, held[name], len(reservations[name]), measured[name], busy[name])
        for name in held
    ]
    return tuple(sorted(rows, key=lambda row: (-row.held, row.name)))


def heat_map(
    claims: Iterable[Held], within: TimeWindow, zone: tzinfo
) -> tuple[tuple[timedelta, ...], ...]:
    """Return the GPU-time held by weekday (Monday first) and hour of the day in a zone."""
    cells = [[NOTHING] * 24 for _ in range(7)]
    for _, window in clipped(claims, within):
        for begin, span in _local_hours(window, zone):
            local = begin.astimezone(zone)
            cells[local.weekday()][local.hour] += span
    return tuple(tuple(row) for row in cells)


def _local_hours(window: TimeWindow, zone: tzinfo) -> Iterator[tuple[datetime, timedelta]]:
    """Yield a window in pieces that each lie in one hour of a zone, whatever its offset."""
    start = window.start.astimezone(UTC)
    while start < window.end:
        local = start.astimezone(zone)
        into = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        # Offsets change on whole quarters of an hour: no piece is longer than what is left of one.
        stop = min(window.end, start + min(HOUR - into, _to_quarter(start)))
        yield start, stop - start
        start = stop


def _to_quarter(start: datetime) -> timedelta:
    quarter = timedelta(minutes=15)
    since = timedelta(minutes=start.minute, seconds=start.second, microseconds=start.microsecond)
    return quarter - since % quarter


def foresee(
    claims: Iterable[Held], now: datetime, gpu_count: int, zone: tzinfo
) -> tuple[ForeseenDay, ...]:
    """Return the next seven days: of each hour what is booked, or what was held on average.

    The average is that of the same weekday and hour over the last four weeks; where more is booked
    already, that is expected.  Nothing beyond capacity is expected.
    """
    known = list(claims)
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    ahead = TimeWindow(hour, hour + timedelta(days=DAYS_FORESEEN))
    past = TimeWindow(hour - timedelta(weeks=WEEKS_LOOKED_BACK), hour)
    booked = _by_hour(known, ahead)
    before = _by_hour(known, past)
    days: dict[date, list[timedelta]] = {}
    begin = hour
    while begin < ahead.end:
        day = begin.astimezone(zone).date()
        mean = sum(
            (before.get(begin - timedelta(weeks=back), NOTHING) for back in _BACK), NOTHING
        ) / len(_BACK)
        taken, most = booked.get(begin, NOTHING), gpu_count * HOUR
        sums = days.setdefault(day, [NOTHING, NOTHING, NOTHING])
        sums[0] += taken
        sums[1] += max(taken, min(mean, most))
        sums[2] += most
        begin += HOUR
    return tuple(ForeseenDay(day, *sums) for day, sums in days.items())


_BACK = range(1, WEEKS_LOOKED_BACK + 1)


def _by_hour(claims: Iterable[Held], within: TimeWindow) -> dict[datetime, timedelta]:
    sums: defaultdict[datetime, timedelta] = defaultdict(timedelta)
    for _, window in clipped(claims, within):
        for hour, span in hours_of(window):
            sums[hour] += span
    return dict(sums)


@dataclass(frozen=True, slots=True)
class Ended:
    """A reservation that was cancelled, and why; shown to who may see whose it was."""

    reservation_id: int
    who: str
    team_name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Honesty:
    """How far forecasts at half time were off: ``error`` is a share of what was left, absolute."""

    forecasts: int
    median_error: float | None
    within_range: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """How long who waited did so, by kind."""

    kind: str
    served: int
    given_up: int
    mean_wait: timedelta
    longest_wait: timedelta


@dataclass(frozen=True, slots=True)
class UseReport:
    """All of a report. ``team_names`` of what is counted by team; names only where allowed."""

    window: TimeWindow
    zone_name: str
    gpu_count: int
    by_team: tuple[UseRow, ...]
    by_type: tuple[UseRow, ...]
    heat: tuple[tuple[timedelta, ...], ...]
    foreseen: tuple[ForeseenDay, ...]
    honesty: Honesty
    cancelled: int
    cancellations: tuple[Ended, ...]
    no_shows: Mapping[str, int]
    preempted: Mapping[str, int]
    preempting: Mapping[str, int]
    waiting: tuple[Waiting, ...]

    @property
    def capacity(self) -> timedelta:
        """The GPU-time that there was."""
        return self.gpu_count * self.window.length

    @property
    def held(self) -> timedelta:
        """The GPU-time that was held."""
        return sum((row.held for row in self.by_team), NOTHING)
