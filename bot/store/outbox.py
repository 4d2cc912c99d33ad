"""The outbox: messages written with the change they tell of, and sent after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from bot.store import wakeups
from bot.store.tables import CardRow, OutboxRow

PENDING, SENT, DEAD = "pending", "sent", "dead"
LANES_LOOKED_AT = 2000


class DeliveryKind(StrEnum):
    """What a row of the outbox is about."""

    CARD = "card"
    THREAD = "thread"
    DIRECT = "direct"
    PLOT = "plot"


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
    waiting = session.scalar(
        select(OutboxRow).where(
            OutboxRow.state == PENDING,
            OutboxRow.kind == DeliveryKind.CARD,
            OutboxRow.reservation_id == reservation_id,
            OutboxRow.lane == lane,
            OutboxRow.lease_owner.is_(None),
            OutboxRow.tries == 0,
        )
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


def claim_due(
    session: Session, now: datetime, owner: str, lease: timedelta, limit: int
) -> tuple[Delivery, ...]:
    """Take the next message of up to ``limit`` lanes; at most one of a lane is out at any time."""
    rows = session.scalars(
        select(OutboxRow)
        .where(OutboxRow.state == PENDING)
        .order_by(OutboxRow.id)
        .limit(LANES_LOOKED_AT)
        .with_for_update(skip_locked=True)
    )
    taken: list[Delivery] = []
    seen: set[str] = set()
    for row in rows:
        if row.lane in seen or _waits_without_blocking(row, now):
            continue
        seen.add(row.lane)
        if row.not_before > now or (row.lease_until is not None and row.lease_until > now):
            continue
        row.lease_owner, row.lease_until = owner, now + lease
        row.tries += 1
        taken.append(
            Delivery(
                row.id,
                DeliveryKind(row.kind),
                row.lane,
                row.reservation_id,
                row.payload,
                row.tries,
            )
        )
        if len(taken) == limit:
            break
    return tuple(taken)


def _waits_without_blocking(row: OutboxRow, now: datetime) -> bool:
    """Progress that is held back for the sake of Slack's limits lets what follows overtake it."""
    return row.kind == DeliveryKind.CARD and row.tries == 0 and row.not_before > now


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


def next_due(session: Session) -> datetime | None:
    """Return the instant at which the next message may be taken, or None."""
    ready_at = func.coalesce(OutboxRow.lease_until, OutboxRow.not_before)
    return session.scalar(
        select(ready_at).where(OutboxRow.state == PENDING).order_by(ready_at).limit(1)
    )


def card_of(session: Session, reservation_id: int) -> CardRow | None:
    """Return where a reservation's card stands, or None before it was posted."""
    return session.get(CardRow, reservation_id)
