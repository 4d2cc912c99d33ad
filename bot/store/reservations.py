"""Reservations under lock.

Whoever changes a reservation, its claims, its run or an attempt of it locks the reservation first,
several in the order of their ids, and only then hosts, timers and messages; whoever claims GPUs
has asked for a turn before all that (`bot.store.claims.take_turns`).  One order for all
keeps PostgreSQL from deadlocks, and what was read under the lock is still true when it is written.
On SQLite, where writers take turns anyway, a lock is an ordinary read.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from bot.domain.continuations import ContinuationState
from bot.store.run_tables import ContinuationRow
from bot.store.tables import AttemptRow, ReservationRow, RunRow


def lock(session: Session, reservation_id: int) -> ReservationRow | None:
    """Lock a reservation until the end of the transaction and return it as it is now."""
    return session.get(ReservationRow, reservation_id, with_for_update=True, populate_existing=True)


def lock_of_attempts(session: Session, attempt_ids: Collection[int]) -> None:
    """Lock the reservations of those attempts until the end of the transaction.

    And with them those in which their runs are to go on: the end of an attempt changes both.
    """
    if not attempt_ids:
        return
    of_attempts = (
        select(RunRow.reservation_id)
        .join(AttemptRow, AttemptRow.run_id == RunRow.id)
        .where(AttemptRow.id.in_(list(attempt_ids)))
    )
    goes_on = (
        select(ContinuationRow.to_reservation_id)
        .join(AttemptRow, AttemptRow.run_id == ContinuationRow.run_id)
        .where(
            AttemptRow.id.in_(list(attempt_ids)),
            ContinuationRow.state == ContinuationState.PLANNED,
        )
    )
    session.scalars(
        select(ReservationRow)
        .where(or_(ReservationRow.id.in_(of_attempts), ReservationRow.id.in_(goes_on)))
        .order_by(ReservationRow.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
