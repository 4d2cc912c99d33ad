"""From the rows of incidents to what is shown of them, and who has what they are about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select

from bot.domain.incidents import Holder, IncidentKind, IncidentState, IncidentView
from bot.services.process_views import gpus_now
from bot.services.transaction import Tx, reads_only
from bot.store.claims import gpu_on_host
from bot.store.incident_tables import IncidentRow
from bot.store.tables import GpuRow

MOST_LISTED = 200
OPEN_STATES = (IncidentState.OPEN, IncidentState.CLEARING)


def place_of(row: IncidentRow) -> str:
    """Return what an incident is about: the GPU by name, or the host."""
    return gpu_on_host(row.gpu).name if row.gpu is not None else row.host.name


def gpus_of(row: IncidentRow) -> Sequence[GpuRow]:
    """Return the GPUs that an incident concerns: one, or all of its host."""
    return (row.gpu,) if row.gpu is not None else tuple(row.host.gpus)


def holders(tx: Tx, gpus: Sequence[GpuRow]) -> tuple[Holder, ...]:
    """Return who has those GPUs now, each reservation once."""
    found = {
        Holder(gpu.holder_slack_id, gpu.reservation_id)
        for gpu in gpus_now(tx, gpus).values()
        if gpu.reservation_id is not None
    }
    return tuple(sorted(found, key=lambda holder: holder.reservation_id))


def view_of(tx: Tx, row: IncidentRow) -> IncidentView:
    """Return an incident as it is shown now."""
    state = IncidentState(row.state)
    return IncidentView(
        incident_id=row.id,
        version=row.version,
        kind=IncidentKind(row.kind),
        # Suspected again is not told: until it opens, what was told before is over.
        state=state if state.is_open else IncidentState.RESOLVED,
        host_name=row.host.name,
        gpu_name=gpu_on_host(row.gpu).name if row.gpu is not None else "",
        gpu_uuid=row.gpu.uuid if row.gpu is not None else "",
        value=row.value,
        worst=row.worst,
        times=row.times,
        opened_at=row.opened_at or row.since,
        resolved_at=row.resolved_at,
        last_seen_at=row.host.last_seen_at,
        holders=holders(tx, gpus_of(row)) if state.is_open else (),
        acknowledged_by_slack_id=row.acknowledged_by.slack_user_id if row.acknowledged_by else "",
        acknowledged_at=row.acknowledged_at,
    )


@reads_only
def open_ones(tx: Tx) -> tuple[IncidentView, ...]:
    """Return the incidents that go on now, the oldest first, `MOST_LISTED` at most."""
    rows = tx.session.scalars(
        select(IncidentRow)
        .where(IncidentRow.state.in_(OPEN_STATES))
        .order_by(IncidentRow.id)
        .limit(MOST_LISTED)
    )
    return tuple(view_of(tx, row) for row in rows)


@reads_only
def history(tx: Tx, days: int) -> tuple[IncidentView, ...]:
    """Return the incidents that opened within so many days, the newest first, bounded."""
    rows = tx.session.scalars(
        select(IncidentRow)
        .where(IncidentRow.opened_at > tx.now - timedelta(days=days))
        .order_by(IncidentRow.opened_at.desc(), IncidentRow.id.desc())
        .limit(MOST_LISTED)
    )
    return tuple(view_of(tx, row) for row in rows)
