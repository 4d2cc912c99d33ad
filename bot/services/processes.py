"""Processes on GPUs that no booking explains: noticed, told, settled by themselves when gone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import or_, select

from bot.domain.processes import GpuNow, ProcessState, is_foreign
from bot.protocol.messages import GpuProcess, GpuReading, ProcessStopped, ProcessToStop, Report
from bot.services import audit, process_cards, process_views, stopping
from bot.services.transaction import Tx
from bot.store.process_tables import GpuProcessRow
from bot.store.tables import HostRow, MemberRow, ReservationRow

BY_POLICY = "policy"
_NOTED_EVERY = timedelta(minutes=1)
_BACK_WITHIN = timedelta(hours=1)
"""A process that was away for less is the one that was told of before."""

_KEPT = (ProcessState.SEEN, ProcessState.OPEN, ProcessState.ADOPTED, ProcessState.COVERED)
_SAME_START = timedelta(seconds=3)
"""Starts are reckoned from ticks since boot: two readings of one process may differ a little."""


@dataclass(slots=True)
class _Seen:
    """One process, as the readings of all its GPUs add up."""

    process: GpuProcess
    uuids: list[str] = field(default_factory=list)
    memory_mib: float | None = None


def take(tx: Tx, host: HostRow, report: Report) -> None:
    """Compare the processes on a host's GPUs with its bookings. The caller has locked the host.

    What no booking explains is told once a later reading shows it again; what is gone, or explained
    by now, settles itself.  Processes of Berth's own trainings are left out.
    """
    readings = {reading.uuid: reading for reading in report.gpus}
    _note_stopped(tx, host, report.stopped)
    if not readings:
        return
    seen = _add_up(report.gpus)
    rows = _rows(tx, host, seen)
    if not seen and not rows:
        return
    gpus = {gpu.uuid: gpu for gpu in host.gpus}
    now_on = process_views.gpus_now(tx, [gpu for gpu in host.gpus if gpu.uuid in readings])
    owners = process_views.owners(tx, {one.process.user for one in seen.values()})
    matched: set[int] = set()
    for one in seen.values():
        on = tuple(now_on[uuid] for uuid in one.uuids if uuid in gpus)
        row = _row_of(one.process, rows)
        matched |= {row.id} if row is not None else set()
        _judge(tx, host, row, one, on, owners.get(one.process.user))
    for row in rows:
        if row.id not in matched and _is_gone(row, readings, replaced=row.pid in seen):
            _gone(tx, row)
    tx.session.flush()


def _add_up(readings: Iterable[GpuReading]) -> dict[int, _Seen]:
    found: dict[int, _Seen] = {}
    for reading in readings:
        for process in reading.processes:
            if process.attempt_id is not None:
                continue
            one = found.setdefault(process.pid, _Seen(process))
            one.uuids.append(reading.uuid)
            if process.memory_used_mib is not None:
                one.memory_mib = (one.memory_mib or 0.0) + process.memory_used_mib
    return found


def _rows(tx: Tx, host: HostRow, seen: Mapping[int, _Seen]) -> list[GpuProcessRow]:
    """Return what is known of the host's processes, the newest last."""
    back = (
        (GpuProcessRow.state == ProcessState.GONE)
        & (GpuProcessRow.gone_at > tx.now - _BACK_WITHIN)
        & GpuProcessRow.pid.in_(list(seen))
    )
    rows = tx.session.scalars(
        select(GpuProcessRow)
        .where(GpuProcessRow.host_id == host.id, or_(GpuProcessRow.state.in_(_KEPT), back))
        .order_by(GpuProcessRow.id)
        .with_for_update()
    )
    return list(rows)


def _row_of(process: GpuProcess, rows: Sequence[GpuProcessRow]) -> GpuProcessRow | None:
    same = [row for row in rows if row.pid == process.pid and _began_with(row, process)]
    return same[-1] if same else None


