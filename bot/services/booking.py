"""Reservations: book and give back; `bot.services.changing` is what lies between."""

from __future__ import annotations

from sqlalchemy import select

from bot.domain.continuations import ContinuationReason
from bot.domain.errors import BeyondHorizon, OutOfOrder, TooLong, WindowTaken
from bot.domain.notices import ReservationReleased
from bot.domain.people import Member
from bot.domain.requests import ReserveRequest
from bot.domain.states import ReservationKind, ReservationState
from bot.domain.time_window import TimeWindow
from bot.domain.views import ReservationView
from bot.protocol.messages import StopReason
from bot.services import (
    approvals,
    audit,
    continuing,
    holding,
    maintenance,
    outbox,
    placing,
    preemption_restoring,
    roles,
    stopping,
)
from bot.services.access import lock_to_change
from bot.services.changing import extend
from bot.services.transaction import Tx
from bot.services.views import reservation_view
from bot.store.claims import load_calendar, take_turns
from bot.store.tables import ReservationRow

__all__ = ["cancel", "extend", "reserve"]


def reserve(tx: Tx, member: Member, request: ReserveRequest) -> ReservationView:
    """Book GPUs for a window, all or none, and return the reservation.

    What breaks a rule (`bot.services.limits.judge`) is held, and waits for approval: the
    reservation that is returned is ``pending`` then.

    The window covers the wish in whole slots (see `SlotGrid.cover`).  Asking again with the same
    ``request_key`` returns what was booked the first time and changes nothing.

    A run in two parts (``request.second``) books both windows or neither.

    Raises:
        NotPermitted: viewers may not book.
        InvalidGpuCount: none, or more than there are.
        UnknownGpu, UnknownGpuType: a GPU or a kind of GPU was named that does not exist.
        PastStart, TooShort, TooLong, BeyondHorizon: the window breaks a limit.
        NoSingleHost: a run needs its GPUs on one host, and no host has so many.
        WindowTaken: others hold the GPUs; carries who, and the nearest windows that fit.
        OutOfOrder: the second window begins before the first one ends.
        ClaimOverlap: another booking won the race every time.
    """
    take_turns(tx.session)
    earlier = _booked_before(tx, member, request.request_key)
    if earlier is not None:
        return reservation_view(earlier)
    roles.require_may_book(member)
    window = placing.window_of(tx, request)
    calendar = load_calendar(tx.session, window.start, placing.last_end(tx))
    wish = placing.Wish.of(request, calendar)
    gpus = placing.choose(tx, member, wish, window, calendar)
    row = holding.hold(tx, member, request, window, gpus, state=ReservationState.PENDING)
    outbox.show(tx, row)
    approvals.book_or_ask(tx, member, row)
    audit.record(
        tx,
        audit.by_member(member),
        "reservation.booked" if row.state == ReservationState.BOOKED else "reservation.asked",
        ("reservation", row.id),
        reason=request.note,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        gpus=[gpu.name for gpu in gpus],
        priority=row.priority,
        run=row.run.spec if row.run else None,
    )
    if request.second is not None and row.run is not None:
        _book_second(tx, member, row, request.second)
    return reservation_view(row)


def _book_second(tx: Tx, member: Member, row: ReservationRow, second: TimeWindow) -> None:
    """Book where a run goes on that was wanted in two parts, with the first or not at all."""
    if second.start < row.ends_at:
        raise OutOfOrder(row.id, row.id, row.ends_at, row.id, second.start)
    if second.start > tx.now + tx.policy.horizon:
        raise BeyondHorizon(second.start, tx.now + tx.policy.horizon)
    if second.length > tx.policy.longest_reservation:
        raise TooLong(second.length, tx.policy.longest_reservation)
    grid = tx.policy.grid
    window = TimeWindow(grid.floor(second.start), grid.ceil(second.end))
    try:
        continuing.book_continuation(
            tx,
            row,
            member=member,
            length=window.length,
            not_before=window.start,
            reason=ContinuationReason.SPLIT,
            window=window,
        )
    except WindowTaken as taken:
        # What it offers instead is about a reservation that is not booked after all.
        raise WindowTaken(taken.wanted_gpus, taken.free_gpus, taken.holdings, ()) from taken


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
    preemption_restoring.lock_all(tx, reservation_id)
    row = lock_to_change(tx, member, reservation_id)
    state = ReservationState(row.state)
    if state is ReservationState.RELEASING:
        return reservation_view(row)
    row.end_reason = reason
    if row.kind == ReservationKind.MAINTENANCE:
        maintenance.called_off(tx, member, row)
    continuing.drop(tx, row, f"R{row.id} was given back")
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


def _booked_before(tx: Tx, member: Member, request_key: str | None) -> ReservationRow | None:
    if request_key is None:
        return None
    return tx.session.scalar(
        select(ReservationRow).where(
            ReservationRow.request_key == request_key, ReservationRow.member_id == member.member_id
        )
    )
