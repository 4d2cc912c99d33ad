"""How things stand with all of Berth, counted in a few bounded queries, for monitoring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, or_, select

from bot.domain.offers import OfferState
from bot.domain.states import ReservationState, RunState
from bot.domain.waiting import WaitKind
from bot.protocol.messages import AttemptState
from bot.services.incident_views import OPEN_STATES
from bot.services.transaction import Tx, reads_only
from bot.store.incident_tables import IncidentCardRow, IncidentRow
from bot.store.message_tables import DirectMessageRow
from bot.store.offer_tables import WaitRow
from bot.store.outbox import DEAD, PENDING, DeliveryKind
from bot.store.process_tables import ProcessCardRow
from bot.store.tables import (
    AttemptRow,
    ClaimRow,
    GpuRow,
    HostRow,
    OutboxRow,
    ReservationRow,
    RunRow,
    TimerRow,
)

START_DELAY_BUCKETS_S = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much waits, and for how long the oldest of it, in seconds."""

    count: int = 0
    oldest_s: float = 0.0


@dataclass(frozen=True, slots=True)
class StartDelays:
    """How late attempts began: how many within each bound of `START_DELAY_BUCKETS_S`, and all."""

    within: tuple[int, ...]
    count: int
    sum_s: float


@dataclass(frozen=True, slots=True)
class Census:
    """One count of everything; states that nothing is in are there with 0."""

    reservations: Mapping[str, int]
    runs: Mapping[str, int]
    attempts_ended: Mapping[str, int]
    waiting: Mapping[str, Backlog]
    outbox: Mapping[str, Backlog]
    outbox_dead: int
    timers_late: Backlog
    hosts: Mapping[str, int]
    gpus: Mapping[str, int]
    incidents: Mapping[str, int]
    start_delays: StartDelays


@reads_only
def take(tx: Tx) -> Census:
    """Count how things stand now."""
    return Census(
        reservations=_by(tx, ReservationRow.state, ReservationState),
        runs=_by(tx, RunRow.state, RunState),
        attempts_ended=_by(tx, AttemptRow.end_cause, (), AttemptRow.state == AttemptState.ENDED),
        waiting=_waiting(tx),
        outbox=_outbox(tx),
        outbox_dead=_count(tx, OutboxRow.id, OutboxRow.state == DEAD),
        timers_late=_backlog(
            tx, TimerRow.due_at, TimerRow.done_at.is_(None), TimerRow.due_at < tx.now
        ),
        hosts=_hosts(tx),
        gpus=_gpus(tx),
        incidents=_by(tx, IncidentRow.kind, (), IncidentRow.state.in_(OPEN_STATES)),
        start_delays=_start_delays(tx),
    )


def _by(tx: Tx, column: Any, known: Any, *only: Any) -> dict[str, int]:
    counted = {str(value.value): 0 for value in known}
    rows = tx.session.execute(select(column, func.count()).where(*only).group_by(column))
    counted.update({str(value or "unknown"): int(count) for value, count in rows})
    return counted


def _count(tx: Tx, column: Any, *only: Any) -> int:
    return int(tx.session.scalar(select(func.count(column)).where(*only)) or 0)


def _backlog(tx: Tx, since: Any, *only: Any) -> Backlog:
    count, oldest = tx.session.execute(select(func.count(), func.min(since)).where(*only)).one()
    return Backlog(int(count), _age_s(tx, oldest))


def _age_s(tx: Tx, oldest: datetime | None) -> float:
    return 0.0 if oldest is None else max(0.0, (tx.now - oldest).total_seconds())


def _waiting(tx: Tx) -> dict[str, Backlog]:
    return {
        kind.value: _backlog(
            tx,
            WaitRow.created_at,
            WaitRow.kind == kind,
            WaitRow.state.in_([state for state in OfferState if not state.is_over]),
        )
        for kind in WaitKind
    }


def _outbox(tx: Tx) -> dict[str, Backlog]:
    """What is due and not yet out; what is put off on purpose is not late."""
    due = (OutboxRow.state == PENDING, OutboxRow.not_before <= tx.now)
    rows = tx.session.execute(
        select(OutboxRow.kind, func.count(), func.min(OutboxRow.not_before))
        .where(*due)
        .group_by(OutboxRow.kind)
    )
    found = {kind.value: Backlog() for kind in DeliveryKind}
    found.update({kind: Backlog(int(n), _age_s(tx, oldest)) for kind, n, oldest in rows})
    found["letter"] = _backlog(
        tx,
        DirectMessageRow.not_before,
        DirectMessageRow.state == PENDING,
        DirectMessageRow.not_before <= tx.now,
    )
    cards: tuple[tuple[str, Any], ...] = (
        ("process_card", ProcessCardRow.due_at),
        ("incident_card", IncidentCardRow.due_at),
    )
    for name, due_at in cards:
        found[name] = _backlog(tx, due_at, due_at <= tx.now)
    return found


def _hosts(tx: Tx) -> dict[str, int]:
    drained = HostRow.drained_at.is_not(None)
    state = case((HostRow.online.is_(False), "silent"), (drained, "drained"), else_="online")
    counted = {"online": 0, "drained": 0, "silent": 0}
    rows = tx.session.execute(select(state.label("state"), func.count()).group_by("state"))
    counted.update({str(name): int(count) for name, count in rows})
    return counted


def _gpus(tx: Tx) -> dict[str, int]:
    """Each GPU is in one state: the worst that is true of it."""
    held = (
        select(ClaimRow.id)
        .join(ReservationRow, ReservationRow.id == ClaimRow.reservation_id)
        .where(
            ClaimRow.gpu_id == GpuRow.id,
            ClaimRow.live,
            ClaimRow.starts_at <= tx.now,
            or_(ClaimRow.ends_at > tx.now, ReservationRow.state == ReservationState.RELEASING),
            ReservationRow.state != ReservationState.ENDED,
        )
        .exists()
    )
    state = case(
        (GpuRow.present.is_(False), "gone"),
        (GpuRow.broken_at.is_not(None), "broken"),
        (HostRow.online.is_(False), "silent"),
        (held, "held"),
        else_="free",
    )
    counted = {"free": 0, "held": 0, "silent": 0, "broken": 0, "gone": 0}
    rows = tx.session.execute(
        select(state.label("state"), func.count())
        .select_from(GpuRow)
        .join(HostRow, HostRow.id == GpuRow.host_id)
        .group_by("state")
    )
    counted.update({str(name): int(count) for name, count in rows})
    return counted


def _start_delays(tx: Tx) -> StartDelays:
    late = case((AttemptRow.late_s > 0, AttemptRow.late_s), else_=0.0)
    within = [func.sum(case((late <= bound, 1), else_=0)) for bound in START_DELAY_BUCKETS_S]
    row = tx.session.execute(
        select(func.count(), func.sum(late), *within).where(AttemptRow.late_s.is_not(None))
    ).one()
    return StartDelays(tuple(int(n or 0) for n in row[2:]), int(row[0]), float(row[1] or 0.0))
