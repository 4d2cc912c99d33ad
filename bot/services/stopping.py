"""Ending what runs: by request, by the clock, and when the process is seen gone."""

from __future__ import annotations

from sqlalchemy import update

from bot.domain.states import ReservationState, RunState, move_reservation, move_run
from bot.protocol.messages import AttemptState, StopReason
from bot.services import audit, due, holding, open_offers, overrun_ends, run_ends, run_links
from bot.services.transaction import Tx
from bot.store import preemptions
from bot.store.tables import AttemptRow, HostRow, ReservationRow, RunRow


def live_attempt(run: RunRow | None) -> AttemptRow | None:
    """Return the attempt of a run that has not ended, or None."""
    if run is None or not run.attempts or run.attempts[-1].state == AttemptState.ENDED:
        return None
    return run.attempts[-1]


def release(tx: Tx, row: ReservationRow, why: StopReason) -> None:
    """End an active reservation now, or as soon as its run has been stopped softly."""
    if live_attempt(row.run) is not None:
        if ReservationState(row.state) is not ReservationState.RELEASING:
            row.state = move_reservation(ReservationState(row.state), ReservationState.RELEASING)
            row.version += 1
            open_offers.withdraw_all(tx, row, audit.CLOCKWORK, "it is being released")
        ask_to_stop(tx, row, why)
    else:
        finish(tx, row)


def ask_to_stop(tx: Tx, row: ReservationRow, why: StopReason) -> bool:
    """Tell the host to stop the run softly, and return whether this was the first time.

    The first reason given stands. Idempotent.
    """
    attempt = live_attempt(row.run)
    if row.run is None or attempt is None or attempt.stop_reason is not None:
        return False
    attempt.stop_reason = why
    row.run.state = move_run(RunState(row.run.state), RunState.STOPPING)
    bump_revision(tx, attempt.host_id)
    return True


def finish(tx: Tx, row: ReservationRow) -> None:
    """End a reservation whose GPUs are seen free: what is left of its claims is free from now on.

    Idempotent.
    """
    if ReservationState(row.state).is_over:
        return
    row.state = move_reservation(ReservationState(row.state), ReservationState.ENDED)
    row.ended_at = tx.now
    row.version += 1
    for claim in row.claims:
        if claim.ends_at > tx.now:
            claim.ends_at = tx.now
            # A claim that never became live, of maintenance that had to wait, does not now.
            claim.live = claim.live and claim.starts_at < tx.now
    if row.run is not None:
        run_ends.end_unstarted(tx, row.run, cancelled=False)
    overrun_ends.close(tx, row)
    victim = preemptions.open_victim(tx.session, row.id)
    if victim is not None:
        due.arm_preemption_looks(tx, victim.preemption_id)
    _drop_what_follows(tx, row)
    run_links.let_go(tx, row, row.end_reason or "it is over")
    open_offers.withdraw_all(tx, row, audit.CLOCKWORK, "it is over")
    due.disarm_reservation(tx, row)
    due.arm_serve_waiting(tx)


def _drop_what_follows(tx: Tx, row: ReservationRow) -> None:
    """Give up where a run was to go on that has ended while it waited."""
    target = run_links.lock_planned(tx, row)
    if target is None:
        return
    target.end_reason = f"the training of R{row.id} is over"
    if ReservationState(target.state).is_ahead:
        holding.give_up(tx, target)
    else:
        finish(tx, target)


def bump_revision(tx: Tx, host_id: int) -> None:
    """Let the host's agent know that something meant for it has changed."""
    tx.session.execute(
        update(HostRow)
        .where(HostRow.id == host_id)
        .values(desired_revision=HostRow.desired_revision + 1)
    )
