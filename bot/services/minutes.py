"""Minutes of the next holder's time: asked for by who is late, given or kept by who is next.

Nothing changes until the next holder agrees; then, in one transaction, their start moves by the
minutes, their end too where it is free, and the late one goes on for as long.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from bot.domain.errors import (
    CannotGiveMinutes,
    NotAllowed,
    NotBookedYet,
    OfferOver,
    ReservationOver,
    UnknownOffer,
)
from bot.domain.forecast_notices import MinutesAsked
from bot.domain.offers import OfferState
from bot.domain.people import Member
from bot.domain.states import ReservationState, RunState
from bot.domain.time_window import TimeWindow
from bot.services import audit, limits, outbox, run_links
from bot.services.access import lock_to_change
from bot.services.changing import set_window
from bot.services.due import TimerKind
from bot.services.open_minutes import close, decided
from bot.services.people import member_of
from bot.services.transaction import Tx, reads_only
from bot.services.views import run_progress, spec_from_json
from bot.store import reservations, timers
from bot.store.claims import holdings_in, take_turns
from bot.store.forecast_tables import MinutesAskRow
from bot.store.tables import ReservationRow

OFFER = "request for minutes"
ONE_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class MinutesView:
    """What is shown of a request for minutes."""

    ask_id: int
    reservation_id: int
    next_reservation_id: int
    from_slack_id: str
    asked_slack_id: str
    minutes: int
    state: OfferState
    ends_at: datetime
    expires_at: datetime


def ask(
    tx: Tx, member: Member, reservation_id: int, minutes: int, shown_end: datetime
) -> MinutesView:
    """Ask who holds the GPUs next for some minutes, and return the request.

    The same asking again changes nothing.

    Args:
        tx: the transaction.
        member: who asks.
        reservation_id: the reservation that is to go on.
        minutes: how many, at most policy ``minutes_most``.
        shown_end: the end of the reservation as the one who asks has seen it.

    Raises:
        UnknownReservation: there is none of that number.
        NotTheHolder: only the holder, a lead of the team or an admin may.
        ReservationOver: it has ended, was cancelled, or is being released.
        NotBookedYet: it waits for somebody's answer.
        CannotGiveMinutes: nobody could be asked, or not for so many.
        OutOfOrder: a training would be in two reservations at once.
        OverQuota: the team would hold more than it may.
    """
    row = lock_to_change(tx, member, reservation_id)
    _require_running(row)
    if row.ends_at != shown_end:
        raise CannotGiveMinutes(row.id, "changed")
    most = round(tx.policy.minutes_most / ONE_MINUTE)
    if not 1 <= minutes <= most:
        raise CannotGiveMinutes(row.id, "too_much", most)
    known = tx.session.scalar(
        select(MinutesAskRow).where(
            MinutesAskRow.reservation_id == row.id,
            MinutesAskRow.state == OfferState.OPEN,
            MinutesAskRow.shown_end == shown_end,
        )
    )
    if known is not None:
        return view_of(known)
    other = _next_of(tx, row, minutes)
    _require_room(tx, row, other, minutes)
    limits.check_extension(tx, member, row, TimeWindow(row.starts_at, _new_end(row, minutes)))
    return view_of(_add(tx, member, row, other, minutes))


def give(tx: Tx, member: Member, ask_id: int) -> MinutesView:
    """Give the minutes that somebody asks for. Giving twice changes nothing.

    Raises:
        UnknownOffer: there is no such request.
        NotAllowed: somebody else was asked.
        OfferOver: it was declined or withdrawn, or has expired.
        ReservationOver: the one that is late, or the next one, is over by now.
        NotBookedYet: one of them waits for somebody's answer.
        CannotGiveMinutes: the world has moved: see there.
        OutOfOrder: a training would be in two reservations at once.
        OverQuota: the late one's team would hold more than it may.
        ClaimOverlap: another booking won the race every time.
    """
    take_turns(tx.session)
    asked, row, other = _lock(tx, ask_id)
    _require_asked(member, other)
    if asked.state == OfferState.ACCEPTED:
        return view_of(asked)
    _require_open(tx, asked)
    _require_running(row)
    if row.ends_at != asked.shown_end:
        raise CannotGiveMinutes(row.id, "changed")
    if _next_of(tx, row, asked.minutes).id != other.id:
        raise CannotGiveMinutes(row.id, "changed")
    new_end = _require_room(tx, row, other, asked.minutes)
    whole = TimeWindow(row.starts_at, new_end)
    limits.check_extension(tx, _member_of(asked), row, whole)
    close(tx, asked, OfferState.ACCEPTED, audit.by_member(member))
    # The next one makes room first: the database refuses two claims for even a moment.
    moved = _moved(tx, other, new_end)
    set_window(tx, member, other, moved, "moved", None)
    set_window(tx, member, row, whole, "extended", None)
    outbox.tell_holder(tx, row, decided(asked))
    return view_of(asked)


def keep(tx: Tx, member: Member, ask_id: int, reason: str = "") -> MinutesView:
    """Keep one's time; who asked is told. Declining twice changes nothing.

    Raises:
        UnknownOffer: there is no such request.
        NotAllowed: somebody else was asked.
        OfferOver: the minutes were given, or it has expired.
    """
    asked, row, other = _lock(tx, ask_id)
    _require_asked(member, other)
    if asked.state == OfferState.DECLINED:
        return view_of(asked)
    _require_open(tx, asked)
    close(tx, asked, OfferState.DECLINED, audit.by_member(member), reason)
    outbox.tell_holder(tx, row, decided(asked, reason))
    return view_of(asked)


def expire(tx: Tx, ask_id: int) -> None:
    """End a request that nobody answered in time, and tell who asked. Idempotent."""
    asked, row, _ = _lock(tx, ask_id)
    if asked.state != OfferState.OPEN or tx.now < asked.expires_at:
        return
    close(tx, asked, OfferState.EXPIRED, audit.CLOCKWORK)
    if not ReservationState(row.state).is_over:
        outbox.tell_holder(tx, row, decided(asked))


@reads_only
def look_up(tx: Tx, ask_id: int) -> MinutesView:
    """Return a request as it is now.

    Raises:
        UnknownOffer: there is no such request.
    """
    asked = tx.session.get(MinutesAskRow, ask_id)
    if asked is None:
        raise UnknownOffer(OFFER, ask_id)
    return view_of(asked)


def view_of(asked: MinutesAskRow) -> MinutesView:
    """Return what is shown of a request."""
    return MinutesView(
        ask_id=asked.id,
        reservation_id=asked.reservation_id,
        next_reservation_id=asked.next_reservation_id,
        from_slack_id=asked.reservation.member.slack_user_id,
        asked_slack_id=asked.next_reservation.member.slack_user_id,
        minutes=asked.minutes,
        state=OfferState(asked.state),
        ends_at=asked.reservation.ends_at,
        expires_at=asked.expires_at,
    )


def _require_running(row: ReservationRow) -> None:
    state = ReservationState(row.state)
    if state.is_over or state is ReservationState.RELEASING:
        raise ReservationOver(row.id, state.value)
    if state is not ReservationState.ACTIVE:
        raise NotBookedYet(row.id, state.value)


def _next_of(tx: Tx, row: ReservationRow, minutes: int) -> ReservationRow:
    """Return the one reservation that has any of the GPUs in those minutes, and has not begun."""
    added = TimeWindow(row.ends_at, _new_end(row, minutes))
    gpu_ids = [claim.gpu_id for claim in row.claims]
    held = holdings_in(tx.session, added, gpu_ids, without=row.id)
    if len(held) != 1 or held[0].holder_slack_id == row.member.slack_user_id:
        raise CannotGiveMinutes(row.id, "nobody_next")
    other = tx.session.get(ReservationRow, held[0].reservation_id)
    if other is None or other.kind != row.kind:
        raise CannotGiveMinutes(row.id, "nobody_next")
    if other.state != ReservationState.BOOKED or other.starts_at <= tx.now:
        raise CannotGiveMinutes(row.id, "started")
    return other


def _require_room(tx: Tx, row: ReservationRow, other: ReservationRow, minutes: int) -> datetime:
    """Return the new end of ``row``, if at least half of the other one would be left."""
    new_end = _new_end(row, minutes)
    run_links.require_order(tx, row, starts_at=row.starts_at, ends_at=new_end)
    moved = _moved(tx, other, new_end)
    run_links.require_order(tx, other, starts_at=moved.start, ends_at=moved.end)
    if moved.length < (other.ends_at - other.starts_at) / 2:
        raise CannotGiveMinutes(row.id, "nothing_left")
    return new_end


def _new_end(row: ReservationRow, minutes: int) -> datetime:
    return row.ends_at + minutes * ONE_MINUTE


def _moved(tx: Tx, other: ReservationRow, new_end: datetime) -> TimeWindow:
    """Return the window that the next one would have: later as a whole where that is free."""
    start = max(new_end, other.starts_at)
    later = other.ends_at + (start - other.starts_at)
    gpu_ids = [claim.gpu_id for claim in other.claims]
    after = TimeWindow(other.ends_at, later) if later > other.ends_at else None
    taken = after is not None and holdings_in(tx.session, after, gpu_ids, without=other.id)
    end = other.ends_at if taken or after is None else later
    return TimeWindow(start, max(end, start + ONE_MINUTE))


def _add(
    tx: Tx, member: Member, row: ReservationRow, other: ReservationRow, minutes: int
) -> MinutesAskRow:
    asked = MinutesAskRow(
        reservation=row,
        next_reservation=other,
        asked_by_member_id=member.member_id,
        minutes=minutes,
        shown_end=row.ends_at,
        state=OfferState.OPEN,
        created_at=tx.now,
        expires_at=min(row.ends_at, other.starts_at),
    )
    tx.session.add(asked)
    tx.session.flush()
    timers.arm(tx.session, TimerKind.MINUTES_EXPIRE, asked.id, asked.expires_at)
    outbox.tell_holder(tx, other, _told(tx, asked, row, other))
    for one, role in ((row, "asked"), (other, "asked_of")):
        audit.record(
            tx,
            audit.by_member(member),
            f"minutes.{role}",
            ("reservation", one.id),
            ask=asked.id,
            minutes=minutes,
            next_holder=other.member.slack_user_id,
            expires_at=asked.expires_at,
        )
    return asked


def _told(tx: Tx, asked: MinutesAskRow, row: ReservationRow, other: ReservationRow) -> MinutesAsked:
    moved = _moved(tx, other, _new_end(row, asked.minutes))
    trains = row.run is not None and not RunState(row.run.state).is_over
    progress = run_progress(row.run) if trains and row.run is not None else None
    model = spec_from_json(row.run.spec).model if trains and row.run is not None else ""
    return MinutesAsked(
        other.id,
        asked.id,
        row.member.slack_user_id,
        row.id,
        asked.minutes,
        other.starts_at,
        other.ends_at,
        moved.start,
        moved.end,
        asked.expires_at,
        model,
        progress.epoch if progress else 0,
        progress.epochs if progress else 0,
    )


def _lock(tx: Tx, ask_id: int) -> tuple[MinutesAskRow, ReservationRow, ReservationRow]:
    asked = tx.session.get(MinutesAskRow, ask_id)
    if asked is None:
        raise UnknownOffer(OFFER, ask_id)
    pair = {
        number: reservations.lock(tx.session, number)
        for number in sorted((asked.reservation_id, asked.next_reservation_id))
    }
    row, other = pair[asked.reservation_id], pair[asked.next_reservation_id]
    if row is None or other is None:
        raise UnknownOffer(OFFER, ask_id)
    # Read before the locks were had: somebody may have decided it meanwhile.
    tx.session.refresh(asked, with_for_update=True)
    return asked, row, other


def _require_asked(member: Member, other: ReservationRow) -> None:
    if not member.may_change(holder_member_id=other.member_id, team_id=other.team_id):
        raise NotAllowed


def _require_open(tx: Tx, asked: MinutesAskRow) -> None:
    if asked.state != OfferState.OPEN:
        raise OfferOver(OFFER, asked.state)
    if tx.now >= asked.expires_at:
        raise OfferOver(OFFER, OfferState.EXPIRED)


def _member_of(asked: MinutesAskRow) -> Member:
    return member_of(asked.asked_by)
