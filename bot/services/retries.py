"""Runs that failed are tried again: by themselves where that may help, or because somebody asks.

A try goes on from the newest checkpoint, in the same reservation while there is time.  After a
lost host it goes on elsewhere, and only once the claim on that host is over: its agent, cut off,
stops the old attempt by then (docs/adr).
"""

from __future__ import annotations

from dataclasses import replace

from bot.domain.continuations import ContinuationReason
from bot.domain.errors import InvalidRunSpec, NothingToContinue, WindowTaken
from bot.domain.people import Member
from bot.domain.retrying import PastAttempt, Verdict, judge
from bot.domain.run_notices import RunRetried, RunRetries
from bot.domain.run_spec import TrainingSpec
from bot.domain.states import ReservationState, RunState, move_run
from bot.domain.views import ReservationView
from bot.protocol.messages import AttemptEnd, EndCause
from bot.services import audit, continuing, outbox, run_ends, starting
from bot.services.access import lock_own
from bot.services.continuation_windows import length_left
from bot.services.due import TimerKind
from bot.services.transaction import Tx
from bot.services.views import reservation_view, run_progress, spec_from_json, spec_to_json
from bot.store import continuations, timers
from bot.store.claims import take_turns
from bot.store.tables import AttemptRow, ReservationRow, RunRow

LARGEST_BATCH = 4096


def verdict(tx: Tx, row: AttemptRow, end: AttemptEnd) -> Verdict:
    """Return whether the run of an attempt that has failed is tried again by itself, and when."""
    reservation = row.run.reservation
    return judge(
        end.cause.value,
        [_past(attempt) for attempt in row.run.attempts],
        now=tx.now,
        stops_at=reservation.ends_at - tx.policy.stop_lead,
        policy=tx.policy,
    )


def _past(attempt: AttemptRow) -> PastAttempt:
    cause = EndCause(attempt.end_cause) if attempt.end_cause else EndCause.STOPPED
    state = run_ends.final_state(attempt, cause)
    return PastAttempt(
        max((each.epoch for each in attempt.epochs), default=0),
        state in (RunState.FAILED, RunState.HOST_LOST),
    )


def again_later(tx: Tx, row: AttemptRow, end: AttemptEnd, found: Verdict, by: audit.Actor) -> None:
    """Let the run of a failed attempt be tried again at its time, and tell it."""
    run, reservation = row.run, row.run.reservation
    run.state = move_run(RunState(run.state), RunState.RETRYING)
    run.end_cause, run.end_detail = end.cause, end.detail
    run.log_tail = list(end.log_tail[-tx.policy.log_tail_lines :])
    timers.arm(tx.session, TimerKind.RUN_RETRIES, reservation.id, found.at)
    progress = run_progress(run)
    outbox.show(tx, reservation)
    outbox.tell_thread(
        tx,
        reservation,
        RunRetries(
            reservation.id,
            cause=end.cause.value,
            detail=end.detail,
            number=found.number,
            most=found.most,
            at=found.at,
            host_name=row.host.name,
            epochs_done=progress.epoch,
            epochs=progress.epochs,
            log_tail=tuple(run.log_tail),
        ),
    )
    audit.record(
        tx,
        by,
        "run.retries",
        ("run", run.id),
        reason=end.detail,
        attempt=row.number,
        cause=end.cause.value,
        exit_code=end.exit_code,
        number=found.number,
        at=found.at,
    )


def relocate(tx: Tx, row: AttemptRow) -> None:
    """Book where a run whose host is lost goes on, on a host that answers, if policy allows.

    Nothing is booked where nothing fits.  The caller has taken a turn and locked the reservation,
    whose claims are over.
    """
    reservation = row.run.reservation
    attempts = [_past(attempt) for attempt in row.run.attempts]
    found = judge(
        EndCause.HOST_LOST.value,
        attempts,
        now=tx.now,
        stops_at=tx.now + tx.policy.longest_reservation,
        policy=tx.policy,
    )
    if found.refused is not None:
        return
    try:
        continuing.book_continuation(
            tx,
            reservation,
            member=None,
            length=length_left(tx, reservation, tx.now),
            not_before=max(tx.now, reservation.ends_at),
            reason=ContinuationReason.HOST_LOST,
        )
    except WindowTaken:
        return


