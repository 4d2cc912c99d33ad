"""Timers: rows that are claimed by compare-and-set, so that none is forgotten or doubled."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from bot.store import wakeups
from bot.store.tables import TimerRow


@dataclass(frozen=True, slots=True)
class DueTimer:
    """A timer that the caller holds until its lease ends."""

    timer_id: int
    kind: str
    subject_id: int
    due_at: datetime
    failures: int


def arm(session: Session, kind: str, subject_id: int, due_at: datetime) -> None:
    """Set the timer of that kind and subject, new or again. Idempotent."""
    wakeups.mark(session)
    row = session.scalar(
        select(TimerRow)
        .where(TimerRow.kind == kind, TimerRow.subject_id == subject_id)
        # Whoever marks it done at this moment comes before or after, never in between.
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        session.add(TimerRow(kind=kind, subject_id=subject_id, due_at=due_at))
    else:
        row.due_at = due_at
        row.done_at = row.lease_owner = row.lease_until = None
        row.failures = 0


def is_armed(session: Session, kind: str, subject_id: int) -> bool:
    """Tell whether the timer of that kind and subject is still to fire."""
    query = select(TimerRow.id).where(
        TimerRow.kind == kind, TimerRow.subject_id == subject_id, TimerRow.done_at.is_(None)
    )
    return session.scalar(query) is not None


def is_known(session: Session, kind: str, subject_id: int) -> bool:
    """Tell whether the timer of that kind and subject was ever armed, fired or not."""
    query = select(TimerRow.id).where(TimerRow.kind == kind, TimerRow.subject_id == subject_id)
    return session.scalar(query) is not None


def due_at(session: Session, kind: str, subject_id: int) -> datetime | None:
    """Return when the timer of that kind and subject is to fire, or None."""
    return session.scalar(
        select(TimerRow.due_at).where(
            TimerRow.kind == kind, TimerRow.subject_id == subject_id, TimerRow.done_at.is_(None)
        )
    )


def disarm(session: Session, subject_id: int, kinds: tuple[str, ...], now: datetime) -> None:
    """Mark the subject's timers of those kinds as done. Idempotent."""
    session.execute(
        update(TimerRow)
        .where(
            TimerRow.subject_id == subject_id, TimerRow.kind.in_(kinds), TimerRow.done_at.is_(None)
        )
        .values(done_at=now)
    )


def claim_due(
    session: Session, now: datetime, owner: str, lease: timedelta, limit: int
) -> tuple[DueTimer, ...]:
    """Take up to ``limit`` due timers that nobody else holds, oldest first."""
    free = or_(TimerRow.lease_until.is_(None), TimerRow.lease_until <= now)
    rows = session.scalars(
        select(TimerRow)
        .where(TimerRow.done_at.is_(None), TimerRow.due_at <= now, free)
        .order_by(TimerRow.due_at, TimerRow.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = []
    for row in rows:
        row.lease_owner, row.lease_until = owner, now + lease
        taken.append(DueTimer(row.id, row.kind, row.subject_id, row.due_at, row.failures))
    return tuple(taken)


def finish(session: Session, timer: DueTimer, owner: str, now: datetime) -> bool:
    """Mark a timer done if ``owner`` still holds it for the same due time; tell whether it did.

    To be called in the transaction that does the timer's work: a holder whose lease has passed to
    another changes nothing, because the caller then rolls back.
    """
    result = session.execute(
        update(TimerRow)
        .where(
            TimerRow.id == timer.timer_id,
            TimerRow.lease_owner == owner,
            TimerRow.due_at == timer.due_at,
            TimerRow.done_at.is_(None),
        )
        .values(done_at=now, lease_owner=None, lease_until=None)
    )
    assert isinstance(result, CursorResult)  # noqa: S101 - narrows the type for rowcount
    return result.rowcount == 1


def give_back(session: Session, timer: DueTimer, owner: str, retry_at: datetime) -> None:
    """Let a timer whose work failed be taken again at ``retry_at``."""
    session.execute(
        update(TimerRow)
        .where(TimerRow.id == timer.timer_id, TimerRow.lease_owner == owner)
        .values(lease_owner=None, lease_until=retry_at, failures=TimerRow.failures + 1)
    )


def next_due(session: Session) -> datetime | None:
    """Return the instant at which the next open timer can be taken, or None."""
    waiting_until = func.coalesce(TimerRow.lease_until, TimerRow.due_at)
    return session.scalar(
        select(waiting_until).where(TimerRow.done_at.is_(None)).order_by(waiting_until).limit(1)
    )
