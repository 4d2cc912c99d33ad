"""Starting runs: an attempt is made for the host, which has to confirm it in time."""

from __future__ import annotations

from bot.domain.run_notices import StartUnconfirmed
from bot.domain.states import RunState, move_run
from bot.protocol.messages import AttemptState
from bot.services import audit, outbox, stopping
from bot.services.due import TimerKind
from bot.services.transaction import Tx
from bot.store import timers
from bot.store.tables import AttemptRow, ReservationRow


def start(tx: Tx, reservation: ReservationRow) -> bool:
    """Make the next attempt of a reservation's run, for its host to pick up. Idempotent.

    Returns whether there is a new attempt: the run waited, or was to be tried again.  Each attempt
    has a higher fence than the one before, so that a late word of an old one changes nothing.
    """
    run = reservation.run
    if run is None or RunState(run.state) not in (RunState.WAITING, RunState.RETRYING):
        return False
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
            reservation_id=reservation.id,
        )
    )
    run.state = move_run(RunState(run.state), RunState.STARTING)
    run.ended_at, run.end_cause, run.end_detail = None, None, ""
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
    timers.arm(
        tx.session,
        TimerKind.START_CONFIRMED,
        reservation.id,
        tx.now + tx.policy.start_confirmed_within,
    )
    return True


def tell_unconfirmed(tx: Tx, reservation: ReservationRow) -> None:
    """Tell the holder that the host has not confirmed a start. The reservation is locked.

    Nothing is given up for that: the agent starts the attempt as soon as it hears of it, for as
    long as the claim lasts.
    """
    attempt = stopping.live_attempt(reservation.run)
    if attempt is None or attempt.pid is not None or attempt.state != AttemptState.STARTING:
        return
    host = attempt.host
    notice = StartUnconfirmed(
        reservation.id,
        reservation.member.slack_user_id,
        host.name,
        host.online,
        host.last_seen_at,
        attempt.assigned_at,
        reservation.ends_at,
    )
    outbox.tell_holder(tx, reservation, notice)
    outbox.tell_thread(tx, reservation, notice)
    audit.record(
        tx,
        audit.CLOCKWORK,
        "run.start_unconfirmed",
        ("run", attempt.run_id),
        host=host.name,
        online=host.online,
        last_seen_at=host.last_seen_at,
        attempt=attempt.number,
    )
