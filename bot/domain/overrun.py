"""How far a run that is late may go over the end of its booking: a pure rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.time_window import TimeWindow

ONE_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class LateRun:
    """A run at the point at which it would be asked to stop.

    ``booked`` is the window as it was booked, ``ends_at`` the end that it has by now, later than
    that once it has been let go over.  ``likely_at`` and ``high_at`` are when it will be done, None
    while there is nothing to go by.
    """

    booked: TimeWindow
    ends_at: datetime
    likely_at: datetime | None = None
    high_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NextInLine:
    """Who has one of the GPUs next, and whether they can be asked to wait."""

    starts_at: datetime
    may_wait: bool


@dataclass(frozen=True, slots=True)
class OverrunRules:
    """``fraction`` of the booked time may be added; who is next waits for ``longest_wait``.

    ``stop_lead`` is how long before an end a run is asked to stop.
    """

    fraction: float
    longest_wait: timedelta
    stop_lead: timedelta


def latest_end(booked: TimeWindow, fraction: float) -> datetime:
    """Return until when a booking may go over at most, whoever is next."""
    return booked.end + booked.length * fraction


def end_to_go_on_to(
    late: LateRun, following: Sequence[NextInLine], rules: OverrunRules
) -> datetime | None:
    """Return the end that a late run gets instead of being stopped; None to stop it on time.

    It goes on only if it will likely be done in time for the end that it could get: nobody waits
    for a run that has to be stopped anyway.  A run of which nothing is known goes over once, for
    as long as it may, while its GPUs are free; nobody waits for that one.
    """
    foretold = late.likely_at is not None and late.high_at is not None
    limit = latest_end(late.booked, rules.fraction)
    for each in following:
        waits = rules.longest_wait if foretold and each.may_wait else timedelta()
        limit = min(limit, each.starts_at + waits)
    if limit < late.ends_at + ONE_MINUTE:
        return None
    if late.likely_at is None or late.high_at is None:
        return limit if late.ends_at == late.booked.end else None
    if late.likely_at + rules.stop_lead > limit:
        return None
    needed = _up_to_a_minute(late.high_at + rules.stop_lead)
    return min(max(needed, late.ends_at + ONE_MINUTE), limit)


def _up_to_a_minute(instant: datetime) -> datetime:
    down = instant.replace(second=0, microsecond=0)
    return down if down == instant else down + ONE_MINUTE
