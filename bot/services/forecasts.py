"""Forecasts of runs: kept at marks, compared with what came, and told when the end is in danger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from sqlalchemy import select

from bot.domain.forecast import (
    EPOCHS_TO_SHORTEN,
    PART_TO_SHORTEN,
    Outlook,
    may_end_at,
    outlook,
)
from bot.domain.forecast_notices import RunEarly, RunInTime
from bot.domain.notices import EndsSoon
from bot.domain.progress import Progress
from bot.domain.states import ReservationKind, ReservationState, RunState
from bot.services import audit, finishing_early, late_runs, outbox, run_lengths, run_links
from bot.services.transaction import Tx, reads_only
from bot.services.views import run_progress
from bot.store.forecast_tables import ForecastWatchRow, RunForecastRow
from bot.store.tables import AttemptRow, ReservationRow

MARKS = ((0.75, "p75"), (0.50, "p50"), (0.25, "p25"), (0.10, "p10"))
HALF_TIME = "p50"
RECENT_FORECASTS = 20


@dataclass(frozen=True, slots=True)
class ForecastErrors:
    """How good the last ``count`` forecasts at a mark were.

    ``median_off`` is the median of how far they were off, as a share of what was left then;
    ``within`` the share of ends that lay within the range; ``late`` that of ends after the likely
    one.  All are 0 while there are none.
    """

    mark: str
    count: int
    median_off: float = 0.0
    within: float = 0.0
    late: float = 0.0


@reads_only
def forecast_errors(tx: Tx, mark: str = HALF_TIME, limit: int = RECENT_FORECASTS) -> ForecastErrors:
    """Return how far the last forecasts at a mark were off.

    Only of runs that have succeeded in the attempt that the forecast went by: a run that was
    stopped in between, or tried again, ended when somebody wanted it to.
    """
    rows = tx.session.scalars(
        select(RunForecastRow)
        .where(RunForecastRow.mark == mark, RunForecastRow.ended_at.is_not(None))
        .order_by(RunForecastRow.ended_at.desc(), RunForecastRow.id.desc())
        .limit(limit)
    ).all()
    errors = [row.error for row in rows if row.error is not None]
    if not errors:
        return ForecastErrors(mark, 0)
    return ForecastErrors(
        mark,
        len(errors),
        median(abs(each) for each in errors),
        sum(bool(row.within) for row in rows) / len(rows),
        sum(each > 0 for each in errors) / len(errors),
    )


def note_epochs(tx: Tx, row: AttemptRow) -> None:
    """Go by epochs that have come in: keep the forecast, and tell the holder what it changes.

    Idempotent.  The caller has locked the reservation and keeps the epochs.
    """
    run, reservation = row.run, row.run.reservation
    if run_lengths.note_epochs(tx, row) is None or RunState(run.state).is_over:
        return
    progress = run_progress(run)
    _keep(tx, row, progress)
    if ReservationState(reservation.state) is not ReservationState.ACTIVE:
        return
    if RunState(run.state) not in (RunState.STARTING, RunState.RUNNING):
        return
    if finishing_early.stop_if_full(tx, reservation, progress):
        return
    _judge(tx, reservation, progress)


def _keep(tx: Tx, row: AttemptRow, progress: Progress) -> None:
    """Keep a forecast at each mark that is reached: parts of the epochs, and every hour."""
    left = progress.range_left
    if left is None or progress.epoch >= progress.epochs:
        return
    last_at = row.epochs[-1].at
    for mark in _marks(row, progress, last_at):
        known = tx.session.scalar(
            select(RunForecastRow.id).where(
                RunForecastRow.run_id == row.run_id, RunForecastRow.mark == mark
            )
        )
        if known is None:
            tx.session.add(
                RunForecastRow(
                    run_id=row.run_id,
                    attempt_id=row.id,
                    mark=mark,
                    made_at=last_at,
                    epoch=progress.epoch,
                    epochs=progress.epochs,
                    low_at=last_at + left.low,
                    likely_at=last_at + left.likely,
                    high_at=last_at + left.high,
                )
            )
    tx.session.flush()


def _marks(row: AttemptRow, progress: Progress, last_at: datetime) -> Sequence[str]:
    """Return the highest mark that is reached, and the whole hour that the run is in."""
    reached = [name for part, name in MARKS if progress.fraction >= part][:1]
    started_at = row.run.started_at or row.trainer_started_at
    hours = (last_at - started_at) // timedelta(hours=1) if started_at else 0
    return (*reached, f"h{hours}") if hours >= 1 else reached


def settle(tx: Tx, row: AttemptRow) -> None:
    """Compare what was foretold with the end of the run, once it has succeeded. Idempotent."""
    run = row.run
    if run.state != RunState.SUCCEEDED or not row.epochs:
        return
    ended_at = row.epochs[-1].at
    rows = tx.session.scalars(
        select(RunForecastRow).where(
            RunForecastRow.run_id == run.id,
            RunForecastRow.attempt_id == row.id,
            RunForecastRow.ended_at.is_(None),
        )
    )
    for kept in rows:
        was_left_s = (ended_at - kept.made_at).total_seconds()
        kept.ended_at = ended_at
        kept.error = (ended_at - kept.likely_at).total_seconds() / max(was_left_s, 1.0)
        kept.within = kept.low_at <= ended_at <= kept.high_at


def _judge(tx: Tx, row: ReservationRow, progress: Progress) -> None:
    end = late_runs.expected_end(tx, row, progress)
    if end is None or run_links.planned_for(tx, row) is not None:
        return  # what goes on elsewhere by itself loses nothing at the end of its window
    watch = watch_of(tx, row)
    told = watch.told_late_s if watch.told_end == row.ends_at else None
    late_by = end.likely_at - late_runs.last_moment(tx, row)
    verdict = outlook(
        late_by,
        end.high_at - end.likely_at,
        progress.judged_by,
        None if told is None else timedelta(seconds=told),
    )
    if verdict is Outlook.LATE:
        _tell_late(tx, row, watch, end, late_by, again=told is not None)
    elif verdict is Outlook.IN_TIME_AGAIN:
        watch.told_late_s, watch.told_at = None, tx.now
        notice = RunInTime(
            row.id, row.member.slack_user_id, row.ends_at, end.likely_at, end.high_at
        )
        outbox.tell_holder(tx, row, notice)
    elif watch.told_late_s is None and watch.told_early_at is None:
        _offer_to_shorten(tx, row, watch, end, progress)


def _tell_late(
    tx: Tx,
    row: ReservationRow,
    watch: ForecastWatchRow,
    end: late_runs.ExpectedEnd,
    late_by: timedelta,
    *,
    again: bool,
) -> None:
    watch.told_late_s, watch.told_end = late_by.total_seconds(), row.ends_at
    watch.told_at = tx.now
    outbox.tell_holder(tx, row, late_runs.late_notice(tx, row, end, again=again))
    audit.record(
        tx,
        audit.CLOCKWORK,
        "forecast.late",
        ("reservation", row.id),
        likely_at=end.likely_at,
        high_at=end.high_at,
        ends_at=row.ends_at,
        late_s=late_by.total_seconds(),
    )


def _offer_to_shorten(
    tx: Tx,
    row: ReservationRow,
    watch: ForecastWatchRow,
    end: late_runs.ExpectedEnd,
    progress: Progress,
) -> None:
    """Offer once to give back whole slots that the run will not need."""
    if progress.judged_by < EPOCHS_TO_SHORTEN or progress.fraction < PART_TO_SHORTEN:
        return
    could_end_at = may_end_at(end.high_at + tx.policy.stop_lead, row.ends_at, tx.policy.grid)
    if could_end_at is None:
        return
    watch.told_early_at = tx.now
    outbox.tell_holder(
        tx,
        row,
        RunEarly(
            row.id,
            row.member.slack_user_id,
            row.ends_at,
            could_end_at,
            end.likely_at,
            end.high_at,
            len(row.claims),
        ),
    )
    audit.record(
        tx,
        audit.CLOCKWORK,
        "forecast.early",
        ("reservation", row.id),
        likely_at=end.likely_at,
        could_end_at=could_end_at,
        ends_at=row.ends_at,
    )


def announce_end(tx: Tx, row: ReservationRow, minutes: int) -> None:
    """Tell the holder that the reservation ends in so many minutes, and if its run will be done.

    The caller has locked the reservation.
    """
    state = ReservationState(row.state)
    if row.ends_at <= tx.now or row.kind == ReservationKind.MAINTENANCE:
        return
    if state is not ReservationState.ACTIVE:
        return
    run = row.run
    end = None
    if run is not None and RunState(run.state) in (RunState.STARTING, RunState.RUNNING):
        end = late_runs.expected_end(tx, row, run_progress(run))
    if end is not None and end.likely_at > late_runs.last_moment(tx, row):
        watch = watch_of(tx, row)
        watch.told_late_s = (end.likely_at - late_runs.last_moment(tx, row)).total_seconds()
        watch.told_end, watch.told_at = row.ends_at, tx.now
        outbox.tell_holder(tx, row, late_runs.late_notice(tx, row, end, minutes=minutes))
        return
    outbox.tell_holder(
        tx,
        row,
        EndsSoon(
            row.id,
            row.member.slack_user_id,
            minutes,
            row.ends_at,
            end.likely_at if end is not None else None,
        ),
    )


def watch_of(tx: Tx, row: ReservationRow) -> ForecastWatchRow:
    """Return what the holder has been told so far; the caller has locked the reservation."""
    watch = tx.session.get(ForecastWatchRow, row.id)
    if watch is None:
        watch = ForecastWatchRow(reservation_id=row.id, finish_early_by="")
        tx.session.add(watch)
        tx.session.flush()
    return watch
