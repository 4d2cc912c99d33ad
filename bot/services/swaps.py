"""Swaps: two holders exchange windows and GPUs; holder, note, priority and run go along.

Only what has not started can be exchanged.  The claims themselves change reservation, so that no
GPU is free, or held twice, at any instant of it.
"""

from __future__ import annotations

from sqlalchemy import select, update

from bot.domain.errors import (
    CannotHandOver,
    NotTheHolder,
    OfferOver,
    OverQuota,
    ReservationOver,
    UnknownOffer,
    UnknownReservation,
)
from bot.domain.handovers import SwapView
from bot.domain.limits import Wish, judge_wish
from bot.domain.notices import SwapProposed
from bot.domain.offers import OfferState
from bot.domain.people import Member
from bot.domain.priority import Priority
from bot.domain.states import ReservationKind, ReservationState
from bot.domain.time_window import TimeWindow
from bot.services import audit, due, limits, open_offers, outbox, run_links
from bot.services.due import TimerKind
from bot.services.transaction import Tx, reads_only
from bot.services.views import reservation_view
from bot.store import reservations, timers
from bot.store.claims import take_turns
from bot.store.offer_tables import SwapRow
from bot.store.tables import ClaimRow, MemberRow, ReservationRow

OFFER = "swap"
Versions = tuple[int, int]
"""The versions of both reservations at which the one who is asked has seen them."""


def propose(
    tx: Tx, member: Member, my_reservation_id: int, their_reservation_id: int, reason: str = ""
) -> SwapView:
    """Propose to exchange windows and GPUs, and return the proposal.

    Whoever proposes what the other one has proposed already accepts it.  Proposing the same again
    changes nothing; a new proposal for the first reservation withdraws the former.

    Raises:
        UnknownReservation: there is none of that number.
        NotTheHolder: only the holder of the first, a lead of their team or an admin may.
        ReservationOver: one of them is over.
        CannotHandOver: both are the same holder's, one has started, waits for an answer or is a
            maintenance block, or a training would get GPUs of several hosts.
        OverQuota: a team would hold more than it may.
    """
    take_turns(tx.session)
    first, second = _lock_pair(tx, my_reservation_id, their_reservation_id)
    _require_changeable(member, first)
    _require_exchangeable(tx, first, second)
    for former in open_offers.open_swaps(tx, [first.id]):
        if former.first_reservation_id == first.id:
            if former.second_reservation_id == second.id and tx.now < former.expires_at:
                return view_of(former)
            _withdraw(tx, former, audit.by_member(member), "another swap was proposed")
        elif former.first_reservation_id == second.id and tx.now < former.expires_at:
            return _exchange(tx, former, member)
    return view_of(_add(tx, member, first, second, reason))


def accept(tx: Tx, member: Member, swap_id: int, seen: Versions | None = None) -> SwapView:
    """Exchange the two reservations as proposed, and return the proposal as it is now.

    Accepting twice changes nothing.  Where one of them has changed since it was ``seen``, the
    proposal is withdrawn instead: nobody takes what they were not shown.

    Raises:
        UnknownOffer: there is none of that number.
        NotTheHolder: only the holder of the second one, a lead of their team or an admin may.
        OfferOver: it was declined, withdrawn, or has expired.
        ReservationOver, CannotHandOver, OverQuota: it cannot be done as things stand now.
    """
    take_turns(tx.session)
    swap = _lock_swap(tx, swap_id)
    if swap.state == OfferState.ACCEPTED and _is_party(member, swap):
        return view_of(swap)
    _require_open(tx, swap)
    _require_changeable(member, swap.second)
    _require_exchangeable(tx, swap.first, swap.second)
    if seen is not None and seen != (swap.first.version, swap.second.version):
        _withdraw(tx, swap, audit.by_member(member), "it was changed since it was proposed")
        return view_of(swap)
    return _exchange(tx, swap, member)


def decline(tx: Tx, member: Member, swap_id: int, reason: str = "") -> SwapView:
    """Leave both as they are; who proposed it is told why. Declining twice changes nothing.

    Raises:
        UnknownOffer: there is none of that number.
        NotTheHolder: only the holder of the second one, a lead of their team or an admin may.
        OfferOver: it was accepted, withdrawn, or has expired.
    """
    swap = _lock_swap(tx, swap_id)
    _require_changeable(member, swap.second)
    if swap.state == OfferState.DECLINED:
        return view_of(swap)
    _require_open(tx, swap)
    open_offers.close_swap(tx, swap, OfferState.DECLINED, audit.by_member(member), reason)
    notice = open_offers.told_swap(swap, swap.first, reason, member.slack_user_id)
    outbox.tell_member(tx, swap.proposed_by.slack_user_id, swap.first, notice)
    return view_of(swap)


