"""From the rows of processes to what is shown of them: where they are, and whose they may be."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import or_, select

from bot.domain.processes import GpuNow, ProcessState, ProcessView, RoguePolicy
from bot.domain.states import ReservationState, RunState
from bot.services.transaction import Tx, reads_only
from bot.store.claims import gpu_on_host
from bot.store.process_tables import GpuProcessRow, UnixUserRow
from bot.store.tables import ClaimRow, GpuRow, MemberRow, ReservationRow

_LAST_HELD_WITHIN = timedelta(days=1)


def gpus_now(tx: Tx, gpus: Sequence[GpuRow]) -> dict[str, GpuNow]:
    """Return who has booked each GPU now, by UUID."""
    claims = tx.session.scalars(
        select(ClaimRow)
        .join(ReservationRow, ReservationRow.id == ClaimRow.reservation_id)
        .where(
            ClaimRow.live,
            ClaimRow.gpu_id.in_([gpu.id for gpu in gpus]),
            ClaimRow.starts_at <= tx.now,
            or_(ClaimRow.ends_at > tx.now, ReservationRow.state == ReservationState.RELEASING),
            ReservationRow.state != ReservationState.ENDED,
        )
    )
    by_gpu = {claim.gpu_id: claim.reservation for claim in claims}
    return {gpu.uuid: _gpu_now(gpu, by_gpu.get(gpu.id)) for gpu in gpus}


def _gpu_now(gpu: GpuRow, held: ReservationRow | None) -> GpuNow:
    name = gpu_on_host(gpu).name
    if held is None:
        return GpuNow(name)
    return GpuNow(
        name,
        reservation_id=held.id,
        holder_member_id=held.member_id,
        holder_slack_id=held.member.slack_user_id,
        until=held.ends_at,
        trains=held.run is not None and not RunState(held.run.state).is_over,
    )


def owners(tx: Tx, users: Collection[str]) -> dict[str, MemberRow]:
    """Return whose Unix users those are, as far as an admin has said so."""
    if not users:
        return {}
    rows = tx.session.scalars(select(UnixUserRow).where(UnixUserRow.name.in_(sorted(users))))
    return {row.name: row.member for row in rows}


def stop_at(tx: Tx, row: GpuProcessRow) -> datetime | None:
    """Return when policy stops a process by itself, None where it does not, or has done so."""
    by_itself = tx.policy.rogue_policy is RoguePolicy.STOP_AFTER_NOTICE
    if not by_itself or row.opened_at is None or row.stop_asked_at is not None:
        return None
    return row.opened_at + tx.policy.rogue_notice


def last_holder(tx: Tx, row: GpuProcessRow) -> MemberRow | None:
    """Return who had one of its GPUs when it began, where that is not long ago."""
    if row.started_at is None or row.reservation_ids:
        return None
    return tx.session.scalar(
        select(MemberRow)
        .join(ReservationRow, ReservationRow.member_id == MemberRow.id)
        .join(ClaimRow, ClaimRow.reservation_id == ReservationRow.id)
        .join(GpuRow, GpuRow.id == ClaimRow.gpu_id)
        .where(
            GpuRow.uuid.in_(row.gpu_uuids),
            ClaimRow.live,
            ClaimRow.starts_at <= row.started_at,
            ClaimRow.ends_at > row.started_at,
            ClaimRow.ends_at > tx.now - _LAST_HELD_WITHIN,
        )
        .order_by(ClaimRow.ends_at.desc())
        .limit(1)
    )


def view_of(tx: Tx, row: GpuProcessRow) -> ProcessView:
    """Return a process as it is shown now."""
    gpus = tx.session.scalars(
        select(GpuRow).where(GpuRow.uuid.in_(row.gpu_uuids)).order_by(GpuRow.index)
    ).all()
    now_on = gpus_now(tx, gpus)
    owner = owners(tx, {row.user}).get(row.user)
    likely = owner or row.adopted_by or last_holder(tx, row)
    return ProcessView(
        process_id=row.id,
        version=row.version,
        state=ProcessState(row.state),
        host_name=row.host.name,
        pid=row.pid,
        user=row.user,
        command=row.command,
        started_at=row.started_at,
        first_seen_at=row.first_seen_at,
        memory_mib=row.memory_mib,
        gpus=tuple(now_on[gpu.uuid] for gpu in gpus),
        likely_slack_id=likely.slack_user_id if likely else "",
        adopted_by_slack_id=row.adopted_by.slack_user_id if row.adopted_by else "",
        denied_by=tuple(row.denied_by),
        stop_at=stop_at(tx, row) if row.state == ProcessState.OPEN else None,
        stop_asked_by=row.stop_asked_by,
        stop_asked_at=row.stop_asked_at,
        stop_outcome=row.stop_outcome,
        gone_at=row.gone_at,
    )


@reads_only
def open_ones(tx: Tx) -> tuple[ProcessView, ...]:
    """Return every process that no booking explains now, the oldest first."""
    rows = tx.session.scalars(
        select(GpuProcessRow)
        .where(GpuProcessRow.state == ProcessState.OPEN)
        .order_by(GpuProcessRow.id)
    )
    return tuple(view_of(tx, row) for row in rows)
