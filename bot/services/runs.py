"""Runs: started at their time, followed by what agents report, ended by what was recorded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select

from bot.domain.notices import RunEnded, RunStarted
from bot.domain.states import ReservationState, RunState, move_run
from bot.protocol.messages import (
    AttemptEnd,
    AttemptObservation,
    AttemptReceipt,
    AttemptState,
    DesiredAttempt,
    EndCause,
    EpochProgress,
    RunSpec,
    StopReason,
)
from bot.services import audit, outbox, stopping
from bot.services.transaction import Tx
from bot.services.views import run_progress, spec_from_json
from bot.store.claims import gpu_on_host
from bot.store.tables import ArtifactRow, AttemptRow, EpochRow, ReservationRow, RunRow

PLOT_NAME = "results.png"

_RUN_STATE_OF_STOP = {
    StopReason.REQUESTED: RunState.STOPPED,
    StopReason.PREEMPTED: RunState.PREEMPTED,
    StopReason.EXPIRED: RunState.EXPIRED,
}
_RUN_STATE_OF_CAUSE = {
    EndCause.SUCCEEDED: RunState.SUCCEEDED,
    EndCause.STOPPED: RunState.STOPPED,
    EndCause.EXPIRED: RunState.EXPIRED,
    EndCause.HOST_LOST: RunState.HOST_LOST,
}


def start(tx: Tx, reservation: ReservationRow) -> None:
    """Make the first attempt of a reservation's run, for its host to pick up. Idempotent."""
    run = reservation.run
    if run is None or RunState(run.state) is not RunState.WAITING:
        return
    gpus = [claim.gpu for claim in reservation.claims]
    number = len(run.attempts) + 1
    run.attempts.append(
        AttemptRow(
            host_id=gpus[0].host_id,
            number=number,
            fence=number,
            state=AttemptState.STARTING,
            gpu_uuids=[gpu.uuid for gpu in gpus],
            assigned_at=tx.now,
        )
    )
    run.state = move_run(RunState(run.state), RunState.STARTING)
    stopping.bump_revision(tx, gpus[0].host_id)
    audit.record(
        tx,
        audit.CLOCKWORK,
        "run.started",
        ("run", run.id),
        reservation_id=reservation.id,
        attempt=number,
        gpus=[gpu.uuid for gpu in gpus],
    )


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
    row.pid = seen.pid if seen.pid is not None else row.pid
    if seen.trainer_started_at and row.trainer_started_at is None:
        row.trainer_started_at = seen.trainer_started_at
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
                losses=_finite(each.losses),
                metrics=_finite(each.metrics),
                at=each.at,
            )
        )
    row.epochs.sort(key=lambda each: each.epoch)
    if fresh:
        outbox.show_progress(tx, row.run.reservation)


def _finite(numbers: Mapping[str, float]) -> dict[str, float]:
    """Leave out what JSON has no word for: a training that diverges measures NaN."""
    return {name: value for name, value in numbers.items() if math.isfinite(value)}


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
        late_s=_late_s(row, reservation.starts_at),
    )


def _late_s(row: AttemptRow, due: datetime) -> float | None:
    return (row.trainer_started_at - due).total_seconds() if row.trainer_started_at else None


def end_attempt(tx: Tx, row: AttemptRow, end: AttemptEnd, by: audit.Actor | None = None) -> None:
    """Record the end of an attempt and of its run, and tell it; ``by`` default the agent."""
    by = by or audit.by_agent(row.host.name)
    run, reservation = row.run, row.run.reservation
    row.state, row.ended_at, row.end_cause = AttemptState.ENDED, end.at, end.cause
    stopping.bump_revision(tx, row.host_id)
    run.state = move_run(RunState(run.state), _final_state(row, end))
    run.started_at = run.started_at or row.trainer_started_at
    run.ended_at, run.end_cause, run.end_detail = end.at, end.cause, end.detail
    run.log_tail = list(end.log_tail[-tx.policy.log_tail_lines :])
    run.final_metrics = _finite(end.metrics)
    outbox.show(tx, reservation)
    outbox.tell_thread(tx, reservation, _ended_notice(run, end))
    _show_plot(tx, row)
    audit.record(
        tx,
        by,
        f"run.{run.state}",
        ("run", run.id),
        reason=end.detail,
        attempt=row.number,
        cause=end.cause.value,
        exit_code=end.exit_code,
        epochs_done=end.epochs_done,
    )
    if ReservationState(reservation.state) is ReservationState.RELEASING:
        stopping.finish(tx, reservation)
        audit.record(tx, by, "reservation.ended", ("reservation", reservation.id))


def _final_state(row: AttemptRow, end: AttemptEnd) -> RunState:
    """An end that was asked for is called by the reason it was asked for, never a failure."""
    if end.cause is EndCause.STOPPED and row.stop_reason is not None:
        return _RUN_STATE_OF_STOP[StopReason(row.stop_reason)]
    if end.cause is EndCause.KILLED and row.stop_reason is not None:
        return _RUN_STATE_OF_STOP[StopReason(row.stop_reason)]
    return _RUN_STATE_OF_CAUSE.get(end.cause, RunState.FAILED)


def _ended_notice(run: RunRow, end: AttemptEnd) -> RunEnded:
    progress = run_progress(run)
    succeeded = run.state == RunState.SUCCEEDED
    return RunEnded(
        reservation_id=run.reservation_id,
        run_id=run.id,
        state=run.state,
        cause=end.cause.value,
        detail=end.detail,
        log_tail=() if succeeded else tuple(run.log_tail),
        metrics=_finite(end.metrics),
        epochs_done=max(progress.epoch, end.epochs_done),
        epochs=progress.epochs,
        duration_s=(end.at - run.started_at).total_seconds() if run.started_at else None,
    )


def _show_plot(tx: Tx, row: AttemptRow) -> None:
    plot = tx.session.scalar(
        select(ArtifactRow).where(ArtifactRow.attempt_id == row.id, ArtifactRow.name == PLOT_NAME)
    )
    if plot is not None:
        outbox.show_plot(tx, row.run.reservation, plot)


def artifact_arrived(tx: Tx, row: AttemptRow, artifact: ArtifactRow) -> None:
    """Show a plot that comes after the end was told; before it, the end itself shows it."""
    if artifact.name == PLOT_NAME and row.state == AttemptState.ENDED:
        outbox.show_plot(tx, row.run.reservation, artifact)


def lose(tx: Tx, row: AttemptRow) -> None:
    """End an attempt whose host has been silent past the end of its claim."""
    end = AttemptEnd(
        cause=EndCause.HOST_LOST,
        detail=f"{row.host.name} has not reported since {row.host.last_seen_at:%H:%M} UTC.",
        epochs_done=_last_epoch(row),
        at=tx.now,
    )
    end_attempt(tx, row, end, by=audit.CLOCKWORK)


def expire_waiting(tx: Tx, reservation: ReservationRow) -> None:
    """End a run that never got to start, and tell it. Idempotent."""
    run = reservation.run
    if run is None or RunState(run.state) is not RunState.WAITING:
        return
    run.state = move_run(RunState.WAITING, RunState.EXPIRED)
    end = AttemptEnd(cause=EndCause.EXPIRED, detail=stopping.NEVER_STARTED, at=tx.now)
    run.ended_at, run.end_cause, run.end_detail = end.at, end.cause, end.detail
    outbox.tell_thread(tx, reservation, _ended_notice(run, end))
    audit.record(tx, audit.CLOCKWORK, "run.expired", ("run", run.id), reason=end.detail)
