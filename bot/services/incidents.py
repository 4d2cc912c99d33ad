"""Incidents of GPUs and hosts: opened and resolved by what agents report, told to whom it concerns.

Each is one row from its first suspicion to its end, and one message in each place, edited in place
(`bot.services.incident_cards`).  When it is told and when it is over is decided by
`bot.domain.incidents` alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, or_, select

from bot.domain.errors import UnknownIncident
from bot.domain.incident_notices import IncidentTold
from bot.domain.incidents import (
    EVENTS,
    IncidentKind,
    IncidentPolicy,
    IncidentState,
    IncidentView,
    Signal,
    Watch,
    new_event,
    step,
    worst_of,
)
from bot.domain.people import Member
from bot.protocol.messages import GpuReading, HostReading, Report
from bot.services import audit, incident_cards, incident_views, outbox
from bot.services.incident_views import gpus_of, view_of
from bot.services.maintenance import require_admin
from bot.services.transaction import Tx
from bot.store.incident_tables import IncidentRow
from bot.store.tables import GpuRow, HostRow, ReservationRow

_TOLD_ELSEWHERE = frozenset({IncidentKind.HOST_LOST, IncidentKind.GPU_LOST})
"""Their threads are told by `bot.services.hosts` and `bot.services.hardware`, with what to do."""

Key = tuple[IncidentKind, int | None]
"""Which trouble, and of which GPU; None for the host itself."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one report says of one kind of trouble."""

    kind: IncidentKind
    gpu: GpuRow | None
    signal: Signal
    value: float | None = None
    mark: int | None = None

    @property
    def key(self) -> Key:
        return self.kind, self.gpu.id if self.gpu else None


def take(tx: Tx, host: HostRow, report: Report) -> None:
    """Judge what a host's agent has measured. The caller has locked the host.

    A report without readings says nothing of what they would show, but that the host is there.
    """
    rows = _rows(tx, host)
    for seen in _signals(host, report, rows, tx.policy.incidents):
        _take(tx, host, rows.get(seen.key), seen)
    tx.session.flush()


def host_lost(tx: Tx, host: HostRow) -> None:
    """Open the incident of a host that has been silent for too long. The caller has locked it."""
    _force(tx, host, IncidentKind.HOST_LOST, None)


def gpu_lost(tx: Tx, gpu: GpuRow) -> None:
    """Open the incident of a GPU that its host has not reported for too long."""
    _force(tx, gpu.host, IncidentKind.GPU_LOST, gpu)


def acknowledge(tx: Tx, member: Member, incident_id: int) -> IncidentView:
    """Note that an admin looks after an incident; its messages say so. Idempotent.

    One that is over, or that somebody looks after already, stays as it is.

    Raises:
        AdminsOnly: only admins may.
        UnknownIncident: there is none of that number.
    """
    require_admin(member, "acknowledge an incident")
    row = tx.session.get(IncidentRow, incident_id, with_for_update=True, populate_existing=True)
    if row is None or row.opened_at is None:
        raise UnknownIncident(incident_id)
    if IncidentState(row.state).is_open and row.acknowledged_at is None:
        row.acknowledged_at, row.acknowledged_by_member_id = tx.now, member.member_id
        audit.record(tx, audit.by_member(member), "incident.acknowledged", ("incident", row.id))
        _changed(tx, row)
        tx.session.refresh(row)
    return view_of(tx, row)


