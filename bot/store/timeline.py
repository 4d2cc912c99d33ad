"""The queries of the timeline: few, whatever the number of GPUs and reservations.

Rows are plain: of the ORM's objects, thousands would take longer than the queries themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from bot.domain.continuations import ContinuationReason
from bot.domain.states import ReservationKind, ReservationState, RunState
from bot.store.run_tables import ContinuationRow
from bot.store.tables import (
    AttemptRow,
    AuditEventRow,
    ClaimRow,
    EpochRow,
    GpuRow,
    HostRow,
    MemberRow,
    ReservationRow,
    RunRow,
    TeamRow,
)

RECENT_EVENTS = 200
UNDER_WAY = (RunState.STARTING, RunState.RUNNING, RunState.STOPPING, RunState.RETRYING)


def revision(session: Session) -> str:
    """Return a word that is another one after every change that is audited.

    Numbers are given before their transactions commit, so the greatest alone would miss one that
    commits late; such a one moves the least of the last ones.
    """
    newest = select(AuditEventRow.id).order_by(AuditEventRow.id.desc()).limit(RECENT_EVENTS)
    ids = newest.subquery()
    least, greatest = session.execute(select(func.min(ids.c.id), func.max(ids.c.id))).one()
    return f"{greatest or 0}-{least or 0}"


def gpus(session: Session) -> Sequence[Any]:
    """Return every GPU that its host reported last, with its host, by host and index."""
    return session.execute(
        select(
            HostRow.id,
            HostRow.name,
            HostRow.online,
            HostRow.drained_at,
            GpuRow.id,
            GpuRow.index,
            GpuRow.model,
            GpuRow.broken_at,
        )
        .join(GpuRow, GpuRow.host_id == HostRow.id)
        .where(GpuRow.present)
        .order_by(HostRow.name, HostRow.id, GpuRow.index)
    ).all()


def claims(
    session: Session,
    start: datetime,
    end: datetime,
    *,
    team_name: str,
    priority: str | None,
) -> Sequence[Any]:
    """Return each GPU of each claim in the window with its reservation's id, by reservation."""
    statement = (
        select(ClaimRow.reservation_id, ClaimRow.gpu_id, ClaimRow.starts_at, ClaimRow.ends_at)
        .join(ReservationRow, ReservationRow.id == ClaimRow.reservation_id)
        .where(ClaimRow.starts_at < end, ClaimRow.ends_at > start, _drawn())
        .order_by(ClaimRow.reservation_id, ClaimRow.starts_at, ClaimRow.ends_at, ClaimRow.gpu_id)
    )
    if team_name:
        statement = statement.join(TeamRow, TeamRow.id == ReservationRow.team_id).where(
            TeamRow.name == team_name
        )
    if priority is not None:
        statement = statement.where(ReservationRow.priority == priority)
    return session.execute(statement).all()


def reservations(session: Session, start: datetime, end: datetime) -> Sequence[Any]:
    """Return every reservation with a claim in the window, with its holder, team and run."""
    in_window = (
        select(ClaimRow.reservation_id)
        .join(ReservationRow, ReservationRow.id == ClaimRow.reservation_id)
        .where(ClaimRow.starts_at < end, ClaimRow.ends_at > start, _drawn())
    )
    return session.execute(
        select(
            ReservationRow.id,
            ReservationRow.kind,
            ReservationRow.state,
            ReservationRow.priority,
            ReservationRow.preemptible,
            ReservationRow.note,
            ReservationRow.member_id,
            ReservationRow.team_id,
            TeamRow.name.label("team_name"),
            MemberRow.name.label("holder_name"),
            MemberRow.slack_user_id,
            RunRow.id.label("run_id"),
            RunRow.state.label("run_state"),
            RunRow.spec,
            RunRow.ended_at.label("run_ended_at"),
        )
        .join(TeamRow, TeamRow.id == ReservationRow.team_id)
        .join(MemberRow, MemberRow.id == ReservationRow.member_id)
        .outerjoin(RunRow, RunRow.reservation_id == ReservationRow.id)
        .where(ReservationRow.id.in_(in_window))
    ).all()


def last_epochs(session: Session) -> dict[int, int]:
    """Return the last finished epoch of every run that is under way, by run."""
    rows = session.execute(
        select(AttemptRow.run_id, func.max(EpochRow.epoch))
        .join(RunRow, RunRow.id == AttemptRow.run_id)
        .join(EpochRow, EpochRow.attempt_id == AttemptRow.id)
        .where(RunRow.state.in_(UNDER_WAY))
        .group_by(AttemptRow.run_id)
    )
    return dict(rows.all())


def preemptions(session: Session, start: datetime, end: datetime) -> dict[int, datetime]:
    """Return when reservations have to make room for others, or had to: by then they end."""
    rows = session.execute(
        select(
            ContinuationRow.from_reservation_id,
            func.coalesce(ReservationRow.ended_at, ReservationRow.ends_at),
        )
        .join(ReservationRow, ReservationRow.id == ContinuationRow.from_reservation_id)
        .where(
            ContinuationRow.reason == ContinuationReason.PREEMPTED,
            ReservationRow.starts_at < end,
            ReservationRow.ends_at > start,
        )
    )
    return dict(rows.all())


def teams(session: Session) -> Sequence[Any]:
    """Return every team's name and colour, by name."""
    return session.execute(select(TeamRow.name, TeamRow.colour).order_by(TeamRow.name)).all()


def free_now(session: Session, now: datetime) -> tuple[int, int]:
    """Return how many GPUs can be had now, and how many there are."""
    taken = select(ClaimRow.gpu_id).where(
        ClaimRow.live, ClaimRow.starts_at <= now, ClaimRow.ends_at > now
    )
    usable = and_(
        HostRow.online,
        HostRow.drained_at.is_(None),
        GpuRow.broken_at.is_(None),
        GpuRow.id.not_in(taken),
    )
    free, known = session.execute(
        select(func.count().filter(usable), func.count())
        .select_from(GpuRow)
        .join(HostRow, HostRow.id == GpuRow.host_id)
        .where(GpuRow.present)
    ).one()
    return free, known


def _drawn() -> ColumnElement[bool]:
    """Tell which claims are drawn: those that hold or held, and maintenance that is planned."""
    planned = and_(
        ReservationRow.kind == ReservationKind.MAINTENANCE,
        ReservationRow.state.in_((ReservationState.BOOKED, ReservationState.ACTIVE)),
    )
    return or_(ClaimRow.live, planned)
