"""Places on the waitlist and in the queue: taken, shown in turn, and given up.

All of it happens in turns (`bot.store.claims.take_turns`), so that a place is decided once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from bot.domain.errors import NotAllowed, OfferOver, UnknownOffer
from bot.domain.notices import WaitEnded
from bot.domain.offers import OFFER_MOVES, OfferState
from bot.domain.people import Member
from bot.domain.requests import ReserveRequest, request_from_json, request_to_json
from bot.domain.states import IllegalMove
from bot.domain.time_window import TimeWindow
from bot.domain.waiting import Waiter, WaitKind, WaitView, ahead_of, by_turn
from bot.services import audit, direct_messages, fairness, outbox, roles
from bot.services.due import TimerKind
from bot.services.transaction import Tx
from bot.store import timers
from bot.store.offer_tables import WaitRow
from bot.store.tables import ReservationRow

STILL_THERE = (OfferState.WAITING, OfferState.OPEN)
OF_A_WAIT = (TimerKind.WAIT_OFFER_ENDS, TimerKind.WAIT_EXPIRES)


def take_place(
    tx: Tx,
    member: Member,
    kind: WaitKind,
    request: ReserveRequest,
    window: TimeWindow | None,
    expires_at: datetime | None,
) -> WaitRow:
    """Put a wish at the end of the row; the same wish of the same member has one place only.

    Raises:
        NotPermitted: viewers may not book, so they need not wait either.
    """
    roles.require_may_book(member)
    wish = request_to_json(request)
    for row in rows_in_turn(tx, kind):
        if row.member_id == member.member_id and row.request == wish:
            return row
    row = WaitRow(
        kind=kind,
        member_id=member.member_id,
        team_id=member.team_id,
        request=wish,
        starts_at=window.start if window else None,
        ends_at=window.end if window else None,
        state=OfferState.WAITING,
        created_at=tx.now,
        expires_at=expires_at,
    )
    tx.session.add(row)
    tx.session.flush()
    tx.session.refresh(row)
    if expires_at is not None:
        timers.arm(tx.session, TimerKind.WAIT_EXPIRES, row.id, expires_at)
    audit.record(
        tx,
        audit.by_member(member),
        f"{kind}.joined",
        ("wait", row.id),
        gpus=request.gpu_count,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
    )
    return row


def move(tx: Tx, row: WaitRow, new: OfferState) -> None:
    """Bring a place to a new state; a decided one needs no timer any more.

    Raises:
        IllegalMove: it has been decided already.
    """
    old = OfferState(row.state)
    if new not in OFFER_MOVES[old]:
        raise IllegalMove(f"wait: {old} -> {new}")
    row.state = new
    if new.is_over:
        row.decided_at = tx.now
        timers.disarm(tx.session, row.id, OF_A_WAIT, tx.now)


def tell_end(tx: Tx, row: WaitRow, about: ReservationRow | None, why: str) -> None:
    """Tell the member that a place is over, and which reservation has the GPUs if there is one."""
    about_id = direct_messages.NO_RESERVATION if about is None else about.id
    notice = WaitEnded(
        about_id,
        row.id,
        why,
        request_from_json(row.request).gpu_count,
        row.starts_at,
        row.ends_at,
        (tx.now - row.created_at).total_seconds(),
    )
    if about is None:
        direct_messages.tell(tx, row.member.slack_user_id, notice)
    else:
        outbox.tell_member(tx, row.member.slack_user_id, about, notice)


def own(tx: Tx, member: Member, wait_id: int, kind: WaitKind) -> WaitRow:
    """Return a member's own place.

    Raises:
        UnknownOffer: there is none of that number.
        NotAllowed: it is somebody else's.
    """
    row = tx.session.get(WaitRow, wait_id, populate_existing=True)
    if row is None or row.kind != kind:
        raise UnknownOffer(kind.value, wait_id)
    if row.member_id != member.member_id:
        raise NotAllowed
    return row


def require_undecided(row: WaitRow) -> None:
    """Refuse what comes after the decision.

    Raises:
        OfferOver: it has been decided.
    """
    if OfferState(row.state).is_over:
        raise OfferOver(row.kind, row.state)


def rows_in_turn(tx: Tx, kind: WaitKind) -> list[WaitRow]:
    """Return every place that is still there, who comes first first."""
    rows = tx.session.scalars(
        select(WaitRow).where(WaitRow.kind == kind, WaitRow.state.in_(STILL_THERE))
    ).all()
    by_id = {row.id: row for row in rows}
    return [by_id[one.wait_id] for one in _in_turn(tx, rows)]


def _in_turn(tx: Tx, rows: Sequence[WaitRow]) -> list[Waiter]:
    teams = {row.team_id for row in rows}
    use = fairness.recent_use_hours(tx, teams) if teams else {}
    return by_turn([_waiter(tx, row) for row in rows], use)


def _waiter(tx: Tx, row: WaitRow) -> Waiter:
    return Waiter(row.id, row.team_id, row.member.slack_user_id, row.created_at, window(tx, row))


def window(tx: Tx, row: WaitRow) -> TimeWindow | None:
    """Return the window that a place waits for; one for now moves on. None in the queue."""
    if row.starts_at is not None and row.ends_at is not None:
        return TimeWindow(row.starts_at, row.ends_at)
    if row.kind == WaitKind.QUEUE:
        return None
    held = row.held_reservation
    if row.state == OfferState.OPEN and held is not None:
        return TimeWindow(held.starts_at, held.ends_at)
    return tx.policy.grid.cover(tx.now, request_from_json(row.request).length, now=tx.now)


def view(tx: Tx, row: WaitRow, expected_start: datetime | None = None) -> WaitView:
    """Return what is shown of a place, with those who come before it."""
    ahead: tuple[Waiter, ...] = ()
    if not OfferState(row.state).is_over:
        kind = WaitKind(row.kind)
        ahead = ahead_of(row.id, [_waiter(tx, one) for one in rows_in_turn(tx, kind)])
    return WaitView(
        wait_id=row.id,
        kind=WaitKind(row.kind),
        slack_user_id=row.member.slack_user_id,
        request=request_from_json(row.request),
        state=OfferState(row.state),
        since=row.created_at,
        window=window(tx, row),
        ahead=tuple(one.slack_user_id for one in ahead),
        held=row.held_reservation_id,
        offered_until=row.offered_until,
        expected_start=expected_start,
        expires_at=row.expires_at,
    )
