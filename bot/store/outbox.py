"""The outbox: messages written with the change they tell of, and sent after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, not_, or_, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from bot.domain.offers import OfferState
from bot.store import wakeups
from bot.store.message_tables import DirectMessageRow
from bot.store.offer_tables import TransferRow
from bot.store.tables import CardRow, OutboxRow

PENDING, SENT, DEAD = "pending", "sent", "dead"
_TURN = 0x6F7574626F78  # "outbox": on PostgreSQL those who take messages do so one after another


class DeliveryKind(StrEnum):
    """What a row of the outbox is about."""

    CARD = "card"
    THREAD = "thread"
    DIRECT = "direct"
    PLOT = "plot"
    LOG = "log"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that the caller is to send while it holds the lease.

    ``uncertain``: an earlier try may have gone out without being recorded.
    """

    delivery_id: int
    kind: DeliveryKind
    lane: str
    reservation_id: int
    payload: Mapping[str, Any]
    tries: int

    @property
    def uncertain(self) -> bool:
        """Tell whether an earlier try may have gone out."""
        return self.tries > 1


def add(
    session: Session,
    kind: DeliveryKind,
    *,
    lane: str,
    reservation_id: int,
    payload: Mapping[str, Any],
    now: datetime,
) -> None:
    """Put a message at the end of its lane."""
    wakeups.mark(session)
    session.add(
        OutboxRow(
            lane=lane,
            kind=kind,
            reservation_id=reservation_id,
            payload=dict(payload),
            not_before=now,
            created_at=now,
        )
    )


def add_card_refresh(
    session: Session, *, lane: str, reservation_id: int, now: datetime, not_before: datetime
) -> None:
    """Ask for the card to be shown as it is by then; a refresh that still waits serves for both.

    One that is being sent now may show the state of before, so that another is added behind it.
    """
    wakeups.mark(session)
    # Locked until this change is committed: taken before that, it would show the state of before.
    waiting = session.scalar(
        select(OutboxRow)
        .where(
            OutboxRow.state == PENDING,
            OutboxRow.kind == DeliveryKind.CARD,
            OutboxRow.reservation_id == reservation_id,
            OutboxRow.lane == lane,
            OutboxRow.lease_owner.is_(None),
            OutboxRow.tries == 0,
        )
        .order_by(OutboxRow.id)
        .limit(1)
        .with_for_update()
    )
    if waiting is not None:
        waiting.not_before = min(waiting.not_before, not_before)
        return
    session.add(
        OutboxRow(
            lane=lane,
            kind=DeliveryKind.CARD,
            reservation_id=reservation_id,
            payload={},
            not_before=not_before,
            created_at=now,
        )
    )


def lane_before_transfer(session: Session, reservation_id: int) -> str | None:
    """Return the first lane of the card of a reservation that was handed over, else None."""
    handed_over = exists().where(
        TransferRow.reservation_id == reservation_id, TransferRow.state == OfferState.ACCEPTED
    )
    return session.scalar(
        select(OutboxRow.lane)
        .where(
            OutboxRow.reservation_id == reservation_id,
            OutboxRow.kind == DeliveryKind.CARD,
            handed_over,
        )
        .order_by(OutboxRow.id)
        .limit(1)
    )


def _unposted(reservation_id: int) -> tuple[ColumnElement[bool], ...]:
    return (
        OutboxRow.state == PENDING,
        OutboxRow.kind == DeliveryKind.CARD,
        OutboxRow.reservation_id == reservation_id,
        OutboxRow.lease_owner.is_(None),
        OutboxRow.tries == 0,
    )


def put_off_card(session: Session, reservation_id: int, not_before: datetime) -> None:
    """Let a card that still waits to be shown wait until then."""
    session.flush()
    session.execute(
        update(OutboxRow).where(*_unposted(reservation_id)).values(not_before=not_before)
    )


def drop_card_refresh(session: Session, reservation_id: int, now: datetime) -> None:
    """Let a card that still waits to be shown never be shown."""
    session.flush()
    session.execute(
        update(OutboxRow).where(*_unposted(reservation_id)).values(state=DEAD, closed_at=now)
    )


def needs_its_card(session: Session, reservation_id: int) -> bool:
    """Tell whether a card may be on its way to Slack, or something waits to be said below it.

    Such a card cannot be dropped: a message for a thread that never is would hold up its lane.
    """
    session.flush()
    waiting = select(OutboxRow.id).where(
        OutboxRow.state == PENDING,
        OutboxRow.reservation_id == reservation_id,
        or_(
            and_(OutboxRow.kind == DeliveryKind.CARD, OutboxRow.tries > 0),
            OutboxRow.kind.not_in((DeliveryKind.CARD, DeliveryKind.DIRECT)),
        ),
    )
    return session.scalar(waiting.limit(1)) is not None


