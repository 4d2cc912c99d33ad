"""Reports of use, read from the claims and from what came of reservations in a window."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, select

from bot.domain.offers import OfferState
from bot.domain.people import Member, Role
from bot.domain.states import ReservationKind, ReservationState
from bot.domain.time_window import TimeWindow
from bot.domain.usage import UsageQuestion
from bot.domain.use_report import (
    WEEKS_LOOKED_BACK,
    Ended,
    Held,
    Honesty,
    UsedHour,
    UseReport,
    Waiting,
    foresee,
    heat_map,
    use_by,
)
from bot.protocol.messages import StopReason
from bot.services.transaction import Tx, reads_only
from bot.store.claims import bookable_gpus
from bot.store.forecast_tables import RunForecastRow
from bot.store.offer_tables import UsageCheckRow, WaitRow
from bot.store.seeing_tables import GpuHourRow
from bot.store.tables import (
    AttemptRow,
    AuditEventRow,
    ClaimRow,
    GpuRow,
    MemberRow,
    ReservationRow,
    RunRow,
    TeamRow,
)

LONGEST = timedelta(days=366)
MOST_CANCELLATIONS = 50
HALF_TIME = "p50"
_NOT_HELD = (ReservationState.PENDING, ReservationState.OFFERED)


@reads_only
def report(tx: Tx, member: Member, start: datetime, end: datetime | None = None) -> UseReport:
    """Return the report of a window that lies in the past; its end is now at most.

    Whose cancellations those were, and why, is told to leads of their team and to admins; numbers
    by team everybody sees, as they do on the timeline.  A window of more than a year loses its
    beginning, one that has not begun is the hour before now.
    """
    zone = ZoneInfo(member.time_zone)
    until = min(end or tx.now, tx.now)
    window = TimeWindow(max(min(start, until - timedelta(hours=1)), until - LONGEST), until)
    held = _held(tx, window)
    used = _used(tx, window)
    gpus = bookable_gpus(tx.session)
    around = TimeWindow(
        tx.now - timedelta(weeks=WEEKS_LOOKED_BACK, hours=1), tx.now + timedelta(days=8)
    )
    return UseReport(
        window=window,
        zone_name=member.time_zone,
        gpu_count=len(gpus),
        by_team=use_by(lambda one: one.team_name, held, used, window),
        by_type=use_by(lambda one: one.gpu_type, held, used, window),
        heat=heat_map(held, window, zone),
        foreseen=foresee(_held(tx, around), tx.now, len(gpus), zone),
        honesty=_honesty(tx, window),
        cancelled=_cancelled(tx, window),
        cancellations=_cancellations(tx, member, window),
        no_shows=_no_shows(tx, window),
        preempted=_preempted(tx, window),
        preempting=_preempting(tx, window),
        waiting=_waiting(tx, window),
    )


@reads_only
def latest(tx: Tx, member: Member, length: timedelta, end: datetime | None = None) -> UseReport:
    """Return the report of the window of that length that ends now, or at ``end``."""
    return report(tx, member, min(end or tx.now, tx.now) - length, end)


def _held(tx: Tx, window: TimeWindow) -> Sequence[Held]:
    rows = tx.session.execute(
        select(
            ClaimRow.gpu_id,
            GpuRow.model,
            TeamRow.name,
            ClaimRow.reservation_id,
            ClaimRow.starts_at,
            ClaimRow.ends_at,
        )
        .join(GpuRow, GpuRow.id == ClaimRow.gpu_id)
        .join(ReservationRow, ReservationRow.id == ClaimRow.reservation_id)
        .join(TeamRow, TeamRow.id == ReservationRow.team_id)
        .where(
            ClaimRow.live,
            ClaimRow.starts_at < window.end,
            ClaimRow.ends_at > window.start,
            ReservationRow.kind != ReservationKind.MAINTENANCE,
            ReservationRow.state.not_in(_NOT_HELD),
        )
    )
    return [
        Held(gpu_id, model, team, number, TimeWindow(start, end))
        for gpu_id, model, team, number, start, end in rows
        if start < end
    ]


def _used(tx: Tx, window: TimeWindow) -> dict[tuple[int, datetime], UsedHour]:
    rows = tx.session.execute(
        select(GpuHourRow.gpu_id, GpuHourRow.hour, GpuHourRow.read_s, GpuHourRow.busy_s).where(
            GpuHourRow.hour > window.start - timedelta(hours=1), GpuHourRow.hour < window.end
        )
    )
    return {
        (gpu_id, hour): UsedHour(gpu_id, hour, timedelta(seconds=read_s), timedelta(seconds=busy_s))
        for gpu_id, hour, read_s, busy_s in rows
    }


def _honesty(tx: Tx, window: TimeWindow) -> Honesty:
    rows = tx.session.execute(
        select(RunForecastRow.error, RunForecastRow.within).where(
            RunForecastRow.mark == HALF_TIME,
            RunForecastRow.ended_at >= window.start,
            RunForecastRow.ended_at < window.end,
            RunForecastRow.error.is_not(None),
        )
    ).all()
    errors = [abs(error) for error, _ in rows if error is not None]
    return Honesty(
        len(errors), median(errors) if errors else None, sum(bool(within) for _, within in rows)
    )


def _was_cancelled(window: TimeWindow) -> tuple[ColumnElement[bool], ...]:
    return (
        ReservationRow.state == ReservationState.CANCELLED,
        ReservationRow.kind != ReservationKind.MAINTENANCE,
        ReservationRow.ended_at >= window.start,
        ReservationRow.ended_at < window.end,
    )


def _cancelled(tx: Tx, window: TimeWindow) -> int:
    query = select(func.count()).select_from(ReservationRow).where(*_was_cancelled(window))
    return tx.session.scalar(query) or 0


def _cancellations(tx: Tx, member: Member, window: TimeWindow) -> tuple[Ended, ...]:
    query = (
        select(ReservationRow.id, MemberRow.name, TeamRow.name, ReservationRow.end_reason)
        .join(MemberRow, MemberRow.id == ReservationRow.member_id)
        .join(TeamRow, TeamRow.id == ReservationRow.team_id)
        .where(*_was_cancelled(window))
        .order_by(ReservationRow.ended_at.desc(), ReservationRow.id.desc())
        .limit(MOST_CANCELLATIONS)
    )
    if member.role is Role.LEAD:
        query = query.where(ReservationRow.team_id == member.team_id)
    elif member.role is not Role.ADMIN:
        query = query.where(ReservationRow.member_id == member.member_id)
    return tuple(Ended(*row) for row in tx.session.execute(query))


def _no_shows(tx: Tx, window: TimeWindow) -> dict[str, int]:
    return _count_by_team(
        tx.session.scalars(
            select(TeamRow.name)
            .join(ReservationRow, ReservationRow.team_id == TeamRow.id)
            .join(UsageCheckRow, UsageCheckRow.reservation_id == ReservationRow.id)
            .where(
                UsageCheckRow.kind == UsageQuestion.NO_SHOW,
                UsageCheckRow.state.in_((OfferState.EXPIRED, OfferState.ACCEPTED)),
                UsageCheckRow.decided_at >= window.start,
                UsageCheckRow.decided_at < window.end,
            )
        ).all()
    )


def _preempted(tx: Tx, window: TimeWindow) -> dict[str, int]:
    """Return how many attempts of each team were stopped for a higher priority."""
    return _count_by_team(
        tx.session.scalars(
            select(TeamRow.name)
            .join(ReservationRow, ReservationRow.team_id == TeamRow.id)
            .join(RunRow, RunRow.reservation_id == ReservationRow.id)
            .join(AttemptRow, AttemptRow.run_id == RunRow.id)
            .where(
                AttemptRow.stop_reason == StopReason.PREEMPTED,
                AttemptRow.ended_at >= window.start,
                AttemptRow.ended_at < window.end,
            )
        ).all()
    )


def _preempting(tx: Tx, window: TimeWindow) -> dict[str, int]:
    """Return how often GPUs were taken back for each team, as the audit log has it."""
    return _count_by_team(
        tx.session.scalars(
            select(TeamRow.name)
            .join(ReservationRow, ReservationRow.team_id == TeamRow.id)
            .join(AuditEventRow, AuditEventRow.subject_id == ReservationRow.id)
            .where(
                AuditEventRow.subject_type == "reservation",
                AuditEventRow.action == "preemption.taken",
                AuditEventRow.at >= window.start,
                AuditEventRow.at < window.end,
            )
        ).all()
    )


def _count_by_team(names: Sequence[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _waiting(tx: Tx, window: TimeWindow) -> tuple[Waiting, ...]:
    rows = tx.session.execute(
        select(WaitRow.kind, WaitRow.state, WaitRow.created_at, WaitRow.decided_at).where(
            WaitRow.decided_at >= window.start, WaitRow.decided_at < window.end
        )
    ).all()
    found = []
    for kind in sorted({row.kind for row in rows}):
        served = [
            row.decided_at - row.created_at
            for row in rows
            if row.kind == kind and row.state == OfferState.ACCEPTED and row.decided_at is not None
        ]
        others = sum(row.kind == kind for row in rows) - len(served)
        mean = sum(served, timedelta()) / len(served) if served else timedelta()
        found.append(Waiting(kind, len(served), others, mean, max(served, default=timedelta())))
    return tuple(found)
