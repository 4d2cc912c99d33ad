"""Reservations: book, go on, give back."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from bot.domain.errors import (
    NotTheHolder,
    ReservationOver,
    TooLong,
    TooShort,
    UnknownReservation,
    WindowTaken,
)
from bot.domain.notices import ReservationReleased
from bot.domain.people import Member
from bot.domain.requests import ReserveRequest
from bot.domain.states import ReservationState
from bot.domain.time_window import TimeWindow
from bot.domain.views import ReservationView
from bot.protocol.messages import StopReason
from bot.services import audit, due, holding, outbox, placing, stopping
from bot.services.transaction import Tx
from bot.services.views import reservation_view
from bot.store import reservations
from bot.store.claims import holdings_in, load_calendar, take_turns
from bot.store.tables import ReservationRow


def reserve(tx: Tx, member: Member, request: ReserveRequest) -> ReservationView:
    """Book GPUs for a window, all or none, and return the reservation.

    The window covers the wish in whole slots (see `SlotGrid.cover`).  Asking again with the same
    ``request_key`` returns what was booked the first time and changes nothing.

    Raises:
        InvalidGpuCount: none, or more than there are.
        UnknownGpu: a GPU was named that does not exist.
        PastStart, TooShort, TooLong, BeyondHorizon: the window breaks a limit.
        NoSingleHost: a run needs its GPUs on one host, and no host has so many.
        WindowTaken: others hold the GPUs; carries who, and the nearest windows that fit.
        ClaimOverlap: another booking won the race every time.
    """
    take_turns(tx.session)
    earlier = _booked_before(tx, member, request.request_key)
    if earlier is not None:
        return reservation_view(earlier)
    window = placing.window_of(tx, request)
    calendar = load_calendar(tx.session, window.start, placing.last_end(tx))
    wish = placing.Wish.of(request, calendar)
    gpus = placing.choose(tx, member, wish, window, calendar)
    row = holding.hold(tx, member, request, window, gpus)
    due.arm_reservation(tx, row)
    outbox.show(tx, row)
    audit.record(
        tx,
        audit.by_member(member),
        "reservation.booked",
        ("reservation", row.id),
        reason=request.note,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        gpus=[gpu.name for gpu in gpus],
        priority=request.priority.value,
        run=row.run.spec if row.run else None,
    )
    return reservation_view(row)


def cancel(tx: Tx, member: Member, reservation_id: int, reason: str) -> ReservationView:
    """Give a reservation back: before its start it never was, later it ends now.

    A run on it is stopped softly first; until its process is seen gone the reservation is
    ``releasing`` and its GPUs are not free.  Giving back again what is already being released
    changes nothing.

    Raises:
        UnknownReservation: there is none of that number.
        NotTheHolder: only the holder, a lead of the team or an admin may.
        ReservationOver: it has ended or was cancelled already.
    """
    row = _lock_to_change(tx, member, reservation_id)
    state = ReservationState(row.state)
    if state is ReservationState.RELEASING:
        return reservation_view(row)
    row.end_reason = reason
    if state.is_ahead:
        holding.give_up(tx, row)
    else:
        stopping.release(tx, row, StopReason.REQUESTED)
    outbox.show(tx, row)
    outbox.tell_thread(
        tx,
        row,
        ReservationReleased(
            row.id, member.slack_user_id, reason, was_running=state is ReservationState.ACTIVE
        ),
    )
    action = "cancelled" if state.is_ahead else "released"
    audit.record(
        tx, audit.by_member(member), f"reservation.{action}", ("reservation", row.id), reason=reason
    )
    return reservation_view(row)


def extend(tx: Tx, member: Member, reservation_id: int, new_end: datetime) -> ReservationView:
    """Let a reservation go on until ``new_end``, on the GPUs that it has, and return it.

    The end goes forward to the next slot boundary.  Asking for the end that it has already
    changes nothing.

    Raises:
        UnknownReservation: there is none of that number.
        NotTheHolder: only the holder, a lead of the team or an admin may.
        ReservationOver: it has ended, was cancelled, or is being released.
        TooShort: the end is not later than now and than the end that it has.
        TooLong: it would be longer than the longest reservation.
        WindowTaken: others hold some of its GPUs after its end; carries who.
        ClaimOverlap: another booking won the race every time.
    """
    take_turns(tx.session)
    row = _lock_to_change(tx, member, reservation_id)
    if ReservationState(row.state) is ReservationState.RELEASING:
        raise ReservationOver(reservation_id, row.state)
    end, old_end = tx.policy.grid.ceil(new_end), row.ends_at
    if end == old_end:
        return reservation_view(row)
    _require_extendable(tx, row, end)
    row.ends_at = end
    row.version += 1
    for claim in row.claims:
        claim.ends_at = end
    due.arm_reservation(tx, row)
    attempt = stopping.live_attempt(row.run)
    if attempt is not None:
        stopping.bump_revision(tx, attempt.host_id)
    outbox.show(tx, row)
    audit.record(
        tx,
        audit.by_member(member),
        "reservation.extended",
        ("reservation", row.id),
        old_end=old_end,
        ends_at=end,
    )
    return reservation_view(row)


def _require_extendable(tx: Tx, row: ReservationRow, end: datetime) -> None:
    policy = tx.policy
    if end <= max(tx.now, row.ends_at):
        raise TooShort(end - max(tx.now, row.ends_at), policy.slot)
    if end - row.starts_at > policy.longest_reservation:
        raise TooLong(end - row.starts_at, policy.longest_reservation)
    added = TimeWindow(row.ends_at, end)
    gpu_ids = [claim.gpu_id for claim in row.claims]
    holdings = holdings_in(tx.session, added, gpu_ids)
    if holdings:
        calendar = load_calendar(tx.session, added.start, added.end)
        free = [gpu for gpu in calendar.free(added) if gpu.gpu_id in gpu_ids]
        raise WindowTaken(len(gpu_ids), len(free), holdings, ())


def _lock_to_change(tx: Tx, member: Member, reservation_id: int) -> ReservationRow:
    row = reservations.lock(tx.session, reservation_id)
    if row is None:
        raise UnknownReservation(reservation_id)
    if not member.may_change(holder_member_id=row.member_id, team_id=row.team_id):
        raise NotTheHolder(reservation_id, row.member.slack_user_id)
    state = ReservationState(row.state)
    if state.is_over:
        raise ReservationOver(reservation_id, state.value)
    return row


def _booked_before(tx: Tx, member: Member, request_key: str | None) -> ReservationRow | None:
    if request_key is None:
        return None
    return tx.session.scalar(
        select(ReservationRow).where(
            ReservationRow.request_key == request_key, ReservationRow.member_id == member.member_id
        )
    )
