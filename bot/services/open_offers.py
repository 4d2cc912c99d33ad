"""What is still open about a reservation when it changes hands, changes its window, or is over.

Whoever calls has locked the reservation.  Every change of an offer is made under the lock of a
reservation that it is about, and its row is locked too, because a swap is about two.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import or_, select

from bot.domain.notices import SwapDecided, TransferDecided
from bot.domain.offers import OfferState
from bot.domain.states import ReservationState
from bot.services import audit, open_minutes, outbox
from bot.services.audit import Actor
from bot.services.due import TimerKind
from bot.services.transaction import Tx
from bot.store import timers, usage_checks
from bot.store.offer_tables import SwapRow, TransferRow
from bot.store.tables import ReservationRow


def open_transfers(tx: Tx, reservation_id: int) -> tuple[TransferRow, ...]:
    """Lock and return the offers of a reservation that nobody has answered."""
    return tuple(
        tx.session.scalars(
            select(TransferRow)
            .where(
                TransferRow.reservation_id == reservation_id, TransferRow.state == OfferState.OPEN
            )
            .order_by(TransferRow.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    )


def open_swaps(tx: Tx, reservation_ids: Collection[int]) -> tuple[SwapRow, ...]:
    """Lock and return the swaps about any of those reservations that nobody has answered."""
    ids = list(reservation_ids)
    return tuple(
        tx.session.scalars(
            select(SwapRow)
            .where(
                or_(SwapRow.first_reservation_id.in_(ids), SwapRow.second_reservation_id.in_(ids)),
                SwapRow.state == OfferState.OPEN,
            )
            .order_by(SwapRow.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    )


def withdraw_all(tx: Tx, row: ReservationRow, actor: Actor, reason: str) -> None:
    """Withdraw whatever is open about a reservation, and tell those who were asked. Idempotent."""
    for transfer in open_transfers(tx, row.id):
        close_transfer(tx, transfer, OfferState.WITHDRAWN, actor, reason)
        outbox.tell_member(tx, transfer.to_member.slack_user_id, row, told(transfer, reason))
    for swap in open_swaps(tx, [row.id]):
        close_swap(tx, swap, OfferState.WITHDRAWN, actor, reason)
        for one in (swap.first, swap.second):
            # Kept with the reservation that is locked: a message refers to its row, and who has
            # locked the other one may wait for this swap.
            outbox.tell_member(tx, one.member.slack_user_id, row, told_swap(swap, one, reason))
    open_minutes.withdraw(tx, row, actor, reason)
    _withdraw_usage_check(tx, row, actor, reason)


def _withdraw_usage_check(tx: Tx, row: ReservationRow, actor: Actor, reason: str) -> None:
    """Ask no more whether the GPUs are needed; a new holder is asked anew, and only later."""
    check = usage_checks.open_check(tx.session, row.id)
    if check is None:
        return
    check.state, check.decided_at = OfferState.WITHDRAWN, tx.now
    tx.session.flush()
    timers.disarm(tx.session, row.id, (TimerKind.USAGE_CHECK_EXPIRES,), tx.now)
    if row.state == ReservationState.ACTIVE:
        timers.arm(tx.session, TimerKind.USAGE_LOOKS, row.id, tx.now + tx.policy.idle_after)
    audit.record(
        tx, actor, "usage.withdrawn", ("reservation", row.id), reason=reason, check=check.id
    )


def close_transfer(
    tx: Tx, transfer: TransferRow, state: OfferState, actor: Actor, reason: str = ""
) -> None:
    """Record how an open offer ended."""
    transfer.state, transfer.decided_at = state, tx.now
    audit.record(
        tx,
        actor,
        f"transfer.{state}",
        ("reservation", transfer.reservation_id),
        reason=reason,
        transfer=transfer.id,
        from_member=transfer.from_member.slack_user_id,
        to_member=transfer.to_member.slack_user_id,
    )
    tx.session.flush()


def close_swap(tx: Tx, swap: SwapRow, state: OfferState, actor: Actor, reason: str = "") -> None:
    """Record how an open proposal ended, at both reservations."""
    swap.state, swap.decided_at = state, tx.now
    pair = (swap.first_reservation_id, swap.second_reservation_id)
    for reservation_id, other_id in (pair, pair[::-1]):
        audit.record(
            tx,
            actor,
            f"swap.{state}",
            ("reservation", reservation_id),
            reason=reason,
            swap=swap.id,
            other_reservation=other_id,
            proposed_by=swap.proposed_by.slack_user_id,
        )
    tx.session.flush()


def told(transfer: TransferRow, reason: str = "") -> TransferDecided:
    """Return what is told about an offer that is over."""
    return TransferDecided(
        transfer.reservation_id,
        transfer.id,
        transfer.from_member.slack_user_id,
        transfer.to_member.slack_user_id,
        transfer.state,
        reason,
    )


def told_swap(swap: SwapRow, about: ReservationRow, reason: str = "", by: str = "") -> SwapDecided:
    """Return what is told at one of the two reservations about a proposal that is over."""
    other = swap.second if about is swap.first else swap.first
    return SwapDecided(
        about.id, swap.id, other.id, other.member.slack_user_id, swap.state, reason, by
    )
