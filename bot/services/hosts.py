"""Hosts: what their agents say of themselves, and what is wanted of them."""

from __future__ import annotations

from sqlalchemy import select

from bot.domain.errors import IncompatibleAgent, UnknownHost
from bot.domain.notices import HostBack, HostSilent
from bot.domain.states import ReservationState
from bot.protocol.messages import (
    AttemptState,
    DesiredState,
    GpuInventory,
    RegisterRequest,
    RegisterResponse,
    Report,
    ReportResponse,
)
from bot.protocol.version import OLDEST_COMPATIBLE_VERSION, PROTOCOL_VERSION, is_compatible
from bot.services import audit, due, gpu_use, incidents, outbox, processes, runs
from bot.services.transaction import Tx, reads_only
from bot.store import reservations
from bot.store.tables import AttemptRow, GpuRow, HostRow


def register(tx: Tx, request: RegisterRequest) -> RegisterResponse:
    """Take in a host with its GPUs, new or again. Idempotent.

    A GPU is known by its UUID and moves with the card; one that is no longer reported stays on
    record, absent, because claims may refer to it.

    Raises:
        IncompatibleAgent: the agent is too old for this release.
    """
    if not is_compatible(request.protocol_version):
        raise IncompatibleAgent(request.protocol_version, OLDEST_COMPATIBLE_VERSION)
    host = tx.session.scalar(
        select(HostRow).where(HostRow.name == request.host_name).with_for_update()
    )
    is_new = host is None
    if host is None:
        host = HostRow(
            name=request.host_name,
            online=True,
            agent_version=request.agent_version,
            protocol_version=request.protocol_version,
            registered_at=tx.now,
            last_seen_at=tx.now,
        )
        tx.session.add(host)
        tx.session.flush()
        audit.record(
            tx,
            audit.by_agent(host.name),
            "host.registered",
            ("host", host.id),
            gpus=[gpu.uuid for gpu in request.gpus],
        )
    due.arm_serve_waiting(tx)  # its GPUs may be new, or back
    host.agent_version, host.protocol_version = request.agent_version, request.protocol_version
    if _take_inventory(tx, host, request.gpus) and not is_new:
        audit.record(
            tx,
            audit.by_agent(host.name),
            "host.inventory_changed",
            ("host", host.id),
            gpus=[gpu.uuid for gpu in request.gpus],
        )
    _seen(tx, host)
    return RegisterResponse(
        host_id=host.id,
        protocol_version=PROTOCOL_VERSION,
        heartbeat_s=tx.policy.heartbeat.total_seconds(),
        server_time=tx.now,
    )


def _take_inventory(tx: Tx, host: HostRow, inventory: tuple[GpuInventory, ...]) -> bool:
    """Bring the host's GPUs up to date, and tell whether anything changed."""
    reported = {gpu.uuid: gpu for gpu in inventory}
    known = {
        row.uuid: row
        for row in tx.session.scalars(
            select(GpuRow).where((GpuRow.host_id == host.id) | GpuRow.uuid.in_(list(reported)))
        )
    }
    for uuid, row in known.items():
        if row.present and uuid not in reported:
            due.arm_gpu_gone(tx, row.id)
        row.present = uuid in reported
    for uuid, gpu in reported.items():
        fields = {
            "host_id": host.id,
            "index": gpu.index,
            "model": gpu.model,
            "memory_mib": gpu.memory_mib,
            "simulated": gpu.simulated,
        }
        if uuid in known:
            for name, value in fields.items():
                setattr(known[uuid], name, value)
        else:
            tx.session.add(GpuRow(uuid=uuid, present=True, **fields))
    return bool(tx.session.new) or any(tx.session.is_modified(row) for row in known.values())


def _seen(tx: Tx, host: HostRow) -> None:
    was_online, host.online, host.last_seen_at = host.online, True, tx.now
    due.arm_host_lost(tx, host.id)
    if was_online:
        return
    audit.record(tx, audit.by_agent(host.name), "host.back", ("host", host.id))
    due.arm_serve_waiting(tx)
    for attempt in _live_attempts(tx, host.id):
        reservation = attempt.run.reservation
        outbox.show(tx, reservation)
        outbox.tell_thread(tx, reservation, HostBack(reservation.id, host.name))


@reads_only
def desired_state(tx: Tx, host_id: int) -> DesiredState:
    """Return all that should be on a host now, with the revision it belongs to.

    Raises:
        UnknownHost: no host of that number has registered.
    """
    host = tx.session.get(HostRow, host_id)
    if host is None:
        raise UnknownHost(host_id)
    return DesiredState(
        host_id=host_id,
        revision=host.desired_revision,
        server_time=tx.now,
        attempts=runs.desired_attempts(tx, host_id),
        stop_processes=processes.to_stop(tx, host_id),
    )


@reads_only
def desired_revisions(tx: Tx) -> dict[int, int]:
    """Return the current revision of every host, for the long polls that wait for a change."""
    rows = tx.session.execute(select(HostRow.id, HostRow.desired_revision))
    return {row.id: row.desired_revision for row in rows}


def take_report(tx: Tx, report: Report) -> ReportResponse:
    """Take in what an agent observes, and say what is stored of it. Idempotent.

    Raises:
        UnknownHost: no host of that number has registered.
    """
    reservations.lock_of_attempts(tx.session, [seen.attempt_id for seen in report.observations])
    host = tx.session.get(HostRow, report.host_id, with_for_update=True)
    if host is None:
        raise UnknownHost(report.host_id)
    _seen(tx, host)
    gpu_use.take_readings(tx, host, report)
    processes.take(tx, host, report)
    incidents.take(tx, host, report)
    receipts = tuple(runs.take_observation(tx, host.id, seen) for seen in report.observations)
    tx.session.flush()
    tx.session.refresh(host)
    return ReportResponse(revision=host.desired_revision, receipts=receipts)


def lock(tx: Tx, host_id: int) -> None:
    """Lock a host, and before it the reservations that run on it (`bot.store.reservations`)."""
    reservations.lock_of_attempts(tx.session, [each.id for each in _live_attempts(tx, host_id)])
    tx.session.get(HostRow, host_id, with_for_update=True, populate_existing=True)


def look_for_lost(tx: Tx, host_id: int) -> None:
    """Note that a host has been silent for too long; nothing is killed for that.

    Its runs may well go on, and the agent stops them in time by itself.  Only a run whose claim
    has passed meanwhile is given up.  The caller has locked the host.
    """
    host = tx.session.get(HostRow, host_id)
    if host is None:
        return
    if tx.now - host.last_seen_at < tx.policy.host_lost_after:
        due.arm_host_lost(tx, host_id)
        return
    if host.online:
        host.online = False
        audit.record(
            tx, audit.CLOCKWORK, "host.silent", ("host", host.id), last_seen_at=host.last_seen_at
        )
        for attempt in _live_attempts(tx, host_id):
            reservation = attempt.run.reservation
            outbox.show(tx, reservation)
            outbox.tell_thread(
                tx, reservation, HostSilent(reservation.id, host.name, host.last_seen_at)
            )
        incidents.host_lost(tx, host)
    for attempt in _live_attempts(tx, host_id):
        reservation = attempt.run.reservation
        given_back = reservation.state == ReservationState.RELEASING
        if given_back and reservation.ends_at <= tx.now:
            runs.lose(tx, attempt)


def _live_attempts(tx: Tx, host_id: int) -> list[AttemptRow]:
    return list(
        tx.session.scalars(
            select(AttemptRow).where(
                AttemptRow.host_id == host_id, AttemptRow.state != AttemptState.ENDED
            )
        )
    )