def fire(tx: Tx, reservation: ReservationRow) -> None:
    """Start the next attempt of a run whose time has come. The reservation is locked."""
    run = reservation.run
    if run is None or RunState(run.state) is not RunState.RETRYING:
        return
    if ReservationState(reservation.state) is ReservationState.ACTIVE:
        starting.start(tx, reservation)
        outbox.show(tx, reservation)


def retry(tx: Tx, member: Member, reservation_id: int, batch: int | None = None) -> ReservationView:
    """Try a run again that has failed or was stopped, from its newest checkpoint; return where.

    At once in its own reservation while there is time; otherwise the nearest window is booked,
    which counts like any booking.  One that is about to be tried again by itself starts now.

    Args:
        tx: the transaction.
        member: who asks.
        reservation_id: any reservation in which the run is or was.
        batch: another batch size, in images; None keeps the one that it has.

    Raises:
        UnknownReservation: there is none of that number.
        NotTheHolder: only the holder, a lead of the team or an admin may.
        NothingToContinue: it has no run, or its run is done, cancelled, or under way.
        InvalidRunSpec: the batch is not between 1 and 4096.
        WindowTaken: there is no time left here, and nothing fits within the horizon.
        ClaimOverlap: another booking won the race every time.
    """
    take_turns(tx.session)
    row = lock_own(tx, member, reservation_id)
    home = continuations.home_of(tx.session, row.id)
    if home != row.id:
        row = lock_own(tx, member, home)
    run = _require_ended(row)
    _change_batch(run, batch)
    run.state = move_run(RunState(run.state), RunState.WAITING)
    stops_at = row.ends_at - tx.policy.stop_lead
    here = ReservationState(row.state) is ReservationState.ACTIVE
    here = here and stops_at - tx.now >= tx.policy.retry_needs
    target = row if here else _elsewhere(tx, member, row)
    timers.disarm(tx.session, row.id, (TimerKind.RUN_RETRIES,), tx.now)
    starts = target.state == ReservationState.ACTIVE and starting.start(tx, target)
    outbox.show(tx, target)
    outbox.tell_thread(
        tx,
        target,
        RunRetried(
            target.id,
            by_slack_id=member.slack_user_id,
            starts_at=tx.now if starts else target.starts_at,
            batch=batch,
        ),
    )
    audit.record(
        tx,
        audit.by_member(member),
        "run.retried",
        ("run", run.id),
        reservation_id=target.id,
        batch=batch,
    )
    return reservation_view(target)


def _require_ended(row: ReservationRow) -> RunRow:
    run = row.run
    if run is None:
        raise NothingToContinue(row.id, None)
    state = RunState(run.state)
    gone = (RunState.SUCCEEDED, RunState.CANCELLED)
    if state is not RunState.RETRYING and (not state.is_over or state in gone):
        raise NothingToContinue(row.id, run.state)
    return run


def _change_batch(run: RunRow, batch: int | None) -> None:
    if batch is None:
        return
    if not 1 <= batch <= LARGEST_BATCH:
        raise InvalidRunSpec({"batch": f"between 1 and {LARGEST_BATCH} images"})
    spec: TrainingSpec = spec_from_json(run.spec)
    run.spec = spec_to_json(replace(spec, batch=batch))


def _elsewhere(tx: Tx, member: Member, row: ReservationRow) -> ReservationRow:
    """Book the nearest window and let the run wait there: it is not in its old one any more."""
    continuing.book_continuation(
        tx,
        row,
        member=member,
        length=length_left(tx, row, tx.now),
        not_before=tx.now,
        reason=ContinuationReason.RETRIED,
    )
    epochs_done = run_progress(row.run).epoch if row.run else 0
    end = AttemptEnd(cause=EndCause.STOPPED, epochs_done=epochs_done, at=tx.now)
    target = continuing.hand_on(tx, row, end)
    assert target is not None  # noqa: S101 - booked a moment ago, in this transaction
    return target