def claim_due(
    session: Session, now: datetime, owner: str, lease: timedelta, limit: int
) -> tuple[Delivery, ...]:
    """Take the next message of up to ``limit`` lanes; at most one of a lane is out at any time.

    A message that a transaction in progress is changing is left for the next time, and its lane
    with it.  A message of its own (`bot.store.direct_messages`) that is older goes first.
    """
    take_turns(session)
    free = or_(OutboxRow.lease_until.is_(None), OutboxRow.lease_until <= now)
    ready = session.scalars(
        select(OutboxRow.id)
        .where(
            OutboxRow.id.in_(first_of_each_lane(now)),
            OutboxRow.not_before <= now,
            free,
            not_(_direct_message_first(now)),
        )
        .order_by(OutboxRow.id)
        .limit(limit)
    ).all()
    rows = session.scalars(
        select(OutboxRow)
        .where(OutboxRow.id.in_(ready), OutboxRow.state == PENDING)
        .order_by(OutboxRow.id)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
    return tuple(_take(row, owner, now + lease) for row in rows)


def _take(row: OutboxRow, owner: str, until: datetime) -> Delivery:
    row.lease_owner, row.lease_until = owner, until
    row.tries += 1
    return Delivery(
        row.id, DeliveryKind(row.kind), row.lane, row.reservation_id, row.payload, row.tries
    )


def take_turns(session: Session) -> None:
    """Let no two claimers look at the same time: each must see what the one before has taken."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(_TURN)))


def _held_back(now: datetime) -> ColumnElement[bool]:
    """Progress that is held back for the sake of Slack's limits; what follows overtakes it."""
    return and_(
        OutboxRow.kind == DeliveryKind.CARD, OutboxRow.tries == 0, OutboxRow.not_before > now
    )


def _direct_message_first(now: datetime) -> ColumnElement[bool]:
    """Tell whether a message of its own in the same lane is older, or is out at this moment."""
    return exists().where(
        DirectMessageRow.state == PENDING,
        DirectMessageRow.lane == OutboxRow.lane,
        or_(DirectMessageRow.created_at < OutboxRow.created_at, DirectMessageRow.lease_until > now),
    )


def first_of_each_lane(now: datetime) -> Select[int]:
    """Return the ids of the messages that come first in their lanes."""
    return (
        select(func.min(OutboxRow.id))
        .where(OutboxRow.state == PENDING, not_(_held_back(now)))
        .group_by(OutboxRow.lane)
    )


def close(
    session: Session, delivery_id: int, owner: str, state: str, now: datetime, error: str = ""
) -> bool:
    """Record the end of a delivery if ``owner`` still holds it; tell whether it did."""
    result = session.execute(
        update(OutboxRow)
        .where(
            OutboxRow.id == delivery_id,
            OutboxRow.lease_owner == owner,
            OutboxRow.state == PENDING,
        )
        .values(
            state=state, closed_at=now, lease_owner=None, lease_until=None, last_error=error[:1000]
        )
    )
    assert isinstance(result, CursorResult)  # noqa: S101 - narrows the type for rowcount
    return result.rowcount == 1


def put_back(
    session: Session, delivery_id: int, owner: str, not_before: datetime, error: str
) -> None:
    """Let a delivery that failed for now be tried again from ``not_before`` on."""
    session.execute(
        update(OutboxRow)
        .where(OutboxRow.id == delivery_id, OutboxRow.lease_owner == owner)
        .values(lease_owner=None, lease_until=None, not_before=not_before, last_error=error[:1000])
    )


def next_due(session: Session, now: datetime) -> datetime | None:
    """Return the instant at which the next message may be taken, or None.

    Only the first of a lane counts: those behind it wait for it, whatever their own time.
    """
    ready_at = func.coalesce(OutboxRow.lease_until, OutboxRow.not_before)
    return session.scalar(
        select(ready_at)
        .where(
            OutboxRow.state == PENDING,
            or_(OutboxRow.id.in_(first_of_each_lane(now)), _held_back(now)),
            not_(_direct_message_first(now)),
        )
        .order_by(ready_at)
        .limit(1)
    )


def card_of(session: Session, reservation_id: int) -> CardRow | None:
    """Return where a reservation's card stands, or None before it was posted."""
    return session.get(CardRow, reservation_id)
