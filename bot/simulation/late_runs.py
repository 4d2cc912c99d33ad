"""A run that is late, in a simulation: the domain's rule, and what it does to who is next."""

from __future__ import annotations

from bot.domain.overrun import LateRun, NextInLine, OverrunRules, end_to_go_on_to
from bot.simulation.bookings import Book, Booking, Then
from bot.simulation.ledger import Ledger


def go_over(book: Book, booking: Booking, ledger: Ledger) -> bool:
    """Let a late run go on if the rule lets it; tell whether it may.

    Who is next and has to wait starts later, and ends as much later where that is free.
    """
    scenario = book.scenario
    policy = scenario.policy
    done_at = scenario.instant(booking.works_from_min + booking.work.left_min)
    late = LateRun(
        booked=book.window(*booking.booked),
        ends_at=scenario.instant(booking.end_min),
        likely_at=done_at,
        high_at=done_at,
    )
    following = book.next_of(booking)
    rules = OverrunRules(policy.overrun_fraction, policy.overrun_next_waits, policy.stop_lead)
    end = end_to_go_on_to(
        late,
        [
            NextInLine(scenario.instant(one.start_min), one.start_min == one.booked[0])
            for one in following
        ],
        rules,
    )
    if end is None:
        return False
    # The rule counts in seconds, the simulation in minutes: never longer than it allows.
    end_min = (end - scenario.begins_at).total_seconds() // 60
    book.grow(booking, int(end_min))
    ledger.counts["overruns"] += 1
    for one in following:
        if one.start_min < booking.end_min:
            _start_later(book, one, booking.end_min)
            ledger.counts["starts delayed by an overrun"] += 1
    return True


def _start_later(book: Book, booking: Booking, start: int) -> None:
    later_end = booking.end_min + start - booking.start_min
    booking.start_min = start
    if book.can_grow(booking, later_end):
        book.grow(booking, later_end)
    booking.version += 1
    book.plan(start, Then.START, booking)
