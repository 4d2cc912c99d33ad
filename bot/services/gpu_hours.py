"""How long each GPU was really used, hour by hour: added up as its readings come in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from bot.services.transaction import Tx
from bot.store.seeing_tables import GpuHourRow

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Measured:
    """What a reading says of the time since the one before it."""

    gpu_id: int
    since: datetime
    until: datetime
    process: bool
    busy: bool


def add(tx: Tx, measured: Sequence[Measured]) -> None:
    """Add to the hours of those GPUs. The caller has locked their host, so nobody else does."""
    pieces = [(one, *piece) for one in measured for piece in by_hour(one.since, one.until)]
    if not pieces:
        return
    hours = {hour for _, hour, _ in pieces}
    rows = {
        (row.gpu_id, row.hour): row
        for row in tx.session.scalars(
            select(GpuHourRow).where(
                GpuHourRow.gpu_id.in_([one.gpu_id for one in measured]),
                GpuHourRow.hour.in_(list(hours)),
            )
        )
    }
    for one, hour, span in pieces:
        row = rows.get((one.gpu_id, hour))
        if row is None:
            row = GpuHourRow(gpu_id=one.gpu_id, hour=hour, read_s=0.0, process_s=0.0, busy_s=0.0)
            rows[one.gpu_id, hour] = row
            tx.session.add(row)
        row.read_s += span.total_seconds()
        row.process_s += span.total_seconds() if one.process else 0.0
        row.busy_s += span.total_seconds() if one.busy else 0.0


def by_hour(start: datetime, end: datetime) -> Iterator[tuple[datetime, timedelta]]:
    """Yield each hour of UTC that a span touches, and how much of it the span has."""
    while start < end:
        hour = start.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        stop = min(end, hour + HOUR)
        yield hour, stop - start
        start = stop
