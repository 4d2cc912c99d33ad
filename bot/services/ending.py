"""The end of an attempt, and what it makes of its run: over, going on elsewhere, or tried again."""

from __future__ import annotations

import math
from collections.abc import Mapping

from sqlalchemy import select

from bot.domain.notices import RunEnded
from bot.domain.retrying import Verdict
from bot.domain.states import ReservationState, RunState, move_run
from bot.protocol.messages import AttemptEnd, AttemptState, EndCause
from bot.services import (
    audit,
    continuing,
    finishing_early,
    forecasts,
    handovers,
    outbox,
    overrun_ends,
    retries,
    run_ends,
    run_links,
    starting,
    stopping,
)
from bot.services.transaction import Tx
from bot.services.views import run_progress
from bot.store.tables import ArtifactRow, AttemptRow, ReservationRow, RunRow

PLOT_NAME = "results.png"
WHY_DROPPED = {
    RunState.SUCCEEDED: "the training is done",
    RunState.FAILED: "the training failed",
    RunState.STOPPED: "the training was stopped",
    RunState.CANCELLED: "the training was cancelled",
}


def end_attempt(tx: Tx, row: AttemptRow, end: AttemptEnd, by: audit.Actor | None = None) -> None:
    """Record the end of an attempt, and tell what becomes of its run; ``by`` default the agent.

    One that failed in a way that may pass is tried again in its reservation while there is time.
    One that did not succeed otherwise goes on in the reservation that is planned for it, unless
    it failed for good.  Else it is over.
    """
    by = by or audit.by_agent(row.host.name)
    # Before the host, as everywhere: whoever starts the next reservation locks in that order.
    run_links.lock_planned(tx, row.run.reservation)
    _settle(tx, row, end, by)
    handovers.wake(tx, row)


def _settle(tx: Tx, row: AttemptRow, end: AttemptEnd, by: audit.Actor) -> None:
    run, reservation = row.run, row.run.reservation
    row.state, row.ended_at, row.end_cause = AttemptState.ENDED, end.at, end.cause
    row.batch_that_fits = end.batch_that_fits
    stopping.bump_revision(tx, row.host_id)
    run.started_at = run.started_at or row.trainer_started_at
    state = run_ends.final_state(row, end.cause)
    verdict = None
    if state in (RunState.FAILED, RunState.HOST_LOST):
        verdict = retries.verdict(tx, row, end)
        active = ReservationState(reservation.state) is ReservationState.ACTIVE
        if verdict.refused is None and active and row.stop_reason is None:
            retries.again_later(tx, row, end, verdict, by)
            return
    if state is not RunState.SUCCEEDED and (verdict is None or verdict.may_go_on_elsewhere):
        target = continuing.hand_on(tx, reservation, end)
        if target is not None:
            _leave(tx, reservation, by, target)
            return
    _end_run(tx, row, end, state, by, verdict)
    if ReservationState(reservation.state) is ReservationState.ACTIVE:
        overrun_ends.cut_back(tx, reservation)
    if ReservationState(reservation.state) is ReservationState.RELEASING:
        stopping.finish(tx, reservation)
        audit.record(tx, by, "reservation.ended", ("reservation", reservation.id))


def _leave(tx: Tx, reservation: ReservationRow, by: audit.Actor, target: ReservationRow) -> None:
    """End a reservation whose run has gone on in another one, and start it there if it is time."""
    if not ReservationState(reservation.state).is_over:
        stopping.finish(tx, reservation)
        audit.record(tx, by, "reservation.ended", ("reservation", reservation.id))
    in_time = tx.now < target.ends_at - tx.policy.stop_lead
    if ReservationState(target.state) is ReservationState.ACTIVE and in_time:
        starting.start(tx, target)


def _end_run(
    tx: Tx,
    row: AttemptRow,
    end: AttemptEnd,
    state: RunState,
    by: audit.Actor,
    verdict: Verdict | None,
) -> None:
    run, reservation = row.run, row.run.reservation
    run.state = move_run(RunState(run.state), state)
    end = end.model_copy(update={"detail": finishing_early.words_of_end(tx, run, end)})
    forecasts.settle(tx, row)
    run.ended_at, run.end_cause, run.end_detail = end.at, end.cause, end.detail
    run.log_tail = list(end.log_tail[-tx.policy.log_tail_lines :])
    run.final_metrics = finite(end.metrics)
    outbox.show(tx, reservation)
    outbox.tell_thread(tx, reservation, _ended_notice(run, end, verdict))
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
    continuing.drop(tx, reservation, WHY_DROPPED.get(state, "the training is over"))


def _ended_notice(run: RunRow, end: AttemptEnd, verdict: Verdict | None = None) -> RunEnded:
    progress = run_progress(run)
    succeeded = run.state == RunState.SUCCEEDED
    return RunEnded(
        reservation_id=run.reservation_id,
        run_id=run.id,
        state=run.state,
        cause=end.cause.value,
        detail=end.detail,
        log_tail=() if succeeded else tuple(run.log_tail),
        metrics=finite(end.metrics),
        epochs_done=max(progress.epoch, end.epochs_done),
        epochs=progress.epochs,
        duration_s=(end.at - run.started_at).total_seconds() if run.started_at else None,
        not_retried=verdict.refused.value if verdict and verdict.refused else "",
        tries=verdict.number if verdict else 0,
        batch=int(run.spec["batch"]),
        batch_that_fits=end.batch_that_fits,
        reservation_ends_at=run.reservation.ends_at,
    )


def finite(numbers: Mapping[str, float]) -> dict[str, float]:
    """Leave out what JSON has no word for: a training that diverges measures NaN."""
    return {name: value for name, value in numbers.items() if math.isfinite(value)}


def _show_plot(tx: Tx, row: AttemptRow) -> None:
    plot = tx.session.scalar(
        select(ArtifactRow).where(ArtifactRow.attempt_id == row.id, ArtifactRow.name == PLOT_NAME)
    )
    if plot is not None:
        outbox.show_plot(tx, row.run.reservation, plot)


def lose(tx: Tx, row: AttemptRow) -> None:
    """End an attempt whose host has been silent past the end of its claim.

    Its agent has stopped it by then, so that the run can go on elsewhere.  The caller has taken a
    turn.
    """
    retries.relocate(tx, row)
    end = AttemptEnd(
        cause=EndCause.HOST_LOST,
        detail=f"{row.host.name} has not reported since {row.host.last_seen_at:%H:%M} UTC.",
        epochs_done=max((each.epoch for each in row.epochs), default=0),
        at=tx.now,
    )
    end_attempt(tx, row, end, by=audit.CLOCKWORK)


def expire_waiting(tx: Tx, reservation: ReservationRow) -> None:
    """End a run that never got to start, or to go on, and tell it. Idempotent."""
    run = reservation.run
    if run is None or not run_ends.end_unstarted(tx, run, cancelled=False):
        return
    end = AttemptEnd(
        cause=EndCause(run.end_cause or EndCause.EXPIRED), detail=run.end_detail, at=tx.now
    )
    outbox.tell_thread(tx, reservation, _ended_notice(run, end))
    audit.record(tx, audit.CLOCKWORK, f"run.{run.state}", ("run", run.id), reason=end.detail)
    continuing.drop(tx, reservation, WHY_DROPPED.get(RunState(run.state), "the training is over"))
