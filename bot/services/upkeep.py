"""What time does: the work behind every timer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from bot.domain.states import ReservationState, move_reservation
from bot.protocol.messages import StopReason
from bot.services import (
    approvals,
    audit,
    audit_chain,
    file_retention,
    forecasts,
    handovers,
    hardware,
    hosts,
    maintenance,
    minutes,
    outages,
    outbox,
    overrun,
    preemptions,
    retries,
    runs,
    series,
    starting,
    stopping,
    swaps,
    transfers,
    usage,
    waiting,
    waitlist,
)
from bot.services.due import TimerKind
from bot.services.transaction import Tx, reads_only
from bot.store import preemptions as preemption_rows
from bot.store import reservations, timers
from bot.store.claims import take_turns
from bot.store.tables import ReservationRow
from bot.store.timers import DueTimer

LEASE = timedelta(seconds=30)
TIMERS_AT_ONCE = 50
FIRST_RETRY, LONGEST_RETRY = timedelta(seconds=1), timedelta(minutes=5)


def claim_timers(tx: Tx, owner: str) -> tuple[DueTimer, ...]:
    """Take the timers that are due and that nobody else holds."""
    return timers.claim_due(tx.session, tx.now, owner, LEASE, TIMERS_AT_ONCE)


def fire(tx: Tx, timer: DueTimer, owner: str) -> None:
    """Do a timer's work and mark it done, together; a holder without the lease does nothing."""
    if timer.kind in OF_OTHERS:
        _fire_for_other(tx, timer, owner)
        return
    if timer.kind == TimerKind.RESERVATION_ENDS:
        take_turns(tx.session)  # a run whose host is lost is booked elsewhere
    elif timer.kind == TimerKind.RUN_STOPS:
        overrun.lock_with_next(tx, timer.subject_id)
    row = reservations.lock(tx.session, timer.subject_id)
    if not timers.finish(tx.session, timer, owner, tx.now):
        return
    if row is None or ReservationState(row.state).is_over:
        return
    kind, _, argument = timer.kind.partition(":")
    if kind == TimerKind.ENDS_SOON:
        forecasts.announce_end(tx, row, int(argument))
    else:
        OF_RESERVATIONS[TimerKind(kind)](tx, row)


def _fire_for_other(tx: Tx, timer: DueTimer, owner: str) -> None:
    if timer.kind == TimerKind.HOST_LOST:
        take_turns(tx.session)
        hosts.lock(tx, timer.subject_id)
    elif timer.kind in OF_THOSE_WHO_WAIT:
        take_turns(tx.session)
    elif timer.kind == TimerKind.OVERRUN_OVER:
        overrun.lock_waiting(tx, timer.subject_id)
    elif timer.kind == TimerKind.PREEMPTION_TAKES:
        take_turns(tx.session)
        preemptions.lock_all(tx, timer.subject_id)
    elif timer.kind == TimerKind.MAINTENANCE_BEGINS:
        maintenance.lock_all(tx, timer.subject_id)
    elif timer.kind == TimerKind.GPU_GONE:
        take_turns(tx.session)
        outages.lock_holders(tx, [timer.subject_id])
    if timers.finish(tx.session, timer, owner, tx.now):
        OF_OTHERS[TimerKind(timer.kind)](tx, timer.subject_id)


def record_failure(tx: Tx, timer: DueTimer, owner: str) -> None:
    """Let a timer whose work failed be tried again, later each time; it is never dropped."""
    wait = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(timer.failures, 16))
    timers.give_back(tx.session, timer, owner, tx.now + wait)


@reads_only
def next_timer_at(tx: Tx) -> datetime | None:
    """Return the instant at which a timer can be taken next, or None."""
    return timers.next_due(tx.session)


def _start(tx: Tx, row: ReservationRow) -> None:
    if ReservationState(row.state) is not ReservationState.BOOKED:
        return
    if handovers.may_start(tx, row) and maintenance.may_start(tx, row):
        _begin(tx, row)


def _begin(tx: Tx, row: ReservationRow) -> None:
    usage.watch(tx, row)
    row.state = move_reservation(ReservationState.BOOKED, ReservationState.ACTIVE)
    row.version += 1
    audit.record(tx, audit.CLOCKWORK, "reservation.started", ("reservation", row.id))
    # After a long downtime there may be no time left to run in.
    if tx.now < row.ends_at - tx.policy.stop_lead:
        runs.start(tx, row)
    outbox.show(tx, row)