def _rows(tx: Tx, host: HostRow) -> Mapping[Key, IncidentRow]:
    """Return the newest row of each kind of trouble that may still matter."""
    recent = IncidentRow.since > tx.now - tx.policy.incidents.same_within
    rows = tx.session.scalars(
        select(IncidentRow)
        .where(
            _of(host),
            or_(
                IncidentRow.state != IncidentState.RESOLVED,
                recent,
                and_(IncidentRow.kind.in_(sorted(EVENTS)), IncidentRow.mark.is_not(None)),
            ),
        )
        .order_by(IncidentRow.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {(IncidentKind(row.kind), row.gpu_id): row for row in rows}


def _of(host: HostRow) -> ColumnElement[bool]:
    # A GPU takes its incidents along when it is put into another host.
    return or_(
        and_(IncidentRow.host_id == host.id, IncidentRow.gpu_id.is_(None)),
        IncidentRow.gpu_id.in_([gpu.id for gpu in host.gpus]),
    )


def _signals(
    host: HostRow, report: Report, rows: Mapping[Key, IncidentRow], policy: IncidentPolicy
) -> Iterator[_Seen]:
    yield _Seen(IncidentKind.HOST_LOST, None, Signal.FINE)
    if report.host is not None:
        yield from _host_signals(report.host, policy)
    readings = {reading.uuid: reading for reading in report.gpus}
    for gpu in host.gpus:
        gone = Signal.FINE if gpu.present else Signal.BAD
        if (IncidentKind.GPU_LOST, gpu.id) in rows:
            yield _Seen(IncidentKind.GPU_LOST, gpu, gone)
        if gpu.uuid in readings:
            yield from _gpu_signals(gpu, readings[gpu.uuid], rows, policy)


def _host_signals(reading: HostReading, policy: IncidentPolicy) -> Iterator[_Seen]:
    disk = _percent(reading.disk_free_mib, reading.disk_total_mib)
    yield _Seen(IncidentKind.DISK_NEARLY_FULL, None, policy.disk_free_percent.judge(disk), disk)
    memory = _percent(reading.memory_available_mib, reading.memory_total_mib)
    yield _Seen(
        IncidentKind.HOST_MEMORY_NEARLY_FULL,
        None,
        policy.host_memory_available_percent.judge(memory),
        memory,
    )


def _gpu_signals(
    gpu: GpuRow, reading: GpuReading, rows: Mapping[Key, IncidentRow], policy: IncidentPolicy
) -> Iterator[_Seen]:
    heat = reading.temperature_c
    yield _Seen(IncidentKind.TOO_HOT, gpu, policy.hot_c.judge(heat), heat)
    memory = _percent(reading.memory_used_mib, reading.memory_total_mib)
    yield _Seen(
        IncidentKind.GPU_MEMORY_NEARLY_FULL,
        gpu,
        policy.gpu_memory_percent.judge(memory),
        memory,
    )
    said = ((IncidentKind.XID, reading.xid), (IncidentKind.ECC, reading.ecc_uncorrected))
    for kind, value in said:
        row = rows.get((kind, gpu.id))
        signal = new_event(kind, value, row.mark if row else None)
        yield _Seen(kind, gpu, signal, None if value is None else float(value), value)


def _percent(part: float | None, whole: float | None) -> float | None:
    return None if part is None or not whole else 100 * part / whole


def _force(tx: Tx, host: HostRow, kind: IncidentKind, gpu: GpuRow | None) -> None:
    row = _rows(tx, host).get((kind, gpu.id if gpu else None))
    _take(tx, host, row, _Seen(kind, gpu, Signal.BAD))
    tx.session.flush()


def _take(tx: Tx, host: HostRow, row: IncidentRow | None, seen: _Seen) -> None:
    before = _watch_of(row)
    after = step(before, seen.kind, seen.signal, tx.now, tx.policy.incidents)
    is_news = seen.kind in EVENTS and seen.signal is Signal.BAD
    if row is not None and seen.kind in EVENTS and not is_news:
        _start_over(row, seen)
    if after is None:
        if row is not None and row.state == IncidentState.SUSPECTED:
            tx.session.delete(row)
        return
    if after == before and not is_news:
        return
    was_open = before is not None and before.state.is_open
    if row is None or (not was_open and not _goes_on(after)):
        if row is not None and row.state == IncidentState.RESOLVED:
            row.mark = None  # from here on the new row knows what was taken in
        row = _new_row(tx, host, seen)
    row.host_id, row.state, row.since, row.seen_at = (
        host.id,
        after.state,
        after.since,
        after.seen_at,
    )
    row.times = after.times
    if seen.signal is Signal.BAD or after.state.is_open:
        row.worst = worst_of(seen.kind, row.worst, seen.value) if _tells(seen) else row.worst
        row.value = seen.value if _tells(seen) else row.value
    row.mark = seen.mark if is_news else row.mark
    _follow_up(tx, row, was_open=was_open, is_open=after.state.is_open, is_news=is_news)


def _start_over(row: IncidentRow, seen: _Seen) -> None:
    """Follow a device that says less than before: its driver, or its agent, has been restarted.

    No Xid means that there was none since; no ECC count means only that it could not be read.
    """
    if seen.mark != row.mark and (seen.mark is not None or seen.kind is IncidentKind.XID):
        row.mark = seen.mark


def _tells(seen: _Seen) -> bool:
    return seen.value is not None and (seen.kind not in EVENTS or seen.signal is Signal.BAD)


def _goes_on(after: Watch) -> bool:
    """Tell whether this is the incident that was told of before, come back."""
    return after.times > (1 if after.state is IncidentState.OPEN else 0)


def _watch_of(row: IncidentRow | None) -> Watch | None:
    if row is None:
        return None
    return Watch(IncidentState(row.state), row.since, row.seen_at, row.times)


def _new_row(tx: Tx, host: HostRow, seen: _Seen) -> IncidentRow:
    row = IncidentRow(
        kind=seen.kind, host=host, gpu=seen.gpu, state=IncidentState.SUSPECTED, version=1
    )
    tx.session.add(row)
    return row


def _follow_up(tx: Tx, row: IncidentRow, *, was_open: bool, is_open: bool, is_news: bool) -> None:
    if is_open and not was_open:
        row.opened_at, row.resolved_at = row.opened_at or tx.now, None
        row.acknowledged_at, row.acknowledged_by_member_id = None, None
        _record(tx, row, "incident.opened")
        _tell(tx, row)
    elif was_open and not is_open:
        row.resolved_at = tx.now
        _record(tx, row, "incident.resolved")
        _tell_threads(tx, row)
        _changed(tx, row)
    elif is_news:
        _record(tx, row, "incident.again")
        _tell(tx, row)


def _record(tx: Tx, row: IncidentRow, action: str) -> None:
    tx.session.flush()
    silent = row.kind == IncidentKind.HOST_LOST and IncidentState(row.state) is IncidentState.OPEN
    audit.record(
        tx,
        audit.CLOCKWORK if silent else audit.by_agent(row.host.name),
        action,
        ("incident", row.id),
        incident=row.kind,
        place=incident_views.place_of(row),
        value=row.value,
        times=row.times,
    )


def _tell(tx: Tx, row: IncidentRow) -> None:
    """Tell of an incident in the channel and to those who have what it is about."""
    lanes = [tx.defaults.channel_id]
    if row.kind != IncidentKind.GPU_LOST:  # its holder has been told what becomes of the booking
        lanes += [held.member.slack_user_id for held in _held(tx, row)]
    tx.session.flush()
    incident_cards.place(tx, row, list(dict.fromkeys(lanes)))
    _tell_threads(tx, row)
    _changed(tx, row)


def _tell_threads(tx: Tx, row: IncidentRow) -> None:
    kind = IncidentKind(row.kind)
    if kind in _TOLD_ELSEWHERE:
        return
    for held in _held(tx, row):
        notice = IncidentTold(
            held.id,
            row.id,
            kind.value,
            incident_views.place_of(row),
            is_open=IncidentState(row.state).is_open,
            value=row.value,
            times=row.times,
        )
        outbox.tell_thread(tx, held, notice)


def _held(tx: Tx, row: IncidentRow) -> Sequence[ReservationRow]:
    """Return the reservations that have what an incident is about now, each once."""
    ids = {holder.reservation_id for holder in incident_views.holders(tx, gpus_of(row))}
    return [tx.session.get_one(ReservationRow, one) for one in sorted(ids)]


def _changed(tx: Tx, row: IncidentRow) -> None:
    row.version += 1
    tx.session.flush()
    incident_cards.refresh(tx, row)
