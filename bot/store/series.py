"""Queries over series, their days, and the reservations that belong to them.

A series is locked after reservations and before timers and messages.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.store.offer_tables import SeriesExceptionRow, SeriesRow
from bot.store.tables import ReservationRow


def day_key(series_id: int, on_date: str) -> str:
    """Return the ``request_key`` of the occurrence of that day: it is booked only once."""
    return f"series:{series_id}:{on_date}"


def id_of_key(request_key: str | None) -> int | None:
    """Return the series of which a ``request_key`` names an occurrence, or None."""
    word, _, rest = (request_key or "").partition(":")
    number = rest.partition(":")[0]
    return int(number) if word == "series" and number.isdecimal() else None


def day_of(row: ReservationRow) -> str | None:
    """Return the local day, as ISO text, of an occurrence; None for any other reservation."""
    start = f"series:{row.series_id}:"
    key = row.request_key or ""
    return key.removeprefix(start) if row.series_id is not None and key.startswith(start) else None


def lock(session: Session, series_id: int) -> SeriesRow | None:
    """Lock a series until the end of the transaction and return it as it is now."""
    # Not against rows that only refer to it: whoever cancels one occurrence need not wait.
    return session.get(
        SeriesRow, series_id, with_for_update={"key_share": True}, populate_existing=True
    )


def of_key(session: Session, member_id: int, request_key: str | None) -> SeriesRow | None:
    """Return the series that this very asking has made already, if it has."""
    if request_key is None:
        return None
    return session.scalar(
        select(SeriesRow).where(
            SeriesRow.member_id == member_id, SeriesRow.request_key == request_key
        )
    )


def of_member(session: Session, member_id: int, state: str) -> tuple[SeriesRow, ...]:
    """Return a member's series in that state, oldest first."""
    return tuple(
        session.scalars(
            select(SeriesRow)
            .where(SeriesRow.member_id == member_id, SeriesRow.state == state)
            .order_by(SeriesRow.id)
        )
    )


def decided_days(session: Session, series_id: int) -> frozenset[str]:
    """Return the days that are booked, were booked once, or are left out."""
    booked = session.scalars(
        select(ReservationRow).where(ReservationRow.series_id == series_id)
    ).all()
    left_out = session.scalars(
        select(SeriesExceptionRow.on_date).where(SeriesExceptionRow.series_id == series_id)
    )
    return frozenset([day for row in booked if (day := day_of(row))]) | frozenset(left_out)


def exceptions(session: Session, series_id: int, since: str) -> tuple[SeriesExceptionRow, ...]:
    """Return the days that are left out, from ``since`` (ISO) on, in order."""
    return tuple(
        session.scalars(
            select(SeriesExceptionRow)
            .where(SeriesExceptionRow.series_id == series_id, SeriesExceptionRow.on_date >= since)
            .order_by(SeriesExceptionRow.on_date)
        )
    )


def leave_out(session: Session, series_id: int, on_date: str, reason: str, now: datetime) -> None:
    """Record why a day has no reservation. Idempotent: the first reason stays."""
    known = session.scalar(
        select(SeriesExceptionRow.id).where(
            SeriesExceptionRow.series_id == series_id, SeriesExceptionRow.on_date == on_date
        )
    )
    if known is None:
        session.add(
            SeriesExceptionRow(series_id=series_id, on_date=on_date, reason=reason, created_at=now)
        )


def reservations_of(
    session: Session, series_id: int, states: Collection[str]
) -> tuple[ReservationRow, ...]:
    """Return the reservations of a series in those states, by start."""
    return tuple(
        session.scalars(
            select(ReservationRow)
            .where(ReservationRow.series_id == series_id, ReservationRow.state.in_(list(states)))
            .order_by(ReservationRow.starts_at, ReservationRow.id)
        )
    )


def newest_reservation(session: Session, series_id: int) -> ReservationRow | None:
    """Return the reservation of a series that was written last."""
    return session.scalar(
        select(ReservationRow)
        .where(ReservationRow.series_id == series_id)
        .order_by(ReservationRow.id.desc())
        .limit(1)
    )
