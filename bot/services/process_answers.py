"""What people say to a process that no booking explains: mine, not mine, stop it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select

from bot.domain.errors import CannotAdopt, ProcessSettled, UnknownGpu, UnknownProcess
from bot.domain.holdings import GpuOnHost
from bot.domain.people import Member
from bot.domain.processes import GpuNow, ProcessState, ProcessView
from bot.domain.requests import ReserveRequest
from bot.domain.states import ReservationState
from bot.domain.time_window import TimeWindow
from bot.services import approvals, audit, holding, outbox, placing, process_views, processes, roles
from bot.services.maintenance import require_admin
from bot.services.transaction import Tx
from bot.store.claims import holdings_in, load_calendar, take_turns
from bot.store.process_tables import GpuProcessRow
from bot.store.tables import GpuRow, HostRow, ReservationRow

SHORTEST = timedelta(minutes=15)
"""Less is left of a slot: the next one is booked with it."""

STOP = "stop a process"


@dataclass(frozen=True, slots=True)
class Adopted:
    """A process that is somebody's now, and the reservation that was made for it, if one was."""

    view: ProcessView
    reservation_id: int | None


def adopt(tx: Tx, member: Member, process_id: int) -> Adopted:
    """Take a process on as the member's own. Doing so again changes nothing.

    GPUs of it that are free are booked for the rest of the slot, all or none; on the member's own
    booking it counts as part of that.

    Raises:
        UnknownProcess: there is none of that number.
        ProcessSettled: it is gone, or belongs to a booking by now.
        NotPermitted: viewers may not book.
        CannotAdopt: one of its GPUs is somebody else's, now or before the end of the slot.
        UnknownGpu: one of its GPUs is out of service.
        ClaimOverlap: another booking won the race every time.
    """
    take_turns(tx.session)
    roles.require_may_book(member)
    row = _lock(tx, process_id)
    if row.state == ProcessState.ADOPTED and row.adopted_by_member_id == member.member_id:
        return Adopted(process_views.view_of(tx, row), None)
    _require_open(row)
    gpus = _gpus(tx, row)
    now_on = process_views.gpus_now(tx, gpus)
    for gpu in now_on.values():
        if gpu.reservation_id is not None and gpu.holder_member_id != member.member_id:
            raise _taken(gpu)
    free = [gpu for gpu in gpus if now_on[gpu.uuid].reservation_id is None]
    booked = _book(tx, member, row, free) if free else None
    row.state, row.adopted_by_member_id = ProcessState.ADOPTED, member.member_id
    audit.record(
        tx,
        audit.by_member(member),
        "process.adopted",
        ("process", row.id),
        pid=row.pid,
        user=row.user,
        reservation_id=booked.id if booked else None,
    )
    processes.changed(tx, row)
    tx.session.refresh(row)
    return Adopted(process_views.view_of(tx, row), booked.id if booked else None)


def _taken(gpu: GpuNow) -> CannotAdopt:
    assert gpu.reservation_id is not None and gpu.until is not None  # noqa: S101, PT018 - narrows the types
    return CannotAdopt(gpu.name, gpu.reservation_id, gpu.holder_slack_id, gpu.until)


def _book(tx: Tx, member: Member, row: GpuProcessRow, free: list[GpuRow]) -> ReservationRow:
    """Book GPUs from now to the end of the slot, for a process that is on them already."""
    grid = tx.policy.grid
    end = grid.floor(tx.now) + grid.slot
    if end - tx.now < SHORTEST:
        end += grid.slot
    window = TimeWindow(tx.now, end)
    calendar = load_calendar(tx.session, window.start, placing.last_end(tx))
    wanted = {gpu.id for gpu in free}
    usable = [gpu for gpu in calendar.gpus if gpu.gpu_id in wanted]
    if len(usable) < len(wanted):
        missing = next(gpu for gpu in free if gpu.id not in {one.gpu_id for one in usable})
        raise UnknownGpu(f"gpu{missing.index}@{missing.host.name}", [one.name for one in usable])
    _require_free(tx, window, usable, {gpu.gpu_id for gpu in calendar.free(window)})
    note = f"adopted: {row.user} {row.command}".strip()[:200]
    request = ReserveRequest(
        length=window.length, gpu_names=tuple(gpu.name for gpu in usable), note=note
    )
    gpus = sorted(usable, key=lambda gpu: gpu.gpu_id)
    held = holding.hold(tx, member, request, window, gpus, state=ReservationState.PENDING)
    outbox.show(tx, held)
    approvals.book_or_ask(tx, member, held)
    audit.record(
        tx,
        audit.by_member(member),
        "reservation.booked" if held.state == ReservationState.BOOKED else "reservation.asked",
        ("reservation", held.id),
        reason=note,
        starts_at=held.starts_at,
        ends_at=held.ends_at,
        gpus=[gpu.name for gpu in gpus],
        process=row.id,
    )
    return held


def _require_free(tx: Tx, window: TimeWindow, wanted: list[GpuOnHost], free_ids: set[int]) -> None:
    for gpu in wanted:
        if gpu.gpu_id in free_ids:
            continue
        first = next(iter(holdings_in(tx.session, window, [gpu.gpu_id])))
        raise CannotAdopt(gpu.name, first.reservation_id, first.holder_slack_id, first.window.end)


def deny(tx: Tx, member: Member, process_id: int) -> ProcessView:
    """Note that a process is not the member's. Doing so again changes nothing.

    Raises:
        UnknownProcess: there is none of that number.
        ProcessSettled: it is gone, or belongs to a booking by now.
    """
    row = _lock(tx, process_id)
    _require_open(row)
    if member.slack_user_id not in row.denied_by:
        row.denied_by = [*row.denied_by, member.slack_user_id]
        audit.record(tx, audit.by_member(member), "process.denied", ("process", row.id))
        processes.changed(tx, row)
    return process_views.view_of(tx, row)


def stop(tx: Tx, member: Member, process_id: int) -> ProcessView:
    """Let the host's agent send SIGTERM to a process; asking again while it works changes nothing.

    Raises:
        AdminsOnly: only admins may.
        UnknownProcess: there is none of that number.
        ProcessSettled: it is gone, belongs to a booking by now, or its host cannot tell when it
            began, so that it could be mistaken for another.
    """
    require_admin(member, STOP)
    found = tx.session.get(GpuProcessRow, process_id)
    if found is None:
        raise UnknownProcess(process_id)
    # As reports do: the host first, then its processes.
    tx.session.get(HostRow, found.host_id, with_for_update=True)
    row = _lock(tx, process_id)
    _require_open(row)
    if row.started_at is None:
        raise ProcessSettled(process_id, "unknown_start")
    if row.stop_asked_at is None or row.stop_outcome:
        processes.ask_to_stop(tx, row, member.slack_user_id, audit.by_member(member))
    return process_views.view_of(tx, row)


def _lock(tx: Tx, process_id: int) -> GpuProcessRow:
    row = tx.session.get(GpuProcessRow, process_id, with_for_update=True, populate_existing=True)
    if row is None or row.state == ProcessState.SEEN:
        raise UnknownProcess(process_id)
    return row


def _require_open(row: GpuProcessRow) -> None:
    if row.state != ProcessState.OPEN:
        raise ProcessSettled(row.id, row.state)


def _gpus(tx: Tx, row: GpuProcessRow) -> list[GpuRow]:
    return list(
        tx.session.scalars(select(GpuRow).where(GpuRow.uuid.in_(row.gpu_uuids)).order_by(GpuRow.id))
    )
