"""Requests for minutes that nobody has answered: closed, or withdrawn when their ground is gone.

Whoever calls has locked a reservation that the request is about; see `bot.services.open_offers`.
"""

from __future__ import annotations

from sqlalchemy import or_, select

from bot.domain.forecast_notices import MinutesDecided, MinutesOff
from bot.domain.offers import OfferState
from bot.services import audit, outbox
from bot.services.audit import Actor
from bot.services.transaction import Tx
from bot.store.forecast_tables import MinutesAskRow
from bot.store.tables import ReservationRow


def open_minutes(tx: Tx, reservation_id: int) -> tuple[MinutesAskRow, ...]:
    """Lock and return the open requests of a reservation's holder, and those made to them."""
    return tuple(
        tx.session.scalars(
            select(MinutesAskRow)
            .where(
                or_(
                    MinutesAskRow.reservation_id == reservation_id,
                    MinutesAskRow.next_reservation_id == reservation_id,
                ),
                MinutesAskRow.state == OfferState.OPEN,
            )
            .order_by(MinutesAskRow.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    )


def withdraw(tx: Tx, row: ReservationRow, actor: Actor, reason: str) -> None:
    """Withdraw what is open about a reservation that changes or is over, and tell the other one.

    Idempotent.
    """
    for asked in open_minutes(tx, row.id):
        late = tx.now >= asked.expires_at
        close(tx, asked, OfferState.EXPIRED if late else OfferState.WITHDRAWN, actor, reason)
        # Kept with the reservation that is locked: a message refers to its row.
        if row.id == asked.next_reservation_id:
            holder = asked.reservation.member.slack_user_id
            outbox.tell_member(tx, holder, row, decided(asked, reason))
        else:
            other = asked.next_reservation
            notice = MinutesOff(
                other.id, asked.id, row.member.slack_user_id, row.id, asked.minutes, reason
            )
            outbox.tell_member(tx, other.member.slack_user_id, row, notice)


def close(tx: Tx, asked: MinutesAskRow, state: OfferState, actor: Actor, reason: str = "") -> None:
    """Record how an open request ended, at both reservations."""
    asked.state, asked.decided_at = state, tx.now
    for number in (asked.reservation_id, asked.next_reservation_id):
        audit.record(
            tx,
            actor,
            f"minutes.{state}",
            ("reservation", number),
            reason=reason,
            ask=asked.id,
            minutes=asked.minutes,
        )
    tx.session.flush()


def decided(asked: MinutesAskRow, reason: str = "") -> MinutesDecided:
    """Return what the one who asked is told."""
    return MinutesDecided(
        asked.reservation_id,
        asked.id,
        asked.next_reservation.member.slack_user_id,
        asked.state,
        asked.minutes,
        asked.reservation.ends_at,
        asked.next_reservation_id,
        reason,
    )
