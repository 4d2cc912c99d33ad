"""Messages that belong to no reservation, in the lanes of the outbox.

Of the first of both in a lane the older one goes first, and while one of a lane is out nothing else
of it is taken.  What comes first here is the oldest, not the lowest id, so that neither ever waits
for one that waits for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, not_, or_, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session, aliased

from bot.store import wakeups
from bot.store.message_tables import DirectMessageRow
from bot.store.outbox import PENDING, first_of_each_lane, take_turns
from bot.store.tables import OutboxRow


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that the caller is to send while it holds the lease."""

    message_id: int
    lane: str
    payload: Mapping[str, Any]
    tries: int


def add(session: Session, *, lane: str, payload: Mapping[str, Any], now: datetime) -> None:
    """Put a message at the end of its lane."""
    wakeups.mark(session)
    session.add(DirectMessageRow(lane=lane, payload=dict(payload), not_before=now, created_at=now))


def claim_due(
    session: Session, now: datetime, owner: str, lease: timedelta, limit: int
) -> tuple[Claimed, ...]:
    """Take the next message of up to ``limit`` lanes; at most one of a lane is out at any time."""
    take_turns(session)
    free = or_(DirectMessageRow.lease_until.is_(None), DirectMessageRow.lease_until <= now)
    rows = session.scalars(
        select(DirectMessageRow)
        .where(_is_next(now), DirectMessageRow.not_before <= now, free)
        .order_by(DirectMessageRow.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
    return tuple(_take(row, owner, now + lease) for row in rows)


def _take(row: DirectMessageRow, owner: str, until: datetime) -> Claimed:
    row.lease_owner, row.lease_until = owner, until
    row.tries += 1
    return Claimed(row.id, row.lane, row.payload, row.tries)


def _is_next(now: datetime) -> ColumnElement[bool]:
    """Tell whether a message is the first in its lane, here and among those of the outbox."""
    other, rival = aliased(DirectMessageRow), aliased(OutboxRow)
    older_here = exists().where(
        other.state == PENDING,
        other.lane == DirectMessageRow.lane,
        or_(
            other.created_at < DirectMessageRow.created_at,
            and_(other.created_at == DirectMessageRow.created_at, other.id < DirectMessageRow.id),
        ),
    )
    first_there = exists().where(
        rival.state == PENDING,
        rival.lane == DirectMessageRow.lane,
        or_(
            and_(
                rival.id.in_(first_of_each_lane(now)),
                rival.created_at <= DirectMessageRow.created_at,
            ),
            rival.lease_until > now,
        ),
    )
    return and_(DirectMessageRow.state == PENDING, not_(older_here), not_(first_there))


def close(
    session: Session, message_id: int, owner: str, state: str, now: datetime, error: str = ""
) -> bool:
    """Record the end of a message if ``owner`` still holds it; tell whether it did."""
    result = session.execute(
        update(DirectMessageRow)
        .where(
            DirectMessageRow.id == message_id,
            DirectMessageRow.lease_owner == owner,
            DirectMessageRow.state == PENDING,
        )
        .values(
            state=state, closed_at=now, lease_owner=None, lease_until=None, last_error=error[:1000]
        )
    )
    assert isinstance(result, CursorResult)  # noqa: S101 - narrows the type for rowcount
    return result.rowcount == 1


def put_back(
    session: Session, message_id: int, owner: str, not_before: datetime, error: str
) -> None:
    """Let a message that failed for now be tried again from ``not_before`` on."""
    session.execute(
        update(DirectMessageRow)
        .where(DirectMessageRow.id == message_id, DirectMessageRow.lease_owner == owner)
        .values(lease_owner=None, lease_until=None, not_before=not_before, last_error=error[:1000])
    )


def next_due(session: Session, now: datetime) -> datetime | None:
    """Return the instant at which the next message may be taken, or None.

    Those that wait for one of the outbox do not count: that one does.
    """
    ready_at = func.coalesce(DirectMessageRow.lease_until, DirectMessageRow.not_before)
    return session.scalar(select(ready_at).where(_is_next(now)).order_by(ready_at).limit(1))