def withdraw(tx: Tx, member: Member, swap_id: int) -> SwapView:
    """Take a proposal back; the one who was asked is told. Withdrawing twice changes nothing.

    Raises:
        UnknownOffer: there is none of that number.
        NotTheHolder: only who proposed it, a lead of their team or an admin may.
        OfferOver: it was accepted or declined, or has expired.
    """
    swap = _lock_swap(tx, swap_id)
    if member.member_id != swap.proposed_by_member_id:
        _require_changeable(member, swap.first)
    if swap.state == OfferState.WITHDRAWN:
        return view_of(swap)
    _require_open(tx, swap)
    _withdraw(tx, swap, audit.by_member(member), "")
    return view_of(swap)


def expire(tx: Tx, swap_id: int) -> None:
    """End a proposal that nobody answered in time, and tell both. Idempotent."""
    swap = _lock_swap(tx, swap_id)
    if swap.state != OfferState.OPEN or tx.now < swap.expires_at:
        return
    open_offers.close_swap(tx, swap, OfferState.EXPIRED, audit.CLOCKWORK)
    for one in (swap.first, swap.second):
        outbox.tell_holder(tx, one, open_offers.told_swap(swap, one))


@reads_only
def look_up(tx: Tx, swap_id: int) -> SwapView:
    """Return a proposal as it is now.

    Raises:
        UnknownOffer: there is none of that number.
    """
    swap = tx.session.get(SwapRow, swap_id)
    if swap is None:
        raise UnknownOffer(OFFER, swap_id)
    return view_of(swap)


def view_of(swap: SwapRow) -> SwapView:
    """Return what is shown of a proposal."""
    return SwapView(
        swap_id=swap.id,
        first=reservation_view(swap.first),
        second=reservation_view(swap.second),
        proposed_by_slack_id=swap.proposed_by.slack_user_id,
        state=OfferState(swap.state),
        expires_at=swap.expires_at,
        reason=swap.reason or "",
    )


def _lock_pair(tx: Tx, first_id: int, second_id: int) -> tuple[ReservationRow, ReservationRow]:
    found = {}
    for reservation_id in sorted({first_id, second_id}):
        row = reservations.lock(tx.session, reservation_id)
        if row is None:
            raise UnknownReservation(reservation_id)
        found[reservation_id] = row
    return found[first_id], found[second_id]


def _lock_swap(tx: Tx, swap_id: int) -> SwapRow:
    swap = tx.session.get(SwapRow, swap_id)
    if swap is None:
        raise UnknownOffer(OFFER, swap_id)
    _lock_pair(tx, swap.first_reservation_id, swap.second_reservation_id)
    # Read before the locks were had: somebody may have decided it meanwhile.
    tx.session.refresh(swap, with_for_update=True)
    return swap


def _require_changeable(member: Member, row: ReservationRow) -> None:
    if not member.may_change(holder_member_id=row.member_id, team_id=row.team_id):
        raise NotTheHolder(row.id, row.member.slack_user_id)


def _is_party(member: Member, swap: SwapRow) -> bool:
    return any(
        member.may_change(holder_member_id=row.member_id, team_id=row.team_id)
        for row in (swap.first, swap.second)
    )


def _require_open(tx: Tx, swap: SwapRow) -> None:
    if swap.state != OfferState.OPEN:
        raise OfferOver(OFFER, swap.state)
    if tx.now >= swap.expires_at:
        raise OfferOver(OFFER, OfferState.EXPIRED)


def _require_exchangeable(tx: Tx, first: ReservationRow, second: ReservationRow) -> None:
    for row in (first, second):
        state = ReservationState(row.state)
        if state.is_over or state is ReservationState.RELEASING:
            raise ReservationOver(row.id, state.value)
        if row.kind != ReservationKind.WORK:
            raise CannotHandOver(row.id, "maintenance")
        if state in (ReservationState.PENDING, ReservationState.OFFERED):
            raise CannotHandOver(row.id, "not_booked")
        if state is not ReservationState.BOOKED or row.starts_at <= tx.now:
            raise CannotHandOver(row.id, "started")
    if first.member_id == second.member_id:
        raise CannotHandOver(second.id, "already_theirs", second.member.slack_user_id)
    for row, other in ((first, second), (second, first)):
        run_links.require_order(tx, row, starts_at=other.starts_at, ends_at=other.ends_at)
        if (
            run_links.carries_run(tx, row)
            and len({claim.gpu.host_id for claim in other.claims}) > 1
        ):
            raise CannotHandOver(row.id, "several_hosts")
        _check_limits(tx, row, other)


