"""From rows to what is shown."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import object_session

from bot.domain.continuations import ContinuationReason, ContinuationState, ContinuationView
from bot.domain.limits import rules_from_json
from bot.domain.offers import OfferState
from bot.domain.preemption_views import TakenBack
from bot.domain.priority import Priority
from bot.domain.progress import Progress, progress_of_attempts
from bot.domain.recurrence import rule_words
from bot.domain.run_spec import TrainingSpec
from bot.domain.states import ReservationKind, ReservationState, RunState
from bot.domain.time_window import TimeWindow
from bot.domain.views import ApprovalView, ReservationView, RunView, UsageView
from bot.protocol.messages import EndCause
from bot.services import run_ends
from bot.services.due import TimerKind
from bot.services.series_rows import rule_of
from bot.store import approvals, continuations, preemptions, timers, usage_checks
from bot.store.claims import gpu_on_host
from bot.store.forecast_tables import ForecastWatchRow
from bot.store.offer_tables import SeriesRow
from bot.store.run_tables import ContinuationRow
from bot.store.tables import AttemptRow, CardRow, ReservationRow, RunRow


def spec_to_json(spec: TrainingSpec) -> dict[str, object]:
    """Return a training as it is kept."""
    return {
        "v": 1,
        "model": spec.model,
        "data": spec.data,
        "epochs": spec.epochs,
        "imgsz": spec.imgsz,
        "batch": spec.batch,
        "seed": spec.seed,
        "extra": dict(spec.extra),
        "task": spec.task,
    }


def spec_from_json(kept: dict[str, object]) -> TrainingSpec:
    """Return the training that `spec_to_json` kept."""
    known = TrainingSpec.__dataclass_fields__
    return TrainingSpec(**{name: kept[name] for name in known if name in kept})  # type: ignore[arg-type] # JSON


def reservation_view(row: ReservationRow, card: CardRow | None = None) -> ReservationView:
    """Return what is shown of a reservation; ``card`` tells of the plot that was uploaded."""
    gpus = tuple(gpu_on_host(claim.gpu) for claim in row.claims)
    return ReservationView(
        reservation_id=row.id,
        version=row.version,
        state=ReservationState(row.state),
        holder_slack_id=row.member.slack_user_id,
        holder_name=row.member.name,
        team_name=row.team.name,
        priority=Priority(row.priority),
        preemptible=row.preemptible,
        gpus=gpus,
        window=TimeWindow(row.starts_at, row.ends_at),
        note=row.note,
        simulated=any(claim.gpu.simulated for claim in row.claims),
        run=_run_view(row.run, card) if row.run else _past_run_view(row),
        ended_at=row.ended_at,
        end_reason=row.end_reason,
        approval=_approval_view(row),
        kind=ReservationKind(row.kind),
        usage=_usage_view(row),
        series_id=row.series_id,
        series_words=_series_words(row),
        goes_on=_goes_on(row),
        carries_on=_carries_on(row),
        taken_back=_taken_back(row),
    )


def _goes_on(row: ReservationRow) -> ContinuationView | None:
    session = object_session(row)
    if session is None or row.kind == ReservationKind.MAINTENANCE:
        return None
    link = continuations.planned_from(session, row.id) or continuations.taken_from(session, row.id)
    return None if link is None else _continuation_view(link, link.target)


def _carries_on(row: ReservationRow) -> ContinuationView | None:
    session = object_session(row)
    if session is None or row.kind == ReservationKind.MAINTENANCE:
        return None
    link = continuations.leading_to(session, row.id)
    return None if link is None else _continuation_view(link, link.source)


def _taken_back(row: ReservationRow) -> TakenBack | None:
    session = object_session(row)
    victim = preemptions.open_victim(session, row.id) if session else None
    if victim is None or victim.preemption.takes_at is None:
        return None
    preemption, goes_on = victim.preemption, victim.target or row
    return TakenBack(
        preemption.id,
        preemption.reservation_id,
        Priority(preemption.reservation.priority),
        victim.preemption.takes_at,
        goes_on.starts_at,
    )


def _continuation_view(link: ContinuationRow, other: ReservationRow) -> ContinuationView:
    return ContinuationView(
        other.id,
        ContinuationReason(link.reason),
        ContinuationState(link.state),
        TimeWindow(other.starts_at, other.ends_at),
        tuple(sorted({claim.gpu.host.name for claim in other.claims})),
        approved=other.state != ReservationState.PENDING,
    )


def _series_words(row: ReservationRow) -> str:
    session = object_session(row)
    if session is None or row.series_id is None:
        return ""
    return rule_words(rule_of(session.get_one(SeriesRow, row.series_id)))


def _usage_view(row: ReservationRow) -> UsageView | None:
    session = object_session(row)
    if session is None or row.state != ReservationState.ACTIVE:
        return None
    check = usage_checks.open_check(session, row.id)
    return None if check is None else UsageView(check.id, check.kind, check.expires_at)


def _approval_view(row: ReservationRow) -> ApprovalView | None:
    session = object_session(row)
    approval = approvals.newest_of(session, row.id) if session else None
    if approval is None:
        return None
    return ApprovalView(
        approval.id,
        OfferState(approval.state),
        rules_from_json(approval.rules),
        approval.expires_at,
        approval.decided_by.slack_user_id if approval.decided_by else None,
        approval.reason,
        1
        if row.series_id is None or session is None
        else approvals.decided_together(session, approval, row.series_id),
    )


def run_progress(run: RunRow) -> Progress:
    """Return how far a run is, over all its attempts."""
    seconds = [[epoch.epoch_s for epoch in attempt.epochs] for attempt in run.attempts]
    done = max((epoch.epoch for attempt in run.attempts for epoch in attempt.epochs), default=0)
    return progress_of_attempts(int(run.spec["epochs"]), seconds, done)


def _run_view(run: RunRow, card: CardRow | None) -> RunView:
    progress = run_progress(run)
    attempt: AttemptRow | None = run.attempts[-1] if run.attempts else None
    last_epoch = attempt.epochs[-1] if attempt and attempt.epochs else None
    state = RunState(run.state)
    left = progress.range_left if last_epoch and not state.is_over else None
    low, likely, high = (
        (
            (last_epoch.at + each).replace(microsecond=0)
            for each in (left.low, left.likely, left.high)
        )
        if last_epoch and left
        else (None, None, None)
    )
    return RunView(
        run_id=run.id,
        spec=spec_from_json(run.spec),
        state=state,
        progress=Progress(progress.epoch, progress.epochs, _whole_seconds(progress.left)),
        losses=dict(last_epoch.losses) if last_epoch else {},
        metrics=dict(run.final_metrics or (last_epoch.metrics if last_epoch else {})),
        started_at=run.started_at,
        ended_at=run.ended_at,
        finishes_at=likely,
        finishes_low_at=low,
        finishes_high_at=high,
        finishes_early=_finishes_early(run),
        end_cause=run.end_cause,
        end_detail=run.end_detail,
        log_tail=tuple(run.log_tail),
        host_online=attempt.host.online if attempt else True,
        plot_file_id=card.plot_file_id if card else None,
        retries_at=_retries_at(run),
    )


def _past_run_view(row: ReservationRow) -> RunView | None:
    """Return what was done here of a run that has gone on elsewhere."""
    session = object_session(row)
    link = continuations.taken_from(session, row.id) if session else None
    if link is None:
        return None
    attempts = [each for each in link.run.attempts if each.reservation_id == row.id]
    last = attempts[-1] if attempts else None
    if last is None or last.end_cause is None:
        return None
    epochs = [epoch for attempt in attempts for epoch in attempt.epochs]
    done = max((epoch.epoch for epoch in epochs), default=0)
    return RunView(
        run_id=link.run_id,
        spec=spec_from_json(link.run.spec),
        state=run_ends.final_state(last, EndCause(last.end_cause)),
        progress=Progress(done, int(link.run.spec["epochs"]), None),
        losses=dict(epochs[-1].losses) if epochs else {},
        metrics=dict(epochs[-1].metrics) if epochs else {},
        started_at=attempts[0].trainer_started_at,
        ended_at=last.ended_at,
        end_cause=last.end_cause,
    )


def _retries_at(run: RunRow) -> datetime | None:
    session = object_session(run)
    if session is None or run.state != RunState.RETRYING:
        return None
    return timers.due_at(session, TimerKind.RUN_RETRIES, run.reservation_id)


def _finishes_early(run: RunRow) -> bool:
    trains = run.state in (RunState.STARTING, RunState.RUNNING, RunState.STOPPING)
    session = object_session(run) if trains else None
    watch = session.get(ForecastWatchRow, run.reservation_id) if session else None
    return watch is not None and watch.finish_early_since is not None


def _whole_seconds(span: timedelta | None) -> timedelta | None:
    return None if span is None else timedelta(seconds=round(span.total_seconds()))