def _began_with(row: GpuProcessRow, process: GpuProcess) -> bool:
    if row.started_at is None or process.started_at is None:
        return row.started_at is process.started_at
    return abs(row.started_at - process.started_at) <= _SAME_START


def _judge(
    tx: Tx,
    host: HostRow,
    row: GpuProcessRow | None,
    one: _Seen,
    on: tuple[GpuNow, ...],
    owner: MemberRow | None,
) -> None:
    if one.process.started_at is None and not one.process.user:
        # In a container NVML gives ids of the host, which tell nothing there: beside a training
        # it may well be the training itself.
        on = tuple(gpu for gpu in on if not gpu.trains)
    if not on:
        return
    foreign = is_foreign(
        on,
        owner_member_id=owner.id if owner else None,
        adopted_by_member_id=row.adopted_by_member_id if row else None,
    )
    if row is None:
        if foreign:
            tx.session.add(_new_row(tx, host, one))
        return
    state = ProcessState(row.state)
    if not foreign:
        _settle(tx, row, state)
    elif state is ProcessState.SEEN:
        if tx.now - row.first_seen_at >= tx.policy.rogue_seen_apart:
            _open(tx, row, one, on, owner)
    elif state is ProcessState.OPEN:
        _still_open(tx, row, one, on, owner)
    else:
        row.gone_at = None
        _open(tx, row, one, on, owner)


def _new_row(tx: Tx, host: HostRow, one: _Seen) -> GpuProcessRow:
    return GpuProcessRow(
        host_id=host.id,
        pid=one.process.pid,
        started_at=one.process.started_at,
        user=one.process.user[:64],
        command=one.process.command,
        gpu_uuids=sorted(one.uuids),
        memory_mib=one.memory_mib,
        reservation_ids=[],
        state=ProcessState.SEEN,
        first_seen_at=tx.now,
        last_seen_at=tx.now,
        denied_by=[],
        stop_asked_by="",
        stop_outcome="",
    )


def _open(
    tx: Tx, row: GpuProcessRow, one: _Seen, on: tuple[GpuNow, ...], owner: MemberRow | None
) -> None:
    row.state, row.opened_at, row.last_seen_at = ProcessState.OPEN, tx.now, tx.now
    row.stop_asked_at, row.stop_asked_by, row.stop_outcome = None, "", ""
    _take_place(row, one, on)
    audit.record(
        tx,
        audit.by_agent(row.host.name),
        "process.noticed",
        ("process", row.id),
        pid=row.pid,
        user=row.user,
        command=row.command,
        gpus=[gpu.name for gpu in on],
        reservations=row.reservation_ids,
        started_at=row.started_at,
    )
    _tell(tx, row, on, owner)


def _take_place(row: GpuProcessRow, one: _Seen, on: tuple[GpuNow, ...]) -> None:
    row.gpu_uuids, row.memory_mib = sorted(one.uuids), one.memory_mib
    row.reservation_ids = sorted({gpu.reservation_id for gpu in on if gpu.reservation_id})


def _still_open(
    tx: Tx, row: GpuProcessRow, one: _Seen, on: tuple[GpuNow, ...], owner: MemberRow | None
) -> None:
    before = (row.gpu_uuids, row.reservation_ids)
    held = sorted({gpu.reservation_id for gpu in on if gpu.reservation_id})
    if (sorted(one.uuids), held) != before:
        _take_place(row, one, on)
        _tell(tx, row, on, owner)
    if tx.now - row.last_seen_at >= _NOTED_EVERY:
        row.last_seen_at, row.memory_mib = tx.now, one.memory_mib
    due = process_views.stop_at(tx, row)
    if due is not None and tx.now >= due and process_cards.is_told(tx, row):
        ask_to_stop(tx, row, BY_POLICY, audit.CLOCKWORK)


def _settle(tx: Tx, row: GpuProcessRow, state: ProcessState) -> None:
    if state is ProcessState.SEEN:
        tx.session.delete(row)
    elif state is ProcessState.OPEN:
        row.state = ProcessState.COVERED
        changed(tx, row)
        audit.record(tx, audit.CLOCKWORK, "process.covered", ("process", row.id))


