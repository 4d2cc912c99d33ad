"""Queries over continuations: where runs go on, and where they came from."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.domain.continuations import ContinuationState
from bot.store.run_tables import ContinuationRow


def planned_from(session: Session, reservation_id: int) -> ContinuationRow | None:
    """Return the continuation planned for the run of a reservation, read anew, or None."""
    return session.scalar(
        select(ContinuationRow)
        .where(
            ContinuationRow.from_reservation_id == reservation_id,
            ContinuationRow.state == ContinuationState.PLANNED,
        )
        .execution_options(populate_existing=True)
    )


def leading_to(session: Session, reservation_id: int) -> ContinuationRow | None:
    """Return the continuation that leads to a reservation, whatever its state, or None."""
    return session.scalar(
        select(ContinuationRow)
        .where(ContinuationRow.to_reservation_id == reservation_id)
        .execution_options(populate_existing=True)
    )


def planned_to(session: Session, reservation_id: int) -> ContinuationRow | None:
    """Return the continuation that is planned to lead to a reservation, or None."""
    row = leading_to(session, reservation_id)
    return row if row is not None and row.state == ContinuationState.PLANNED else None


def taken_from(session: Session, reservation_id: int) -> ContinuationRow | None:
    """Return the continuation by which the run of a reservation has left it, or None."""
    return session.scalar(
        select(ContinuationRow)
        .where(
            ContinuationRow.from_reservation_id == reservation_id,
            ContinuationRow.state == ContinuationState.TAKEN,
        )
        .order_by(ContinuationRow.id.desc())
        .limit(1)
    )


def sources_of(session: Session, reservation_id: int) -> tuple[int, ...]:
    """Return the reservations through which the run of a reservation has come, the first first."""
    found: list[int] = []
    while True:
        link = leading_to(session, reservation_id)
        if link is None or link.state != ContinuationState.TAKEN:
            return tuple(reversed(found))
        reservation_id = link.from_reservation_id
        found.append(reservation_id)


def home_of(session: Session, reservation_id: int) -> int:
    """Return the reservation in which a run that was in ``reservation_id`` is by now.

    It is the reservation itself unless its run has gone on elsewhere.  The card stands there.
    """
    seen = {reservation_id}
    while (link := taken_from(session, reservation_id)) is not None:
        reservation_id = link.to_reservation_id
        if reservation_id in seen:
            break
        seen.add(reservation_id)
    return reservation_id
