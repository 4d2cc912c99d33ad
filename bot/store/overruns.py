"""Queries over overruns: who goes over, and who waits for it."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.store.overrun_tables import OverrunDelayRow, OverrunRow


def open_of(session: Session, reservation_id: int) -> OverrunRow | None:
    """Return the overrun of a reservation that goes on, or None."""
    return session.scalar(
        select(OverrunRow).where(
            OverrunRow.reservation_id == reservation_id, OverrunRow.ended_at.is_(None)
        )
    )


def unsettled(session: Session, reservation_id: int) -> tuple[OverrunDelayRow, ...]:
    """Return what waits, or has waited, for overruns of a reservation, and is not settled yet."""
    rows = session.scalars(
        select(OverrunDelayRow)
        .join(OverrunRow, OverrunRow.id == OverrunDelayRow.overrun_id)
        .where(OverrunRow.reservation_id == reservation_id, OverrunDelayRow.settled_at.is_(None))
        .order_by(OverrunDelayRow.reservation_id)
    )
    return tuple(rows)


def have_waited(session: Session, reservation_ids: Collection[int]) -> frozenset[int]:
    """Return which of those reservations have waited for an overrun already."""
    return frozenset(
        session.scalars(
            select(OverrunDelayRow.reservation_id).where(
                OverrunDelayRow.reservation_id.in_(list(reservation_ids))
            )
        )
    )
