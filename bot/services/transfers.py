"""Transfers: a reservation is offered to another member, who takes it or not.

Its GPUs, its window and its run stay as they are; only whose it is changes.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select

from bot.domain.errors import (
    CannotHandOver,
    CannotReceive,
    NotAllowed,
    NotTheHolder,
    OfferOver,
    ReservationOver,
    UnknownOffer,
    UnknownReservation,
)
from bot.domain.handovers import TransferView
from bot.domain.notices import TransferOffered
from bot.domain.offers import OfferState
from bot.domain.people import Member, Role
from bot.domain.states import ReservationKind, ReservationState
from bot.services import audit, limits, open_offers, outbox, run_links
from bot.services.due import TimerKind
from bot.services.transaction import Tx, reads_only
from bot.services.views import reservation_view
from bot.store import reservations, timers
from bot.store.claims import take_turns
from bot.store.offer_tables import TransferRow
from bot.store.tables import MemberRow, ReservationRow

OFFER = "transfer"


def offer(
    tx: Tx, member: Member, reservation_id: int, to: Member, reason: str = ""
) -> TransferView:
    """Offer a reservation to another member and return the offer.

    It stays the holder's until the other one accepts.  An open offer of it is withdrawn; offering
    it again to the same member changes nothing.

    Raises:
        UnknownReservation: there is none of that number.
        NotTheHolder: only the holder, a lead of the team or an admin may.
        ReservationOver: it is over, or is being released.
        CannotHandOver: it is theirs already, waits for an answer, or is a maintenance block.
        CannotReceive: the other one may only look at Berth.
        OverQuota: the other one's team would hold more than it may.
    """
    take_turns(tx.session)
    row = _lock(tx, member, reservation_id)
    if row.ends_at <= tx.now:  # its timer is about to say so, and nobody could answer in time
        raise ReservationOver(row.id, ReservationState.ENDED.value)
    _require_receivable(row, to)
    _require_first_of_run(tx, row)
    limits.check_transfer(tx, to, row)
    for former in open_offers.open_transfers(tx, row.id):
        if former.to_member_id == to.member_id and tx.now < former.expires_at:
            return view_of(former)
        open_offers.close_transfer(
            tx, former, OfferState.WITHDRAWN, audit.by_member(member), "offered to somebody else"
        )
        outbox.tell_member(tx, former.to_member.slack_user_id, row, open_offers.told(former))
    return view_of(_add(tx, member, row, to, reason))


def accept(tx: Tx, member: Member, transfer_id: int) -> TransferView:
    """Take over the reservation that was offered, and return the offer as it is now.

    From now on it counts for the team of the new holder.  Accepting twice changes nothing.

    Raises:
        UnknownOffer: there is none of that number.
        NotAllowed: it was offered to somebody else.
        OfferOver: it was declined, withdrawn, or has expired.
        ReservationOver: the reservation is over, or is being released.
        CannotHandOver, CannotReceive: it cannot go to this member as things stand now.
        OverQuota: the member's team would hold more than it may.
    """
    take_turns(tx.session)
    transfer, row = _lock_offer(tx, transfer_id)
    _require_asked(transfer, member)
    if transfer.state == OfferState.ACCEPTED:
        return view_of(transfer)
    _require_open(tx, transfer)
    _require_alive(row)
    _require_receivable(row, member)
    _require_first_of_run(tx, row)
    limits.check_transfer(tx, member, row)
    actor = audit.by_member(member)
    open_offers.close_transfer(tx, transfer, OfferState.ACCEPTED, actor)
    open_offers.withdraw_all(tx, row, actor, "it has another holder now")
    _hand_over(tx, row, member)
    outbox.show(tx, row)
    outbox.tell_thread(tx, row, open_offers.told(transfer))
    outbox.tell_member(tx, transfer.from_member.slack_user_id, row, open_offers.told(transfer))
    return view_of(transfer)


def decline(tx: Tx, member: Member, transfer_id: int, reason: str = "") -> TransferView:
    """Leave the reservation with its holder, who is told why. Declining twice changes nothing.

    Raises:
        UnknownOffer: there is none of that number.
        NotAllowed: it was offered to somebody else.
        OfferOver: it was accepted, withdrawn, or has expired.
    """
    transfer, row = _lock_offer(tx, transfer_id)
    _require_asked(transfer, member)
    if transfer.state == OfferState.DECLINED:
        return view_of(transfer)
    _require_open(tx, transfer)
    open_offers.close_transfer(tx, transfer, OfferState.DECLINED, audit.by_member(member), reason)
    notice = open_offers.told(transfer, reason)
    outbox.tell_member(tx, transfer.from_member.slack_user_id, row, notice)
    return view_of(transfer)


def withdraw(tx: Tx, member: Member, transfer_id: int) -> TransferView:
    """Take an offer back; the one who was asked is told. Withdrawing twice changes nothing.

    Raises:
        UnknownOffer: there is none of that number.
        NotTheHolder: only the holder, a lead of the team or an admin may.
        OfferOver: it was accepted or declined, or has expired.
    """
    transfer, row = _lock_offer(tx, transfer_id)
    if not member.may_change(holder_member_id=transfer.from_member_id, team_id=row.team_id):
        raise NotTheHolder(row.id, row.member.slack_user_id)
    if transfer.state == OfferState.WITHDRAWN:
        return view_of(transfer)
    _require_open(tx, transfer)
    open_offers.close_transfer(tx, transfer, OfferState.WITHDRAWN, audit.by_member(member))
    outbox.tell_member(tx, transfer.to_member.slack_user_id, row, open_offers.told(transfer))
    return view_of(transfer)


def expire(tx: Tx, transfer_id: int) -> None:
    """End an offer that nobody answered in time, and tell both. Idempotent."""
    transfer, row = _lock_offer(tx, transfer_id)
    if transfer.state != OfferState.OPEN or tx.now < transfer.expires_at:
        return
    open_offers.close_transfer(tx, transfer, OfferState.EXPIRED, audit.CLOCKWORK)
    for one in (transfer.from_member, transfer.to_member):
        outbox.tell_member(tx, one.slack_user_id, row, open_offers.told(transfer))


@reads_only
def check_offerable(tx: Tx, member: Member, reservation_id: int) -> TransferView | None:
    """Return the open offer of a reservation that the member may hand over, or None.

    Raises:
        UnknownReservation, NotTheHolder, ReservationOver, CannotHandOver: as for `offer`.
    """
    row = tx.session.get(ReservationRow, reservation_id)
    _require_offerable(member, reservation_id, row)
    transfer = tx.session.scalar(
        select(TransferRow)
        .where(
            TransferRow.reservation_id == reservation_id,
            TransferRow.state == OfferState.OPEN,
            TransferRow.expires_at > tx.now,
        )
        .limit(1)
    )
    return None if transfer is None else view_of(transfer)


@reads_only
def look_up(tx: Tx, transfer_id: int) -> TransferView:
    """Return an offer as it is now.

    Raises:
        UnknownOffer: there is none of that number.
    """
    row = tx.session.get(TransferRow, transfer_id)
    if row is None:
        raise UnknownOffer(OFFER, transfer_id)
    return view_of(row)


@reads_only
def people_named(tx: Tx, name: str) -> tuple[str, ...]:
    """Return the Slack ids of those members whom people call ``name``, whatever its case."""
    return tuple(
        tx.session.scalars(
            select(MemberRow.slack_user_id)
            .where(func.lower(MemberRow.name) == name.lower())
            .order_by(MemberRow.id)
        )
    )


def view_of(transfer: TransferRow) -> TransferView:
    """Return what is shown of an offer."""
    return TransferView(
        transfer_id=transfer.id,
        reservation=reservation_view(transfer.reservation),
        from_slack_id=transfer.from_member.slack_user_id,
        to_slack_id=transfer.to_member.slack_user_id,
        state=OfferState(transfer.state),
        expires_at=transfer.expires_at,
        reason=transfer.reason,
    )


def _lock(tx: Tx, member: Member, reservation_id: int) -> ReservationRow:
    row = reservations.lock(tx.session, reservation_id)
    return _require_offerable(member, reservation_id, row)


def _require_offerable(
    member: Member, reservation_id: int, row: ReservationRow | None
) -> ReservationRow:
    if row is None:
        raise UnknownReservation(reservation_id)
    if not member.may_change(holder_member_id=row.member_id, team_id=row.team_id):
        raise NotTheHolder(reservation_id, row.member.slack_user_id)
    _require_alive(row)
    return row


def _require_alive(row: ReservationRow) -> None:
    state = ReservationState(row.state)
    if state.is_over or state is ReservationState.RELEASING:
        raise ReservationOver(row.id, state.value)
    if row.kind == ReservationKind.MAINTENANCE:
        raise CannotHandOver(row.id, "maintenance")
    if state not in (ReservationState.BOOKED, ReservationState.ACTIVE):
        raise CannotHandOver(row.id, "not_booked")


def _require_receivable(row: ReservationRow, to: Member) -> None:
    if to.member_id == row.member_id:
        raise CannotHandOver(row.id, "already_theirs", row.member.slack_user_id)
    if to.role is Role.VIEWER:
        raise CannotReceive(to.slack_user_id, "viewer")


def _add(tx: Tx, member: Member, row: ReservationRow, to: Member, reason: str) -> TransferRow:
    transfer = TransferRow(
        reservation=row,
        from_member=row.member,
        to_member=tx.session.get_one(MemberRow, to.member_id),
        state=OfferState.OPEN,
        created_at=tx.now,
        expires_at=_expires_at(tx, row),
        reason=reason,
    )
    tx.session.add(transfer)
    tx.session.flush()
    timers.arm(tx.session, TimerKind.TRANSFER_EXPIRES, transfer.id, transfer.expires_at)
    outbox.tell_member(tx, to.slack_user_id, row, _offered(transfer))
    audit.record(
        tx,
        audit.by_member(member),
        "transfer.offered",
        ("reservation", row.id),
        reason=reason,
        transfer=transfer.id,
        to_member=to.slack_user_id,
        expires_at=transfer.expires_at,
    )
    return transfer


def _expires_at(tx: Tx, row: ReservationRow) -> datetime:
    """Not beyond the start of what is booked, nor beyond the end of what runs."""
    ahead = row.state == ReservationState.BOOKED and row.starts_at > tx.now
    return min(tx.now + tx.policy.handover_within, row.starts_at if ahead else row.ends_at)


def _offered(transfer: TransferRow) -> TransferOffered:
    view = reservation_view(transfer.reservation)
    return TransferOffered(
        view.reservation_id,
        transfer.id,
        transfer.from_member.slack_user_id,
        tuple(gpu.name for gpu in view.gpus),
        view.window.start,
        view.window.end,
        transfer.expires_at,
        transfer.reason,
        view.run.spec.model if view.run is not None and not view.run.state.is_over else "",
    )


def _lock_offer(tx: Tx, transfer_id: int) -> tuple[TransferRow, ReservationRow]:
    found = tx.session.get(TransferRow, transfer_id)
    row = reservations.lock(tx.session, found.reservation_id) if found is not None else None
    if found is None or row is None:
        raise UnknownOffer(OFFER, transfer_id)
    # Read before the lock was had: somebody may have decided it meanwhile.
    tx.session.refresh(found, with_for_update=True)
    return found, row


def _require_asked(transfer: TransferRow, member: Member) -> None:
    if transfer.to_member_id != member.member_id:
        raise NotAllowed


def _require_open(tx: Tx, transfer: TransferRow) -> None:
    if transfer.state != OfferState.OPEN:
        raise OfferOver(OFFER, transfer.state)
    if tx.now >= transfer.expires_at:
        raise OfferOver(OFFER, OfferState.EXPIRED)


def _require_first_of_run(tx: Tx, row: ReservationRow) -> None:
    if run_links.is_planned_target(tx, row):
        raise CannotHandOver(row.id, "continues")


def _hand_over(tx: Tx, row: ReservationRow, to: Member) -> None:
    target = run_links.lock_planned(tx, row)
    if target is not None:  # a run and where it goes on have one holder
        limits.check_transfer(tx, to, target)
        open_offers.withdraw_all(tx, target, audit.by_member(to), "it has another holder now")
        _hand_over(tx, target, to)
        outbox.show(tx, target)
    if row.request_key is not None and tx.session.scalar(
        select(ReservationRow.id).where(
            ReservationRow.member_id == to.member_id, ReservationRow.request_key == row.request_key
        )
    ):
        row.request_key = None  # the new holder has used the same key for another one
    new_holder = tx.session.get_one(MemberRow, to.member_id)
    row.member, row.team = new_holder, new_holder.team
    row.version += 1
    tx.session.flush()
