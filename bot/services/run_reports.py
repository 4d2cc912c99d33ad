"""Runs for programs and pages: lists, all of one, and where its files are. Reads only."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import func, select

from bot.domain.errors import NoSuchAttempt, NoSuchFile, UnknownRun
from bot.domain.people import Member
from bot.domain.run_reports import (
    AttemptReport,
    EpochReport,
    FileReport,
    RunReport,
    RunSummary,
)
from bot.domain.states import RunState
from bot.services import attempt_logs
from bot.services.transaction import Tx, reads_only
from bot.services.views import spec_from_json
from bot.store.tables import (
    ArtifactRow,
    AttemptRow,
    EpochRow,
    MemberRow,
    ReservationRow,
    RunRow,
    TeamRow,
)

MOST_LISTED = 200


@reads_only
def recent(
    tx: Tx, member: Member | None, *, states: Collection[RunState] = (), limit: int = MOST_LISTED
) -> tuple[RunSummary, ...]:
    """Return the newest runs, at most ``limit``: of a member, or everybody's.

    In two queries, however many runs and epochs there are.
    """
    query = (
        select(RunRow.id, RunRow.reservation_id)
        .join(ReservationRow, ReservationRow.id == RunRow.reservation_id)
        .order_by(RunRow.id.desc())
        .limit(min(limit, MOST_LISTED))
    )
    if member is not None:
        query = query.where(ReservationRow.member_id == member.member_id)
    if states:
        query = query.where(RunRow.state.in_(list(states)))
    ids = [run_id for run_id, _ in tx.session.execute(query)]
    return _summaries(tx, ids)


def _summaries(tx: Tx, run_ids: Collection[int]) -> tuple[RunSummary, ...]:
    if not run_ids:
        return ()
    last = dict(
        tx.session.execute(
            select(AttemptRow.run_id, func.max(EpochRow.epoch))
            .join(EpochRow, EpochRow.attempt_id == AttemptRow.id)
            .where(AttemptRow.run_id.in_(list(run_ids)))
            .group_by(AttemptRow.run_id)
        ).all()
    )
    rows = tx.session.execute(
        select(
            RunRow.id,
            RunRow.reservation_id,
            RunRow.state,
            RunRow.spec,
            RunRow.created_at,
            RunRow.started_at,
            RunRow.ended_at,
            RunRow.end_cause,
            RunRow.end_detail,
            RunRow.final_metrics,
            MemberRow.slack_user_id,
            MemberRow.name.label("holder_name"),
            TeamRow.name.label("team_name"),
        )
        .join(ReservationRow, ReservationRow.id == RunRow.reservation_id)
        .join(MemberRow, MemberRow.id == ReservationRow.member_id)
        .join(TeamRow, TeamRow.id == ReservationRow.team_id)
        .where(RunRow.id.in_(list(run_ids)))
        .order_by(RunRow.id.desc())
    )
    return tuple(
        RunSummary(
            run_id=row.id,
            reservation_id=row.reservation_id,
            state=RunState(row.state),
            spec=spec_from_json(row.spec),
            holder_slack_id=row.slack_user_id,
            holder_name=row.holder_name,
            team_name=row.team_name,
            epoch=last.get(row.id, 0),
            created_at=row.created_at,
            started_at=row.started_at,
            ended_at=row.ended_at,
            end_cause=row.end_cause,
            end_detail=row.end_detail,
            metrics=dict(row.final_metrics),
        )
        for row in rows
    )


@reads_only
def report(tx: Tx, run_id: int) -> RunReport:
    """Return all of a run.

    Raises:
        UnknownRun: there is none of that number.
    """
    run = _run(tx, run_id)
    (summary,) = _summaries(tx, [run_id])
    told = attempt_logs.log_tail(tx, run.attempts[-1].id) if run.attempts else None
    return RunReport(
        summary=summary,
        attempts=tuple(_attempt(row) for row in run.attempts),
        epochs=tuple(
            EpochReport(
                attempt=row.number,
                epoch=epoch.epoch,
                epoch_s=epoch.epoch_s,
                losses=dict(epoch.losses),
                metrics=dict(epoch.metrics),
                at=epoch.at,
            )
            for row in run.attempts
            for epoch in row.epochs
        ),
        files=_files(tx, run),
        log_tail=tuple(run.log_tail) or (told.lines if told is not None else ()),
    )


def _attempt(row: AttemptRow) -> AttemptReport:
    return AttemptReport(
        number=row.number,
        host_name=row.host.name,
        state=row.state,
        gpu_uuids=tuple(row.gpu_uuids),
        assigned_at=row.assigned_at,
        trainer_started_at=row.trainer_started_at,
        ended_at=row.ended_at,
        end_cause=row.end_cause,
        stop_reason=row.stop_reason,
    )


def _files(tx: Tx, run: RunRow) -> tuple[FileReport, ...]:
    rows = tx.session.execute(
        select(ArtifactRow, AttemptRow.number)
        .join(AttemptRow, AttemptRow.id == ArtifactRow.attempt_id)
        .where(AttemptRow.run_id == run.id)
        .order_by(AttemptRow.number, ArtifactRow.name)
    )
    return tuple(
        FileReport(number, row.name, row.size_bytes, row.sha256, row.stored_at, row.key)
        for row, number in rows
    )


@reads_only
def file(tx: Tx, run_id: int, name: str, attempt: int | None = None) -> FileReport:
    """Return where a file of a run is: of the attempt named, or of the newest that has it.

    Raises:
        UnknownRun: there is no run of that number.
        NoSuchAttempt: the run has no attempt of that number.
        NoSuchFile: it keeps no file of that name; carries the names that it keeps.
    """
    run = _run(tx, run_id)
    if attempt is not None and attempt not in {row.number for row in run.attempts}:
        raise NoSuchAttempt(run.reservation_id, attempt, len(run.attempts))
    kept = [one for one in _files(tx, run) if attempt in (None, one.attempt)]
    found = [one for one in kept if one.name == name]
    if not found:
        raise NoSuchFile(run_id, name, sorted({one.name for one in kept}))
    return found[-1]


def _run(tx: Tx, run_id: int) -> RunRow:
    run = tx.session.get(RunRow, run_id)
    if run is None:
        raise UnknownRun(run_id)
    return run