def _check_limits(tx: Tx, row: ReservationRow, other: ReservationRow) -> None:
    """Refuse that ``row`` gets what ``other`` has where its team may not hold so much."""
    window = TimeWindow(other.starts_at, other.ends_at)
    wish = Wish(window, len(other.claims), Priority(row.priority))
    rules = []
    if window.length > row.ends_at - row.starts_at:
        rules += [rule for rule in judge_wish(wish, tx.policy.long_reservation) if rule.limit]
    if row.team_id != other.team_id:  # within a team the same GPUs are held at the same times
        rules += limits.broken_quota(tx, row.team_id, wish, besides=[row.id])
    if rules:
        raise OverQuota(row.team.name, rules)


def _add(
    tx: Tx, member: Member, first: ReservationRow, second: ReservationRow, reason: str
) -> SwapRow:
    swap = SwapRow(
        first=first,
        second=second,
        proposed_by=tx.session.get_one(MemberRow, member.member_id),
        state=OfferState.OPEN,
        created_at=tx.now,
        expires_at=min(tx.now + tx.policy.handover_within, first.starts_at, second.starts_at),
        reason=reason,
    )
    tx.session.add(swap)
    tx.session.flush()
    timers.arm(tx.session, TimerKind.SWAP_EXPIRES, swap.id, swap.expires_at)
    outbox.tell_holder(tx, second, _proposed(swap))
    for row, other in ((first, second), (second, first)):
        audit.record(
            tx,
            audit.by_member(member),
            "swap.proposed",
            ("reservation", row.id),
            reason=reason,
            swap=swap.id,
            other_reservation=other.id,
            expires_at=swap.expires_at,
        )
    return swap


def _proposed(swap: SwapRow) -> SwapProposed:
    first, second = reservation_view(swap.first), reservation_view(swap.second)
    return SwapProposed(
        second.reservation_id,
        swap.id,
        swap.proposed_by.slack_user_id,
        first.reservation_id,
        first.version,
        second.version,
        tuple(gpu.name for gpu in first.gpus),
        first.window.start,
        first.window.end,
        tuple(gpu.name for gpu in second.gpus),
        second.window.start,
        second.window.end,
        swap.expires_at,
        swap.reason or "",
    )


def _withdraw(tx: Tx, swap: SwapRow, actor: audit.Actor, reason: str) -> None:
    open_offers.close_swap(tx, swap, OfferState.WITHDRAWN, actor, reason)
    outbox.tell_holder(
        tx, swap.second, open_offers.told_swap(swap, swap.second, reason, actor.name)
    )


def _exchange(tx: Tx, swap: SwapRow, member: Member) -> SwapView:
    first, second, actor = swap.first, swap.second, audit.by_member(member)
    open_offers.close_swap(tx, swap, OfferState.ACCEPTED, actor)
    for row in (first, second):
        open_offers.withdraw_all(tx, row, actor, "its window and GPUs were exchanged")
    _exchange_claims(tx, first, second)
    for row in (first, second):
        row.version += 1
        due.disarm_reservation(tx, row)
    tx.session.flush()
    for row in (first, second):
        due.arm_reservation(tx, row)
        outbox.show(tx, row)
        told = open_offers.told_swap(swap, row, by=member.slack_user_id)
        outbox.tell_thread(tx, row, told)
    outbox.tell_member(
        tx,
        swap.proposed_by.slack_user_id,
        first,
        open_offers.told_swap(swap, first, by=member.slack_user_id),
    )
    return view_of(swap)


def _exchange_claims(tx: Tx, first: ReservationRow, second: ReservationRow) -> None:
    """Let the claims change sides: the guard sees neither a window nor a GPU change."""
    of_first = tx.session.scalars(
        select(ClaimRow.id).where(ClaimRow.reservation_id == first.id)
    ).all()
    tx.session.execute(
        update(ClaimRow)
        .where(ClaimRow.reservation_id == second.id)
        .values(reservation_id=first.id)
        .execution_options(synchronize_session=False)
    )
    tx.session.execute(
        update(ClaimRow)
        .where(ClaimRow.id.in_(of_first))
        .values(reservation_id=second.id)
        .execution_options(synchronize_session=False)
    )
    window = (first.starts_at, first.ends_at)
    first.starts_at, first.ends_at = second.starts_at, second.ends_at
    second.starts_at, second.ends_at = window
    tx.session.flush()
    for row in (first, second):
        for claim in row.claims:
            tx.session.expire(claim)
    for row in (first, second):
        tx.session.refresh(row, ["claims"])
