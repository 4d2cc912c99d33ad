"""Hosts and GPUs in and out of service: drained, broken, gone, and back."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from bot.domain.errors import UnknownHostName, UnknownReservation
from bot.domain.maintenance import Effects, Outages
from bot.domain.outage_notices import GpuTrouble, OutageOver
from bot.domain.people import Member
from bot.domain.states import ReservationKind, ReservationState
from bot.domain.views import ReservationView
from bot.services import audit, due, incidents, outages, outbox
from bot.services.audit import Actor
from bot.services.maintenance import PLANNED, find_gpus, require_admin
from bot.services.outages import Cause
from bot.services.transaction import Tx, reads_only
from bot.services.views import reservation_view
from bot.store.claims import all_hosts, gpu_on_host, take_turns
from bot.store.tables import GpuRow, HostRow, ReservationRow

WHY = "broken"
GONE = "its host no longer reports it"


def drain(tx: Tx, member: Member, host_name: str, reason: str) -> bool:
    """Let nothing new onto a host; what is booked there stays. Tell whether that is new.

    Raises:
        AdminsOnly: only admins may.
        UnknownHostName: there is no host of that name.
    """
    require_admin(member, "drain a host")
    take_turns(tx.session)
    host = _host(tx, host_name)
    if host.drained_at is not None:
        return False
    host.drained_at = tx.now
    audit.record(tx, audit.by_member(member), "host.drained", ("host", host.id), reason=reason)
    return True


def undrain(tx: Tx, member: Member, host_name: str) -> bool:
    """Let a host be booked again, and serve those who wait. Tell whether that is new.

    Raises:
        AdminsOnly: only admins may.
        UnknownHostName: there is no host of that name.
    """
    require_admin(member, "undrain a host")
    host = _host(tx, host_name)
    if host.drained_at is None:
        return False
    host.drained_at = None
    audit.record(tx, audit.by_member(member), "host.undrained", ("host", host.id))
    due.arm_serve_waiting(tx)
    return True


def _host(tx: Tx, name: str) -> HostRow:
    hosts = all_hosts(tx.session)
    for host in hosts:
        if host.name.lower() == name.lower():
            return tx.session.get_one(
                HostRow, host.id, with_for_update=True, populate_existing=True
            )
    raise UnknownHostName(name, [host.name for host in hosts])


def mark_broken(tx: Tx, member: Member, names: Sequence[str], reason: str) -> Effects:
    """Take GPUs out of service; what is booked on them is moved, or told. Idempotent.

    Raises:
        AdminsOnly: only admins may.
        UnknownHostName: a name is neither a host nor a GPU.
    """
    require_admin(member, "mark a GPU as broken")
    take_turns(tx.session)
    fresh = [gpu for gpu in find_gpus(tx, names) if gpu.broken_at is None]
    actor = audit.by_member(member)
    for gpu in fresh:
        gpu.broken_at = tx.now
        audit.record(tx, actor, "gpu.broken", ("gpu", gpu.id), reason=reason, uuid=gpu.uuid)
    return _move_away(tx, fresh, actor, reason)


def mark_repaired(tx: Tx, member: Member, names: Sequence[str]) -> int:
    """Take GPUs back into service, tell those who still have them, and serve those who wait.

    Returns how many were out of service.

    Raises:
        AdminsOnly: only admins may.
        UnknownHostName: a name is neither a host nor a GPU.
    """
    require_admin(member, "take a GPU back into service")
    take_turns(tx.session)
    gpus = [gpu for gpu in find_gpus(tx, names) if gpu.broken_at is not None]
    for gpu in gpus:
        gpu.broken_at = None
        audit.record(tx, audit.by_member(member), "gpu.repaired", ("gpu", gpu.id), uuid=gpu.uuid)
    for row in outages.lock_holders(tx, [gpu.id for gpu in gpus]):
        if ReservationState(row.state).is_ahead and row.kind != ReservationKind.MAINTENANCE:
            outbox.tell_holder(
                tx, row, OutageOver(row.id, row.member.slack_user_id, WHY, row.starts_at)
            )
    if gpus:
        due.arm_serve_waiting(tx)
    return len(gpus)


def look_for_gone(tx: Tx, gpu_id: int) -> None:
    """Treat a GPU that its host no longer reports as broken, unless it is back.

    While the host itself is silent nothing is known of the GPU.  The caller has taken a turn.
    """
    gpu = tx.session.get(GpuRow, gpu_id)
    if gpu is None or gpu.present or gpu.broken_at is not None:
        return
    if not gpu.host.online:
        if outages.lock_holders(tx, [gpu_id]):
            due.arm_gpu_gone(tx, gpu_id)
        return
    audit.record(tx, audit.by_agent(gpu.host.name), "gpu.gone", ("gpu", gpu.id), uuid=gpu.uuid)
    _move_away(tx, [gpu], audit.by_agent(gpu.host.name), GONE)
    incidents.gpu_lost(tx, gpu)


def _move_away(tx: Tx, gpus: Sequence[GpuRow], actor: Actor, reason: str) -> Effects:
    tx.session.flush()
    cause = Cause(WHY, reason, actor, frozenset(gpu.id for gpu in gpus))
    moved, asked, warned = [], [], []
    holders = outages.lock_holders(tx, cause.gpu_ids)
    for row in sorted(holders, key=lambda each: (each.starts_at, each.id)):
        if row.kind == ReservationKind.MAINTENANCE:
            continue
        if not ReservationState(row.state).is_ahead:
            _warn(tx, row, cause)
            warned.append(row.id)
        elif outages.move_elsewhere(tx, row, cause):
            moved.append(row.id)
        else:
            outages.ask_for_other_window(tx, row, cause, row.starts_at)
            asked.append(row.id)
    return Effects(moved=tuple(moved), asked=tuple(asked), warned=tuple(warned))


def _warn(tx: Tx, row: ReservationRow, cause: Cause) -> None:
    lost = tuple(gpu.name for gpu in cause.lost_by(row))
    notice = GpuTrouble(row.id, row.member.slack_user_id, cause.detail, lost)
    outbox.tell_holder(tx, row, notice)
    outbox.tell_thread(tx, row, notice)


@reads_only
def maintenance_of(tx: Tx, reservation_id: int) -> ReservationView:
    """Return maintenance by the number of its reservation.

    Raises:
        UnknownReservation: there is none of that number, or it is somebody's work.
    """
    row = tx.session.get(ReservationRow, reservation_id)
    if row is None or row.kind != ReservationKind.MAINTENANCE:
        raise UnknownReservation(reservation_id)
    return reservation_view(row)


@reads_only
def out_of_service(tx: Tx) -> Outages:
    """Return all that is out of service now or later."""
    rows = tx.session.scalars(
        select(ReservationRow)
        .where(
            ReservationRow.kind == ReservationKind.MAINTENANCE, ReservationRow.state.in_(PLANNED)
        )
        .order_by(ReservationRow.starts_at, ReservationRow.id)
    ).all()
    hosts = all_hosts(tx.session)
    gpus = [gpu for host in hosts for gpu in host.gpus]
    return Outages(
        tuple(reservation_view(row) for row in rows),
        tuple(host.name for host in hosts if host.drained_at is not None),
        tuple(gpu_on_host(gpu).name for gpu in gpus if gpu.broken_at is not None),
        tuple(gpu_on_host(gpu).name for gpu in gpus if not gpu.present and gpu.broken_at is None),
    )