def _stop_run(tx: Tx, row: ReservationRow) -> None:
    why = _why_it_stops(tx, row)
    if row.run is None or (why is StopReason.EXPIRED and overrun.go_on(tx, row)):
        return
    if not stopping.ask_to_stop(tx, row, why):
        return
    audit.record(tx, audit.CLOCKWORK, "run.stopping", ("run", row.run.id), reason=why.value)
    outbox.show(tx, row)


def _why_it_stops(tx: Tx, row: ReservationRow) -> StopReason:
    """Return why a run stops at the end of its reservation: preempted is not over time."""
    taken_back = preemption_rows.open_victim(tx.session, row.id) is not None
    return StopReason.PREEMPTED if taken_back else StopReason.EXPIRED


def _end(tx: Tx, row: ReservationRow) -> None:
    if ReservationState(row.state) is ReservationState.BOOKED:
        _start(tx, row)
    if ReservationState(row.state) is ReservationState.BOOKED:
        # Its GPUs were never seen free: it is over without having begun to run.
        _begin(tx, row)
    if ReservationState(row.state).is_over:
        return
    runs.expire_waiting(tx, row)
    attempt = stopping.live_attempt(row.run)
    if attempt is not None and not attempt.host.online:
        runs.lose(tx, attempt)
    before = ReservationState(row.state)
    stopping.release(tx, row, _why_it_stops(tx, row))
    after = ReservationState(row.state)
    if after is before:
        return
    audit.record(tx, audit.CLOCKWORK, f"reservation.{after}", ("reservation", row.id))
    outbox.show(tx, row)


OF_THOSE_WHO_WAIT = (
    TimerKind.SERVE_WAITING,
    TimerKind.WAIT_OFFER_ENDS,
    TimerKind.WAIT_EXPIRES,
    TimerKind.SERIES_EXTENDS,
)
"""Their work may claim GPUs or give them back, and takes turns with all others that do."""

OF_RESERVATIONS: Mapping[TimerKind, Callable[[Tx, ReservationRow], None]] = {
    TimerKind.RESERVATION_STARTS: _start,
    TimerKind.RUN_STOPS: _stop_run,
    TimerKind.RESERVATION_ENDS: _end,
    TimerKind.RUN_RETRIES: retries.fire,
    TimerKind.START_CONFIRMED: starting.tell_unconfirmed,
    TimerKind.HANDOVER_LATE: handovers.tell_late,
    TimerKind.HANDOVER_INCIDENT: handovers.tell_incident,
    TimerKind.USAGE_LOOKS: usage.look,
    TimerKind.USAGE_CHECK_EXPIRES: usage.expire,
    TimerKind.APPROVAL_EXPIRES: approvals.expire,
}
"""The work of timers whose subject is a reservation: it is locked, and not over."""

OF_OTHERS: Mapping[TimerKind, Callable[[Tx, int], None]] = {
    TimerKind.HOST_LOST: hosts.look_for_lost,
    TimerKind.GPU_GONE: hardware.look_for_gone,
    TimerKind.MAINTENANCE_BEGINS: maintenance.begin,
    TimerKind.SERVE_WAITING: waiting.serve,
    TimerKind.AUDIT_SEALS: audit_chain.seal_due,
    TimerKind.SERIES_EXTENDS: series.extend,
    TimerKind.TRANSFER_EXPIRES: transfers.expire,
    TimerKind.SWAP_EXPIRES: swaps.expire,
    TimerKind.MINUTES_EXPIRE: minutes.expire,
    TimerKind.PREEMPTION_TAKES: preemptions.take,
    TimerKind.PREEMPTION_REMINDS: preemptions.remind,
    TimerKind.OVERRUN_OVER: overrun.bring_forward,
    TimerKind.FILES_EXPIRE: file_retention.expire,
    TimerKind.WAIT_OFFER_ENDS: waitlist.end_offer,
    TimerKind.WAIT_EXPIRES: waiting.expire,
}
"""The work of all other timers, by the number of their subject."""