def _is_gone(row: GpuProcessRow, readings: Mapping[str, GpuReading], *, replaced: bool) -> bool:
    """Tell whether every GPU that it was on was read, and shows it no more.

    ``replaced``: another process has its id by now.
    """
    if row.state == ProcessState.GONE:
        return False
    return all(
        uuid in readings and (replaced or row.pid not in readings[uuid].process_pids)
        for uuid in row.gpu_uuids
    )


def _gone(tx: Tx, row: GpuProcessRow) -> None:
    if row.state == ProcessState.SEEN:
        tx.session.delete(row)
        return
    was_open = row.state == ProcessState.OPEN
    row.state, row.gone_at = ProcessState.GONE, tx.now
    if row.stop_asked_at is not None and not row.stop_outcome:
        stopping.bump_revision(tx, row.host_id)
    audit.record(
        tx, audit.by_agent(row.host.name), "process.gone", ("process", row.id), pid=row.pid
    )
    if was_open:
        changed(tx, row)


def changed(tx: Tx, row: GpuProcessRow) -> None:
    """Bring every message about a process up to date."""
    row.version += 1
    tx.session.flush()
    process_cards.refresh(tx, row)


def _tell(tx: Tx, row: GpuProcessRow, on: tuple[GpuNow, ...], owner: MemberRow | None) -> None:
    """Tell of a process where it matters, also those whom it did not concern before."""
    tx.session.flush()
    lanes: list[str] = []
    for reservation_id in row.reservation_ids:
        held = tx.session.get_one(ReservationRow, reservation_id)
        lanes += [held.member.slack_user_id, held.team.channel_id]
    if any(gpu.reservation_id is None for gpu in on):
        lanes.append(tx.defaults.channel_id)
    likely = owner or row.adopted_by or process_views.last_holder(tx, row)
    if likely is not None:
        lanes.append(likely.slack_user_id)
    process_cards.place(tx, row, list(dict.fromkeys(lanes)))
    changed(tx, row)


def ask_to_stop(tx: Tx, row: GpuProcessRow, by: str, actor: audit.Actor) -> None:
    """Let the host's agent send SIGTERM to that very process, once."""
    row.stop_asked_at, row.stop_asked_by, row.stop_outcome = tx.now, by, ""
    stopping.bump_revision(tx, row.host_id)
    audit.record(
        tx,
        actor,
        "process.stop_asked",
        ("process", row.id),
        pid=row.pid,
        user=row.user,
        command=row.command,
        host=row.host.name,
    )
    changed(tx, row)


def to_stop(tx: Tx, host_id: int) -> tuple[ProcessToStop, ...]:
    """Return the processes of a host that its agent is to stop and has not answered for."""
    rows = tx.session.scalars(
        select(GpuProcessRow)
        .where(
            GpuProcessRow.host_id == host_id,
            GpuProcessRow.state == ProcessState.OPEN,
            GpuProcessRow.stop_asked_at.is_not(None),
            GpuProcessRow.stop_outcome == "",
            GpuProcessRow.started_at.is_not(None),
        )
        .order_by(GpuProcessRow.id)
    )
    return tuple(
        ProcessToStop(process_id=row.id, pid=row.pid, started_at=row.started_at)
        for row in rows
        if row.started_at is not None
    )


def _note_stopped(tx: Tx, host: HostRow, stopped: Sequence[ProcessStopped]) -> None:
    for answer in stopped:
        row = tx.session.get(GpuProcessRow, answer.process_id, with_for_update=True)
        if row is None or row.host_id != host.id or row.stop_asked_at is None or row.stop_outcome:
            continue
        row.stop_outcome = answer.outcome[:32]
        stopping.bump_revision(tx, host.id)
        audit.record(
            tx,
            audit.by_agent(host.name),
            "process.stop_answered",
            ("process", row.id),
            reason=row.stop_outcome,
        )
        changed(tx, row)
