"""Runs that are a little late go on over the end of their booking, and who is next waits a little.

Decided when the run would be asked to stop, from what is known of it then
(`bot.domain.overrun`).  What it gets is held as everything is, by claims: nobody else can book it,
and it counts in quotas and reports.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.errors import OutOfOrder
from bot.domain.overrun import LateRun, NextInLine, OverrunRules, end_to_go_on_to, latest_end
from bot.domain.overrun_notices import RunGoesOver, StartWaits, StartWaitsNoMore
from bot.domain.priority import Priority
from bot.domain.states import ReservationKind, ReservationState, RunState
from bot.domain.time_window import TimeWindow
from bot.services import (
    audit,
    due,
    finishing_early,
    late_runs,
    outbox,
    run_links,
    stopping,
    windows,
)
from bot.services.transaction import Tx
from bot.services.views import run_progress
from bot.store import overruns, reservations
from bot.store.claims import holdings_in, take_turns
from bot.store.overrun_tables import OverrunDelayRow, OverrunRow
from bot.store.tables import ReservationRow


@dataclass(frozen=True, slots=True)
class _Next:
    """A reservation that has GPUs of a late run next, and whether it may be asked to wait."""

    row: ReservationRow
    starts_at: datetime
    may_wait: bool


def rules_of(tx: Tx) -> OverrunRules:
    """Return how far runs may go over."""
    policy = tx.policy
    return OverrunRules(policy.overrun_fraction, policy.overrun_next_waits, policy.stop_lead)


def lock_with_next(tx: Tx, reservation_id: int) -> None:
    """Take a turn, and lock a reservation and those that could wait for it, in the order of ids."""
    take_turns(tx.session)
    row = tx.session.get(ReservationRow, reservation_id)
    ids = {reservation_id}
    if row is not None and tx.policy.overrun_fraction > 0:
        ids |= {each.row.id for each in _following(tx, row)}
    for number in sorted(ids):
        reservations.lock(tx.session, number)


def lock_waiting(tx: Tx, reservation_id: int) -> None:
    """Take a turn, and lock a reservation that went over and those that waited, in that order."""
    take_turns(tx.session)
    waited = {each.reservation_id for each in overruns.unsettled(tx.session, reservation_id)}
    for number in sorted(waited | {reservation_id}):
        reservations.lock(tx.session, number)


def go_on(tx: Tx, row: ReservationRow) -> bool:
    """Let the run of a reservation go over its end instead of stopping it; return whether it does.

    Not one that goes on elsewhere by itself, that was asked to stop, or that stops after the last
    epoch that fits; not on a host that does not answer, which would not hear of it, or that is to
    be taken out of service.  Who is next and has waited before does not wait again; nor does a P0,
    nor maintenance.  The caller has called `lock_with_next`.
    """
    late = _late_run(tx, row)
    if late is None:
        return False
    following = _following(tx, row)
    until = end_to_go_on_to(
        late, [NextInLine(each.starts_at, each.may_wait) for each in following], rules_of(tx)
    )
    if until is None:
        return False
    in_the_way = [each.row for each in following if each.starts_at < until]
    overrun = _note(tx, row, until)
    # Those who are next make room first: the database refuses two claims for even a moment.
    for other in in_the_way:
        _let_wait(tx, overrun, row, other, until)
    if in_the_way:
        due.arm_serve_waiting(tx)  # their other GPUs are free for a while
    old = row.ends_at
    windows.place(tx, row, TimeWindow(row.starts_at, until))
    outbox.show(tx, row)
    notice = RunGoesOver(
        row.id,
        row.member.slack_user_id,
        overrun.booked_until,
        until,
        late.likely_at,
        tuple(other.member.slack_user_id for other in in_the_way),
    )
    outbox.tell_holder(tx, row, notice)
    outbox.tell_thread(tx, row, notice)
    audit.record(
        tx,
        audit.CLOCKWORK,
        "reservation.overrun",
        ("reservation", row.id),
        booked_until=overrun.booked_until,
        old_end=old,
        ends_at=until,
        likely_at=late.likely_at,
        waiting=[other.id for other in in_the_way],
    )
    return True


def most_until(tx: Tx, row: ReservationRow) -> datetime | None:
    """Return until when the run of a reservation could go over, as things stand; None if not."""
    if not _may_go_over(tx, row):
        return None
    rules = rules_of(tx)
    limit = latest_end(_booked(tx, row), rules.fraction)
    for each in _following(tx, row):
        waits = rules.longest_wait if each.may_wait else timedelta()
        limit = min(limit, each.starts_at + waits)
    return limit if limit > row.ends_at else None


def _late_run(tx: Tx, row: ReservationRow) -> LateRun | None:
    if not _may_go_over(tx, row) or row.run is None:
        return None
    end = late_runs.expected_end(tx, row, run_progress(row.run))
    return LateRun(
        _booked(tx, row),
        row.ends_at,
        end.likely_at if end is not None else None,
        end.high_at if end is not None else None,
    )


def _may_go_over(tx: Tx, row: ReservationRow) -> bool:
    attempt = stopping.live_attempt(row.run)
    if tx.policy.overrun_fraction <= 0 or attempt is None or row.run is None:
        return False
    if row.kind != ReservationKind.WORK or row.state != ReservationState.ACTIVE:
        return False
    if RunState(row.run.state) not in (RunState.STARTING, RunState.RUNNING):
        return False
    if attempt.stop_reason is not None or not attempt.host.online:
        return False
    if any(claim.gpu.broken_at or claim.gpu.host.drained_at for claim in row.claims):
        return False
    return run_links.planned_for(tx, row) is None and not finishing_early.is_set(tx, row)


def _booked(tx: Tx, row: ReservationRow) -> TimeWindow:
    overrun = overruns.open_of(tx.session, row.id)
    return TimeWindow(row.starts_at, overrun.booked_until if overrun else row.ends_at)


def _following(tx: Tx, row: ReservationRow) -> tuple[_Next, ...]:
    """Return who has any of the GPUs between the end of ``row`` and the latest that it could get.

    Of all of those, also of the ones that could not wait: up to them it may go over.
    """
    latest = latest_end(_booked(tx, row), tx.policy.overrun_fraction)
    if latest <= row.ends_at:
        return ()
    window = TimeWindow(row.ends_at, latest)
    gpu_ids = [claim.gpu_id for claim in row.claims]
    held = holdings_in(tx.session, window, gpu_ids, without=row.id)
    waited = overruns.have_waited(tx.session, [each.reservation_id for each in held])
    found = []
    for each in held:
        other = tx.session.get_one(ReservationRow, each.reservation_id)
        may_wait = (
            other.id not in waited
            and other.state == ReservationState.BOOKED
            and other.kind == ReservationKind.WORK
            and Priority(other.priority) is not Priority.P0
            and other.starts_at > tx.now
        )
        found.append(_Next(other, each.window.start, may_wait))
    return tuple(found)


def _note(tx: Tx, row: ReservationRow, until: datetime) -> OverrunRow:
    overrun = overruns.open_of(tx.session, row.id)
    if overrun is None:
        overrun = OverrunRow(
            reservation_id=row.id,
            booked_until=row.ends_at,
            until=until,
            steps=0,
            began_at=tx.now,
        )
        tx.session.add(overrun)
    overrun.until = until
    overrun.steps += 1
    tx.session.flush()
    return overrun


def _let_wait(
    tx: Tx, overrun: OverrunRow, row: ReservationRow, other: ReservationRow, until: datetime
) -> None:
    old = TimeWindow(other.starts_at, other.ends_at)
    new = _later(tx, other, until)
    tx.session.add(
        OverrunDelayRow(
            overrun_id=overrun.id,
            reservation_id=other.id,
            starts_at=old.start,
            ends_at=old.end,
            moved_to=new.start,
        )
    )
    windows.place(tx, other, new)
    notice = StartWaits(
        other.id,
        other.member.slack_user_id,
        row.id,
        row.member.slack_user_id,
        new.start,
        new.end,
        old.start,
        old.end,
    )
    outbox.show(tx, other)
    outbox.tell_holder(tx, other, notice)
    outbox.tell_thread(tx, other, notice)
    audit.record(
        tx,
        audit.CLOCKWORK,
        "reservation.delayed",
        ("reservation", other.id),
        reason=f"the training of R{row.id} needs a little longer",
        old_start=old.start,
        old_end=old.end,
        starts_at=new.start,
        ends_at=new.end,
        late=row.id,
    )


def _later(tx: Tx, other: ReservationRow, until: datetime) -> TimeWindow:
    """Return the window of one who waits: later as a whole, where its GPUs are free after it."""
    later = other.ends_at + (until - other.starts_at)
    after = TimeWindow(other.ends_at, later)
    gpu_ids = [claim.gpu_id for claim in other.claims]
    if holdings_in(tx.session, after, gpu_ids, without=other.id):
        return TimeWindow(until, other.ends_at)
    try:
        run_links.require_order(tx, other, starts_at=until, ends_at=later)
    except OutOfOrder:
        return TimeWindow(until, other.ends_at)
    return TimeWindow(until, later)


def bring_forward(tx: Tx, reservation_id: int) -> None:
    """Let those who waited for an overrun that is over start at once, or when they had booked.

    Their end comes forward too, so that they have as long as they had booked.  Idempotent.  The
    caller has called `lock_waiting`.
    """
    if overruns.open_of(tx.session, reservation_id) is not None:
        return
    for delay in overruns.unsettled(tx.session, reservation_id):
        delay.settled_at = tx.now
        other = delay.reservation
        if other.state == ReservationState.BOOKED and other.starts_at == delay.moved_to:
            _bring_one_forward(tx, reservation_id, other, delay)
    tx.session.flush()


def _bring_one_forward(
    tx: Tx, reservation_id: int, other: ReservationRow, delay: OverrunDelayRow
) -> None:
    start = max(tx.now, delay.starts_at)
    if start >= other.starts_at:
        return
    gained = TimeWindow(start, other.starts_at)
    gpu_ids = [claim.gpu_id for claim in other.claims]
    held = holdings_in(tx.session, gained, gpu_ids, without=other.id)
    start = max([start, *(each.window.end for each in held)])
    if start >= other.starts_at:
        return
    old = TimeWindow(other.starts_at, other.ends_at)
    end = min(old.end, start + (delay.ends_at - delay.starts_at))
    windows.place(tx, other, TimeWindow(start, end))
    due.arm_serve_waiting(tx)
    notice = StartWaitsNoMore(other.id, other.member.slack_user_id, reservation_id, start, end)
    outbox.show(tx, other)
    outbox.tell_holder(tx, other, notice)
    outbox.tell_thread(tx, other, notice)
    audit.record(
        tx,
        audit.CLOCKWORK,
        "reservation.brought_forward",
        ("reservation", other.id),
        reason=f"the training of R{reservation_id} is over",
        old_start=old.start,
        old_end=old.end,
        starts_at=start,
        ends_at=end,
        late=reservation_id,
    )
