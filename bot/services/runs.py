"""Runs: started at their time, followed by what agents report, ended by what was recorded."""

from __future__ import annotations

import math
from datetime import datetime

from sqlalchemy import select

from bot.domain.notices import RunStarted
from bot.domain.states import RunState, move_run
from bot.protocol.messages import (
    AttemptObservation,
    AttemptReceipt,
    AttemptState,
    DesiredAttempt,
    EpochProgress,
    RunSpec,
    StopReason,
)
from bot.services import attempt_logs, audit, forecasts, outbox, preemption_answers
from bot.services.checkpoints import newest_checkpoint
from bot.services.due import TimerKind
from bot.services.ending import end_attempt, expire_waiting, finite, lose
from bot.services.starting import start
from bot.services.transaction import Tx, reads_only
from bot.services.views import spec_from_json
from bot.store import timers
from bot.store.claims import gpu_on_host
from bot.store.tables import AttemptRow, EpochRow, RunRow

__all__ = [
    "desired_attempts",
    "end_attempt",
    "expire_waiting",
    "lose",
    "start",
    "start_delays",
    "take_observation",
]


def desired_attempts(tx: Tx, host_id: int) -> tuple[DesiredAttempt, ...]:
    """Return every attempt that should be on a host now."""
    rows = tx.session.scalars(
        select(AttemptRow)
        .where(AttemptRow.host_id == host_id, AttemptRow.state != AttemptState.ENDED)
        .order_by(AttemptRow.id)
    )
    return tuple(
        DesiredAttempt(
            attempt_id=row.id,
            run_id=row.run_id,
            fence=row.fence,
            gpu_uuids=tuple(row.gpu_uuids),
            spec=_wire_spec(row.run),
            claim_ends_at=row.run.reservation.ends_at,
            resume=newest_checkpoint(tx, row.run),
            stop=StopReason(row.stop_reason) if row.stop_reason else None,
            kill_after_s=tx.policy.kill_after.total_seconds(),
        )
        for row in rows
    )


def _wire_spec(run: RunRow) -> RunSpec:
    spec = spec_from_json(run.spec)
    return RunSpec(
        model=spec.model,
        data=spec.data,
        epochs=spec.epochs,
        imgsz=spec.imgsz,
        batch=spec.batch,
        seed=spec.seed,
        extra=dict(spec.extra),
        task=spec.task,
    )


def take_observation(tx: Tx, host_id: int, seen: AttemptObservation) -> AttemptReceipt:
    """Take in what an agent sees of one attempt, and say what is stored of it.

    Idempotent: an observation that is late, repeated, from another host or of an old fence
    changes nothing.  The caller has locked the attempt's reservation.
    """
    row = tx.session.get(AttemptRow, seen.attempt_id)
    if row is None or row.host_id != host_id or row.fence != seen.fence:
        return AttemptReceipt(attempt_id=seen.attempt_id, stale=True, forget=row is None)
    if row.state == AttemptState.ENDED:
        return AttemptReceipt(
            attempt_id=row.id,
            acknowledged_epoch=_last_epoch(row),
            forget=seen.state is AttemptState.ENDED,
            stale=seen.state is not AttemptState.ENDED,
        )
    _take_epochs(tx, row, seen.epochs)
    attempt_logs.take(tx, row, seen)
    if row.pid is None and seen.pid is not None:
        timers.disarm(tx.session, row.run.reservation_id, (TimerKind.START_CONFIRMED,), tx.now)
    row.pid = seen.pid if seen.pid is not None else row.pid
    if seen.trainer_started_at and row.trainer_started_at is None:
        row.trainer_started_at = seen.trainer_started_at
        row.late_s = (seen.trainer_started_at - _due(row)).total_seconds()
    if seen.state is AttemptState.ENDED and seen.end is not None:
        end_attempt(tx, row, seen.end)
    elif seen.state is AttemptState.RUNNING:
        _note_running(tx, row)
    return AttemptReceipt(
        attempt_id=row.id,
        acknowledged_epoch=_last_epoch(row),
        forget=row.state == AttemptState.ENDED,
    )


def _last_epoch(row: AttemptRow) -> int:
    return max((each.epoch for each in row.epochs), default=0)


def _take_epochs(tx: Tx, row: AttemptRow, epochs: tuple[EpochProgress, ...]) -> None:
    known = {each.epoch for each in row.epochs}
    fresh = {each.epoch: each for each in epochs if each.epoch not in known}
    for each in fresh.values():
        row.epochs.append(
            EpochRow(
                epoch=each.epoch,
                epoch_s=each.epoch_s if math.isfinite(each.epoch_s) else 0.0,
                losses=finite(each.losses),
                metrics=finite(each.metrics),
                at=each.at,
            )
        )
    row.epochs.sort(key=lambda each: each.epoch)
    if fresh:
        forecasts.note_epochs(tx, row)
        preemption_answers.stop_if_epoch_done(tx, row.run.reservation, max(fresh))
        outbox.show_progress(tx, row.run.reservation)


def _note_running(tx: Tx, row: AttemptRow) -> None:
    row.state = AttemptState.RUNNING
    run, reservation = row.run, row.run.reservation
    if RunState(run.state) is not RunState.STARTING:
        return
    run.state = move_run(RunState.STARTING, RunState.RUNNING)
    run.started_at = run.started_at or row.trainer_started_at or tx.now
    outbox.show(tx, reservation)
    outbox.tell_thread(
        tx,
        reservation,
        RunStarted(
            reservation.id,
            run.id,
            row.host.name,
            tuple(gpu_on_host(claim.gpu).name for claim in reservation.claims),
        ),
    )
    audit.record(
        tx,
        audit.by_agent(row.host.name),
        "run.running",
        ("run", run.id),
        attempt=row.number,
        pid=row.pid,
        late_s=row.late_s,
    )


def _due(row: AttemptRow) -> datetime:
    """Return when an attempt was due: the first at its reservation's start, others when made."""
    return row.run.reservation.starts_at if row.number == 1 else row.assigned_at


@reads_only
def start_delays(tx: Tx, since: datetime) -> tuple[float, ...]:
    """Return how late each attempt that began since then was, in seconds from due to its exec."""
    rows = tx.session.scalars(
        select(AttemptRow.late_s)
        .where(AttemptRow.trainer_started_at >= since, AttemptRow.late_s.is_not(None))
        .order_by(AttemptRow.trainer_started_at)
    )
    return tuple(late_s for late_s in rows if late_s is not None)
