"""Series: reservations that recur, booked one by one as the horizon moves."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from bot.domain.errors import (
    Conflict,
    InvalidRequest,
    NoOccurrenceAhead,
    NoOccurrenceFits,
    NotAllowed,
    NotTheSeriesHolder,
    OverQuota,
    SeriesOver,
    UnknownReservation,
    UnknownSeries,
    WindowTaken,
)
from bot.domain.people import Member
from bot.domain.recurrence import (
    Missed,
    Occurrence,
    Recurrence,
    SeriesState,
    next_start,
    occurrences,
    rule_words,
)
from bot.domain.requests import ReserveRequest, request_to_json
from bot.domain.series_notices import OccurrenceMissed
from bot.domain.series_views import SeriesView
from bot.domain.states import ReservationState
from bot.services import audit, booking, outbox, series_approvals, team_defaults
from bot.services.due import TimerKind
from bot.services.people import member_of
from bot.services.series_rows import new_row, request_of, rule_of, zone_of
from bot.services.series_views import series_view
from bot.services.transaction import Tx, reads_only
from bot.store import reservations, series, timers
from bot.store.claims import take_turns
from bot.store.offer_tables import SeriesRow
from bot.store.tables import ReservationRow

EXTEND_EVERY = timedelta(days=1)
_AHEAD = tuple(state for state in ReservationState if state.is_ahead)
_MISSES = (Conflict, InvalidRequest, NotAllowed)
"""What keeps one occurrence of a series that goes on from being booked, but not the others."""


def create(tx: Tx, member: Member, rule: Recurrence, request: ReserveRequest) -> SeriesView:
    """Book every occurrence up to the horizon that can be had, and return the series.

    Each occurrence is a booking of its own, all GPUs or none.  Those whose window is taken become
    exceptions: they are left out, and ``missed`` says why.  Asking again with the same
    ``request_key`` returns what was made the first time and changes nothing.

    Args:
        tx: the transaction.
        member: who asks, and holds the series.
        rule: when.
        request: what each occurrence asks for; its start and length are not looked at.

    Raises:
        NoOccurrenceAhead: the rule names no time up to the horizon.
        NoOccurrenceFits: not one occurrence can be booked; carries why, one by one.
        InvalidRequest, NotAllowed, NoSingleHost: as `booking.reserve`, for all of them alike.
        ClaimOverlap: another booking won the race every time.
    """
    take_turns(tx.session)
    earlier = series.of_key(tx.session, member.member_id, request.request_key)
    if earlier is not None:
        return series_view(tx, earlier)
    wanted = _within_reach(tx, rule)
    if not wanted:
        raise NoOccurrenceAhead(
            tx.now + tx.policy.horizon, next_start(rule, zone_of(rule), after=tx.now)
        )
    row = new_row(tx, member, rule, team_defaults.settle(tx, member, request))
    booked, missed = _book_each(tx, member, row, wanted, tolerated=(WindowTaken, OverQuota))
    if not booked:
        raise NoOccurrenceFits(missed)
    timers.arm(tx.session, TimerKind.SERIES_EXTENDS, row.id, tx.now + EXTEND_EVERY)
    _record(tx, audit.by_member(member), "series.created", row, booked, missed, request.note)
    tx.session.flush()
    return series_view(tx, row)


def extend(tx: Tx, series_id: int) -> None:
    """Book the occurrences that the horizon has come to reach; the holder hears of each missed.

    Idempotent: a day that is booked, was booked once, or is left out is not looked at again.
    """
    take_turns(tx.session)
    row = series.lock(tx.session, series_id)
    if row is None or row.state != SeriesState.ACTIVE:
        return
    rule = rule_of(row)
    decided = series.decided_days(tx.session, row.id)
    wanted = [one for one in _within_reach(tx, rule) if one.on_date.isoformat() not in decided]
    booked, missed = _book_each(tx, member_of(row.member), row, wanted, tolerated=_MISSES)
    tx.session.flush()
    for one in missed:
        _tell_missed(tx, row, rule, one)
    if booked or missed:
        _record(tx, audit.CLOCKWORK, "series.extended", row, booked, missed)
    if next_start(rule, zone_of(rule), after=tx.now) is None:
        row.state, row.ended_at = SeriesState.ENDED, tx.now
        audit.record(tx, audit.CLOCKWORK, "series.ended", ("series", row.id))
    else:
        timers.arm(tx.session, TimerKind.SERIES_EXTENDS, row.id, tx.now + EXTEND_EVERY)


def cancel_all(tx: Tx, member: Member, series_id: int, reason: str) -> SeriesView:
    """End a series: what it has ahead is given back, and nothing is booked any more.

    An occurrence that runs goes on; one that was handed to somebody else is theirs.  Cancelling
    again changes nothing.

    Raises:
        UnknownSeries: there is none of that number.
        NotTheSeriesHolder: only the holder, a lead of the team or an admin may.
        SeriesOver: it came to its end by itself.
    """
    take_turns(tx.session)
    found = _require(tx, member, series_id)
    ahead = series.reservations_of(tx.session, series_id, _AHEAD)
    for reservation_id in sorted(row.id for row in ahead):
        reservations.lock(tx.session, reservation_id)
    row = series.lock(tx.session, series_id) or found
    if row.state == SeriesState.ENDED:
        raise SeriesOver(series_id)
    if row.state == SeriesState.CANCELLED:
        return series_view(tx, row)
    row.state, row.ended_at = SeriesState.CANCELLED, tx.now
    mine = [one for one in ahead if one.member_id == row.member_id]
    given_back = [one for one in mine if ReservationState(one.state).is_ahead]
    for one in given_back:
        booking.cancel(tx, member, one.id, reason)
    audit.record(
        tx,
        audit.by_member(member),
        "series.cancelled",
        ("series", row.id),
        reason=reason,
        reservations=[one.id for one in given_back],
    )
    tx.session.flush()
    return series_view(tx, row)


def skip(tx: Tx, member: Member, reservation_id: int) -> SeriesView:
    """Give back one occurrence that has not started, and return its series.

    Skipping again what was given back changes nothing.

    Raises:
        UnknownReservation: there is none of that number, or it belongs to no series.
        NotTheHolder: only the holder, a lead of the team or an admin may.
        ReservationOver: it has started and is over.
    """
    row = reservations.lock(tx.session, reservation_id)
    if row is None or row.series_id is None:
        raise UnknownReservation(reservation_id)
    if row.state != ReservationState.CANCELLED:
        booking.cancel(tx, member, reservation_id, "skipped")
        tx.session.flush()
    return series_view(tx, tx.session.get_one(SeriesRow, row.series_id))


@reads_only
def mine(tx: Tx, member: Member) -> tuple[SeriesView, ...]:
    """Return the series of a member that go on, oldest first."""
    rows = series.of_member(tx.session, member.member_id, SeriesState.ACTIVE)
    return tuple(series_view(tx, row) for row in rows)


@reads_only
def look_up(tx: Tx, series_id: int) -> SeriesView:
    """Return a series as it is now.

    Raises:
        UnknownSeries: there is none of that number.
    """
    row = tx.session.get(SeriesRow, series_id)
    if row is None:
        raise UnknownSeries(series_id)
    return series_view(tx, row)


def _within_reach(tx: Tx, rule: Recurrence) -> list[Occurrence]:
    first_start = tx.now - tx.policy.past_start_tolerance
    last_start = tx.now + tx.policy.horizon
    tz = zone_of(rule)
    return list(occurrences(rule, tz, first_start=first_start, last_start=last_start))


def _book_each(
    tx: Tx,
    member: Member,
    row: SeriesRow,
    wanted: Iterable[Occurrence],
    *,
    tolerated: tuple[type[Conflict | InvalidRequest | NotAllowed], ...],
) -> tuple[list[ReservationRow], list[Missed]]:
    booked: list[ReservationRow] = []
    missed: list[Missed] = []
    for one in wanted:
        try:
            booked.append(_book(tx, member, row, one))
        except tolerated as error:
            holdings = getattr(error, "holdings", ())
            missed.append(Missed(one.on_date, one.window, error.code, holdings))
            reason = ", ".join(f"R{held.reservation_id} of {held.holder_name}" for held in holdings)
            series.leave_out(
                tx.session, row.id, one.on_date.isoformat(), f"{error.code}: {reason}", tx.now
            )
    series_approvals.ask_once(tx, booked)
    return booked, missed


def _book(tx: Tx, member: Member, row: SeriesRow, one: Occurrence) -> ReservationRow:
    wish = replace(
        request_of(row),
        start=one.window.start,
        length=one.window.length,
        request_key=series.day_key(row.id, one.on_date.isoformat()),
    )
    view = booking.reserve(tx, member, wish)
    booked = tx.session.get_one(ReservationRow, view.reservation_id)
    booked.series_id = row.id
    outbox.show_near_its_start(tx, booked)
    return booked


def _require(tx: Tx, member: Member, series_id: int) -> SeriesRow:
    row = tx.session.get(SeriesRow, series_id)
    if row is None:
        raise UnknownSeries(series_id)
    if not member.may_change(holder_member_id=row.member_id, team_id=row.team_id):
        raise NotTheSeriesHolder(series_id, row.member.slack_user_id)
    return row


def _tell_missed(tx: Tx, row: SeriesRow, rule: Recurrence, one: Missed) -> None:
    newest = series.newest_reservation(tx.session, row.id)
    if newest is None:
        return
    wish = replace(request_of(row), start=one.window.start, length=one.window.length)
    notice = OccurrenceMissed(
        newest.id,
        series_id=row.id,
        rule=rule_words(rule),
        starts_at=one.window.start,
        ends_at=one.window.end,
        code=one.code,
        holder_slack_ids=tuple(held.holder_slack_id for held in one.holdings),
        in_the_way=tuple(f"R{held.reservation_id}" for held in one.holdings),
        request=json.dumps(request_to_json(wish)),
    )
    outbox.tell_member(tx, row.member.slack_user_id, newest, notice)


def _record(
    tx: Tx,
    actor: audit.Actor,
    action: str,
    row: SeriesRow,
    booked: Iterable[ReservationRow],
    missed: Iterable[Missed],
    reason: str = "",
) -> None:
    audit.record(
        tx,
        actor,
        action,
        ("series", row.id),
        reason=reason,
        rule=rule_words(rule_of(row)),
        time_zone=row.time_zone,
        reservations=[one.id for one in booked],
        missed=[one.on_date.isoformat() for one in missed],
    )
