"""The logs of trainings: the last lines of a running one, and the whole of one that is over."""

from __future__ import annotations

from sqlalchemy import select

from bot.domain.errors import NoSuchAttempt, NoTraining, UnknownReservation
from bot.domain.people import Member
from bot.domain.run_logs import LINES_SHOWN, LOG_NAME, MOST_LINES, FullLog, FullLogAsked, LogView
from bot.domain.states import RunState
from bot.protocol.messages import AttemptState
from bot.services import attempt_logs, audit, outbox
from bot.services.transaction import Tx, reads_only
from bot.store.outbox import DeliveryKind
from bot.store.tables import ArtifactRow, AttemptRow, OutboxRow, ReservationRow, RunRow


@reads_only
def tail(
    tx: Tx,
    member: Member,
    reservation_id: int | None = None,
    *,
    attempt: int | None = None,
    lines: int = LINES_SHOWN,
) -> LogView:
    """Return the last lines of a training's log: of its newest attempt, or of the one named.

    Without a reservation it is the member's own: the training that runs, else the last one.  Lines
    of a running attempt are as old as the last report of its agent.

    Raises:
        UnknownReservation: there is none of that number.
        NoTraining: it carries none, or the member has booked none.
        NoSuchAttempt: the training has no attempt of that number.
    """
    run = _run(tx, member, reservation_id)
    row = _attempt(run, attempt)
    told = attempt_logs.log_tail(tx, row.id) if row is not None else None
    shown = told.lines if told is not None else ()
    at = told.at if told is not None else None
    ended = row is not None and row.state == AttemptState.ENDED
    if ended and row is run.attempts[-1] and run.log_tail:
        last = tuple(run.log_tail)
        shown, at = shown if shown[-len(last) :] == last else last, run.ended_at
    return LogView(
        reservation_id=run.reservation_id,
        run_id=run.id,
        attempt=row.number if row is not None else 0,
        attempts=len(run.attempts),
        host_name=row.host.name if row is not None else "",
        lines=shown[-max(1, min(lines, MOST_LINES)) :],
        at=at,
        running=row is not None and not ended,
        whole=row is not None and _whole_log(tx, row) is not None,
        end_cause=row.end_cause if row is not None else None,
        end_detail=run.end_detail,
    )


def ask_for_all(
    tx: Tx, member: Member, reservation_id: int | None = None, *, attempt: int | None = None
) -> FullLogAsked:
    """Put the whole log of an attempt into the thread of its card, once however often asked.

    Raises:
        UnknownReservation, NoTraining, NoSuchAttempt: as `tail` does.
    """
    run = _run(tx, member, reservation_id)
    row = _attempt(run, attempt)
    if row is None:
        return FullLogAsked(run.reservation_id, 0, FullLog.NOT_YET)
    whole = _whole_log(tx, row)
    if whole is None:
        over = row.state == AttemptState.ENDED
        return FullLogAsked(
            run.reservation_id, row.number, FullLog.NONE if over else FullLog.NOT_YET
        )
    reservation = tx.session.get_one(ReservationRow, run.reservation_id, with_for_update=True)
    earlier = _delivery(tx, reservation.id, whole.id)
    if earlier is not None:
        outcome = FullLog.ON_ITS_WAY if earlier == "pending" else FullLog.THERE
        return FullLogAsked(reservation.id, row.number, outcome)
    outbox.show_log(tx, reservation, whole)
    audit.record(
        tx,
        audit.by_member(member),
        "run.log_asked",
        ("run", run.id),
        attempt=row.number,
        size_bytes=whole.size_bytes,
    )
    return FullLogAsked(reservation.id, row.number, FullLog.COMES)


def _delivery(tx: Tx, reservation_id: int, artifact_id: int) -> str | None:
    """Return the state of the delivery of that file; one that was given up may be asked again."""
    rows = tx.session.scalars(
        select(OutboxRow)
        .where(
            OutboxRow.reservation_id == reservation_id,
            OutboxRow.kind == DeliveryKind.LOG,
            OutboxRow.state != "dead",
        )
        .order_by(OutboxRow.id.desc())
    )
    return next((one.state for one in rows if one.payload.get("artifact_id") == artifact_id), None)


def _run(tx: Tx, member: Member, reservation_id: int | None) -> RunRow:
    if reservation_id is None:
        return _own_run(tx, member)
    row = tx.session.get(ReservationRow, reservation_id)
    if row is None:
        raise UnknownReservation(reservation_id)
    run = row.run or _run_that_was_there(tx, reservation_id)
    if run is None:
        raise NoTraining(reservation_id)
    return run


def _run_that_was_there(tx: Tx, reservation_id: int) -> RunRow | None:
    """Return the training of a reservation that goes on in another one by now."""
    return tx.session.scalar(
        select(RunRow)
        .join(AttemptRow, AttemptRow.run_id == RunRow.id)
        .where(AttemptRow.reservation_id == reservation_id)
        .limit(1)
    )


def _own_run(tx: Tx, member: Member) -> RunRow:
    mine = (
        select(RunRow)
        .join(ReservationRow, ReservationRow.id == RunRow.reservation_id)
        .where(ReservationRow.member_id == member.member_id)
        .order_by(RunRow.id.desc())
        .limit(1)
    )
    live = (RunState.STARTING, RunState.RUNNING, RunState.STOPPING)
    run = tx.session.scalar(mine.where(RunRow.state.in_(live)))
    if run is None:
        started = select(AttemptRow.run_id)
        run = tx.session.scalar(mine.where(RunRow.id.in_(started))) or tx.session.scalar(mine)
    if run is None:
        raise NoTraining(None)
    return run


def _attempt(run: RunRow, number: int | None) -> AttemptRow | None:
    if number is None:
        return run.attempts[-1] if run.attempts else None
    row = next((one for one in run.attempts if one.number == number), None)
    if row is None:
        raise NoSuchAttempt(run.reservation_id, number, len(run.attempts))
    return row


def _whole_log(tx: Tx, row: AttemptRow) -> ArtifactRow | None:
    return tx.session.scalar(
        select(ArtifactRow).where(ArtifactRow.attempt_id == row.id, ArtifactRow.name == LOG_NAME)
    )
