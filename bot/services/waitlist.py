"""The waitlist: a full window is offered to one of those who wait for it, once it is free."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select

from bot.domain.errors import (
    BerthError,
    OfferOver,
    OverQuota,
)
from bot.domain.limits import Wish, judge_wish, may_approve
from bot.domain.notices import WindowOffered
from bot.domain.offers import OfferState
from bot.domain.people import Member
from bot.domain.requests import ReserveRequest, request_from_json
from bot.domain.states import ReservationState, move_reservation
from bot.domain.time_window import TimeWindow
from bot.domain.views import ReservationView
from bot.domain.waiting import WaitKind, WaitView
from bot.services import audit, due, holding, limits, outbox, placing, team_defaults, waits
from bot.services.due import TimerKind
from bot.services.people import member_of
from bot.services.transaction import Tx, reads_only
from bot.services.views import reservation_view
from bot.store import reservations, timers
from bot.store.claims import load_calendar, take_turns
from bot.store.offer_tables import WaitRow
from bot.store.tables import ClaimRow, ReservationRow

_OFFER = "offer"
_A_MOMENT = timedelta(seconds=1)


def join(tx: Tx, member: Member, request: ReserveRequest) -> WaitView:
    """Put a wish onto the waitlist, and return its place.

    It waits until its window begins; a wish for now, or for a window that has begun, waits for
    the same length from whenever it becomes free.  What is free already is offered at once.
    Joining again with the same wish changes nothing.

    Raises:
        InvalidGpuCount, UnknownGpu, UnknownGpuType, NoSingleHost: it could never be served.
        NotPermitted: viewers may not book, so they need not wait either.
        PastStart, TooShort, TooLong, BeyondHorizon: the window breaks a limit.
        OverQuota: it needs approval for its priority or length; that is asked for by booking.
    """
    take_turns(tx.session)
    window = placing.window_of(tx, request)
    if request.start is not None and window.start <= tx.now:
        request = replace(request, start=None)
    request = replace(team_defaults.settle(tx, member, request), request_key=None)
    placing.Wish.of(request, load_calendar(tx.session, window.start, window.end))
    _require_no_approval(tx, member, request, window)
    dated = window if request.start is not None else None
    expires_at = dated.start if dated else tx.now + tx.policy.longest_wait_for_now
    row = waits.take_place(tx, member, WaitKind.WAITLIST, request, dated, expires_at)
    due.arm_serve_waiting(tx)
    return waits.view(tx, row)


def _require_no_approval(
    tx: Tx, member: Member, request: ReserveRequest, window: TimeWindow
) -> None:
    if may_approve(member, member.team_id):
        return
    wish = Wish(window, request.gpu_count, request.rank)
    rules = judge_wish(wish, tx.policy.long_reservation)
    if rules:
        raise OverQuota(member.team_name, rules)


@reads_only
def mine(tx: Tx, member: Member) -> tuple[WaitView, ...]:
    """Return a member's places on the waitlist, in turn."""
    rows = waits.rows_in_turn(tx, WaitKind.WAITLIST)
    return tuple(waits.view(tx, row) for row in rows if row.member_id == member.member_id)


def leave(tx: Tx, member: Member, wait_id: int) -> WaitView:
    """Give up a place; a window that is held for it goes to the next. Idempotent.

    Raises:
        UnknownOffer: there is none of that number.
        NotAllowed: it is somebody else's.
        OfferOver: it was taken, declined, or had its time.
    """
    return _give_up(tx, member, wait_id, OfferState.WITHDRAWN, "waitlist.left")


def decline(tx: Tx, member: Member, wait_id: int) -> WaitView:
    """Say no to a window, which then goes to the next, and leave the waitlist. Idempotent.

    Raises:
        UnknownOffer: there is none of that number.
        NotAllowed: it is somebody else's.
        OfferOver: it was taken, given up, or had its time.
    """
    return _give_up(tx, member, wait_id, OfferState.DECLINED, "waitlist.declined")


def _give_up(tx: Tx, member: Member, wait_id: int, state: OfferState, action: str) -> WaitView:
    take_turns(tx.session)
    row = waits.own(tx, member, wait_id, WaitKind.WAITLIST)
    if row.state == state:
        return waits.view(tx, row)
    waits.require_undecided(row)
    _free_held(tx, row)
    waits.move(tx, row, state)
    audit.record(tx, audit.by_member(member), action, ("wait", row.id))
    return waits.view(tx, row)


def accept(tx: Tx, member: Member, wait_id: int) -> ReservationView:
    """Take the window that is offered: it is booked as it was asked for. Idempotent.

    Raises:
        UnknownOffer: there is none of that number.
        NotAllowed: it is somebody else's.
        OfferOver: it was given up or passed on, or the time to answer is over.
    """
    take_turns(tx.session)
    row = waits.own(tx, member, wait_id, WaitKind.WAITLIST)
    held = _lock_held(tx, row)
    if row.state == OfferState.ACCEPTED and held is not None:
        return reservation_view(held)
    if held is None or row.state != OfferState.OPEN:
        raise OfferOver(_OFFER, row.state)
    if held.state != ReservationState.OFFERED:
        raise OfferOver(_OFFER, OfferState.WITHDRAWN)
    if row.offered_until is None or tx.now >= row.offered_until:
        raise OfferOver(_OFFER, OfferState.EXPIRED)
    held.state = move_reservation(ReservationState.OFFERED, ReservationState.BOOKED)
    held.version += 1
    waits.move(tx, row, OfferState.ACCEPTED)
    due.arm_reservation(tx, held)
    outbox.show(tx, held)
    audit.record(
        tx, audit.by_member(member), "waitlist.accepted", ("wait", row.id), reservation_id=held.id
    )
    audit.record(
        tx,
        audit.by_member(member),
        "reservation.booked",
        ("reservation", held.id),
        reason=held.note,
        starts_at=held.starts_at,
        ends_at=held.ends_at,
        wait_id=row.id,
    )
    return reservation_view(held)


def _lock_held(tx: Tx, row: WaitRow) -> ReservationRow | None:
    if row.held_reservation_id is None:
        return None
    return reservations.lock(tx.session, row.held_reservation_id)


def _free_held(tx: Tx, row: WaitRow) -> ReservationRow | None:
    """Give up the window that is held for a place, and return what held it."""
    held = _lock_held(tx, row)
    if held is not None and held.state == ReservationState.OFFERED:
        holding.give_up(tx, held)
        audit.record(tx, audit.CLOCKWORK, "reservation.not_taken", ("reservation", held.id))
    return held


def offer_what_is_free(tx: Tx) -> None:
    """Offer every window that is free to the one whose turn it is. Idempotent.

    The caller has taken a turn.  A team that is at its quota is passed over, and keeps its place.
    """
    for row in waits.rows_in_turn(tx, WaitKind.WAITLIST):
        if row.state == OfferState.WAITING:
            _offer_if_free(tx, row)


def _offer_if_free(tx: Tx, row: WaitRow) -> None:
    window = waits.window(tx, row)
    has_begun = row.starts_at is not None and row.starts_at <= tx.now
    if window is None or has_begun:
        return
    member, request = member_of(row.member), request_from_json(row.request)
    calendar = load_calendar(tx.session, window.start, window.end)
    try:
        wish = placing.Wish.of(request, calendar)
        is_too_much = limits.judge(tx, member, window, wish.count, request.rank)
    except BerthError:
        return  # its GPUs are gone for now; they may come back
    gpus = placing.find(tx, member, wish, window, calendar)
    if gpus is None or (is_too_much and not may_approve(member, member.team_id)):
        return
    held = holding.hold(tx, member, request, window, gpus, state=ReservationState.OFFERED)
    # Whoever takes it in the last moment still has half a slot of it.
    until = min(tx.now + tx.policy.waitlist_offer, window.end - tx.policy.slot / 2)
    waits.move(tx, row, OfferState.OPEN)
    row.held_reservation, row.offered_until = held, until
    timers.arm(tx.session, TimerKind.WAIT_OFFER_ENDS, row.id, until)
    names = tuple(gpu.name for gpu in gpus)
    outbox.tell_holder(
        tx,
        held,
        WindowOffered(
            held.id, row.id, names, window.start, window.end, until, trains=request.run is not None
        ),
    )
    audit.record(
        tx,
        audit.CLOCKWORK,
        "waitlist.offered",
        ("wait", row.id),
        reservation_id=held.id,
        until=until,
        gpus=names,
    )


def end_offer(tx: Tx, wait_id: int) -> None:
    """Pass a window on that nobody has answered for. Idempotent."""
    row = tx.session.get(WaitRow, wait_id, populate_existing=True)
    if row is None or row.state != OfferState.OPEN:
        return
    held = _free_held(tx, row)
    waits.move(tx, row, OfferState.EXPIRED)
    _tell_end(tx, row, held, "silence")


def expire(tx: Tx, wait_id: int) -> None:
    """End a wish whose window has begun, or that has waited for too long. Idempotent.

    What is offered at this moment may still be answered.
    """
    row = tx.session.get(WaitRow, wait_id, populate_existing=True)
    if row is None or row.kind != WaitKind.WAITLIST or row.state != OfferState.WAITING:
        return
    waits.move(tx, row, OfferState.EXPIRED)
    _tell_end(tx, row, _in_the_way(tx, row), "begun" if row.starts_at else "long")


def _in_the_way(tx: Tx, row: WaitRow) -> ReservationRow | None:
    """Return what has the GPUs that were waited for."""
    window = waits.window(tx, row) or TimeWindow(tx.now, tx.now + _A_MOMENT)
    return tx.session.scalar(
        select(ReservationRow)
        .join(ClaimRow, ClaimRow.reservation_id == ReservationRow.id)
        .where(ClaimRow.live, ClaimRow.starts_at < window.end, ClaimRow.ends_at > window.start)
        .order_by(ClaimRow.starts_at, ReservationRow.id)
        .limit(1)
    )


def _tell_end(tx: Tx, row: WaitRow, about: ReservationRow | None, why: str) -> None:
    audit.record(tx, audit.CLOCKWORK, "waitlist.expired", ("wait", row.id), reason=why)
    waits.tell_end(tx, row, about, why)
