"""Runs that go on in another reservation: planned, handed on, or dropped.

A reservation stays one window with its claims; what moves is the run.  Until it has stopped where
it is, the continuation is only planned: its GPUs are held, it has no card of its own, and it
starts nothing.  `hand_on` is the one place where a run changes its reservation, in the transaction
that records the end of its attempt, so that no run is ever in two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.domain.continuations import ContinuationReason, ContinuationState
from bot.domain.errors import NothingToContinue, ReservationOver
from bot.domain.holdings import GpuOnHost
from bot.domain.people import Member
from bot.domain.priority import Priority
from bot.domain.requests import ReserveRequest
from bot.domain.run_notices import ContinuationPlanned, RunHandedOn
from bot.domain.states import ReservationState, RunState, move_run
from bot.domain.time_window import TimeWindow
from bot.domain.views import ReservationView
from bot.protocol.messages import AttemptEnd, StopReason
from bot.services import approvals, audit, due, holding, outbox, run_links, stopping
from bot.services.access import lock_to_change
from bot.services.continuation_windows import find_continuation_window, find_place, length_left
from bot.services.people import member_of
from bot.services.run_links import planned_for
from bot.services.transaction import Tx
from bot.services.views import reservation_view, run_progress
from bot.store import continuations
from bot.store.claims import gpu_on_host, take_turns
from bot.store.run_tables import ContinuationRow
from bot.store.tables import ReservationRow

__all__ = [
    "book_continuation",
    "drop",
    "find_continuation_window",
    "hand_on",
    "length_left",
    "planned_for",
    "stop_and_continue",
]


def book_continuation(
    tx: Tx,
    row: ReservationRow,
    *,
    member: Member | None,
    length: timedelta,
    not_before: datetime,
    reason: ContinuationReason,
    window: TimeWindow | None = None,
) -> ReservationRow:
    """Book where the run of ``row`` goes on once it has stopped, and return that reservation.

    For the same holder, team and priority, on as many GPUs of the same type.  What ``member`` asks
    for counts like any booking and may have to wait for approval; what Berth itself takes away
    (`ContinuationReason.is_owed`) is never refused for a quota.  A run that has a continuation
    already keeps that one.  The caller has taken a turn and has locked ``row``.

    Args:
        tx: the transaction.
        row: the reservation in which the run is now.
        member: who asks; None for Berth itself.
        length: how long it needs, at least; less than a slot is one slot.
        not_before: from when on it may go on there.
        reason: why it goes on elsewhere.
        window: exactly this window, instead of the nearest one that fits.

    Raises:
        NothingToContinue: the reservation has no run.
        WindowTaken: nothing fits within the horizon, or not in ``window``.
    """
    if row.run is None:
        raise NothingToContinue(row.id, None)
    known = planned_for(tx, row)
    if known is not None:
        return known
    # What a silent host has cannot be had again on a silent host.
    answering = reason is ContinuationReason.HOST_LOST
    found, gpus = find_place(tx, row, length, not_before, window, answering_only=answering)
    asks = None if reason.is_owed else member
    state = ReservationState.BOOKED if asks is None else ReservationState.PENDING
    target = _hold(tx, row, found, gpus, state)
    tx.session.add(
        ContinuationRow(
            run_id=row.run.id,
            from_reservation_id=row.id,
            to_reservation_id=target.id,
            reason=reason,
            state=ContinuationState.PLANNED,
            created_at=tx.now,
        )
    )
    tx.session.flush()
    if asks is None:
        due.arm_reservation(tx, target)
    else:
        approvals.book_or_ask(tx, asks, target)
    _tell_planned(tx, row, target, member, reason)
    return target


def _hold(
    tx: Tx,
    row: ReservationRow,
    window: TimeWindow,
    gpus: Sequence[GpuOnHost],
    state: ReservationState,
) -> ReservationRow:
    """Hold GPUs for the same holder and team on the same terms; the run stays where it is."""
    holder = replace(member_of(row.member), team_id=row.team_id, team_name=row.team.name)
    request = ReserveRequest(
        window.length,
        len(gpus),
        priority=Priority(row.priority),
        preemptible=row.preemptible,
        note=row.note,
    )
    return holding.hold(tx, holder, request, window, gpus, state=state)


def _tell_planned(
    tx: Tx,
    row: ReservationRow,
    target: ReservationRow,
    member: Member | None,
    reason: ContinuationReason,
) -> None:
    assert row.run is not None  # noqa: S101 - looked at by the caller
    row.version += 1
    outbox.show(tx, row)
    outbox.tell_thread(
        tx,
        row,
        ContinuationPlanned(
            row.id,
            to_reservation_id=target.id,
            reason=reason,
            starts_at=target.starts_at,
            ends_at=target.ends_at,
            gpu_names=_gpu_names(target),
            approved=target.state != ReservationState.PENDING,
            by_slack_id=member.slack_user_id if member else "",
        ),
    )
    actor = audit.by_member(member) if member else audit.CLOCKWORK
    pending = target.state == ReservationState.PENDING
    audit.record(
        tx,
        actor,
        "reservation.asked" if pending else "reservation.booked",
        ("reservation", target.id),
        reason=f"continues R{row.id}: {reason}",
        starts_at=target.starts_at,
        ends_at=target.ends_at,
        gpus=_gpu_names(target),
        priority=target.priority,
    )
    audit.record(
        tx,
        actor,
        "run.continuation_booked",
        ("run", row.run.id),
        reason=reason,
        from_reservation=row.id,
        to_reservation=target.id,
        starts_at=target.starts_at,
        ends_at=target.ends_at,
        gpus=_gpu_names(target),
    )


def _gpu_names(row: ReservationRow) -> tuple[str, ...]:
    return tuple(gpu_on_host(claim.gpu).name for claim in row.claims)


def stop_and_continue(
    tx: Tx,
    member: Member,
    reservation_id: int,
    request_key: str | None = None,
    *,
    now: bool = False,
) -> ReservationView:
    """Let a run stop at a checkpoint and go on in the next free window, which is booked at once.

    It uses the time that it has: it stops softly at the end of its reservation, or at once where
    ``now`` says so.  Asking again changes nothing, but that ``now`` stops it.

    Args:
        tx: the transaction.
        member: who asks.
        reservation_id: the reservation in which the run is.
        request_key: the name of the asking; kept with the event.
        now: whether to stop now, and give the rest of the reservation back.

    Returns:
        the reservation in which the run is, with where it goes on.

    Raises:
        UnknownReservation: there is none of that number.
        NotTheHolder: only the holder, a lead of the team or an admin may.
        ReservationOver: it has ended, was cancelled, or is being released.
        NothingToContinue: it has no run, or its run is over.
        WindowTaken: nothing fits within the horizon; carries who holds the GPUs.
        ClaimOverlap: another booking won the race every time.
    """
    take_turns(tx.session)
    row = lock_to_change(tx, member, reservation_id)
    _require_going_on(tx, row)
    target = planned_for(tx, row)
    if target is None:
        until = tx.now if now else row.ends_at
        length = length_left(tx, row, until)
        target = book_continuation(
            tx,
            row,
            member=member,
            length=length,
            not_before=until,
            reason=ContinuationReason.ASKED,
        )
    if now and ReservationState(row.state) is ReservationState.ACTIVE:
        stopping.release(tx, row, StopReason.REQUESTED)
        outbox.show(tx, row)
        audit.record(
            tx,
            audit.by_member(member),
            "reservation.released",
            ("reservation", row.id),
            reason=f"its run goes on in R{target.id}",
            request_key=request_key,
        )
    return reservation_view(row)


def _require_going_on(tx: Tx, row: ReservationRow) -> None:
    run = row.run
    if run is None:
        raise NothingToContinue(row.id, None)
    if RunState(run.state).is_over:
        raise NothingToContinue(row.id, run.state)
    state = ReservationState(row.state)
    if state is ReservationState.RELEASING and planned_for(tx, row) is None:
        raise ReservationOver(row.id, state.value)


def hand_on(tx: Tx, from_row: ReservationRow, attempt_end: AttemptEnd) -> ReservationRow | None:
    """Let the run of ``from_row`` wait in the reservation that is planned for it; None without one.

    To be called once its attempt has ended and while its state is not yet one of an end.  Its card
    goes with it.  The caller has locked ``from_row``, ends it, and starts the run where it is now
    if that has begun.
    """
    run = from_row.run
    target = run_links.lock_planned(tx, from_row)
    if run is None or target is None:
        return None
    link = continuations.planned_from(tx.session, from_row.id)
    assert link is not None  # noqa: S101 - it was there a moment ago, under the same lock
    link.state, link.decided_at = ContinuationState.TAKEN, tx.now
    run.state = move_run(RunState(run.state), RunState.WAITING)
    run.reservation = target
    target.version += 1
    from_row.version += 1
    tx.session.flush()
    tx.session.expire(from_row, ["run"])
    tx.session.expire(target, ["run"])
    outbox.move_card(tx, from_row, target)
    if ReservationState(target.state) is not ReservationState.PENDING:
        due.arm_reservation(tx, target)
    outbox.show(tx, target)
    progress = run_progress(run)
    outbox.tell_thread(
        tx,
        target,
        RunHandedOn(
            target.id,
            from_reservation_id=from_row.id,
            reason=link.reason,
            starts_at=target.starts_at,
            gpu_names=_gpu_names(target),
            epochs_done=max(progress.epoch, attempt_end.epochs_done),
            epochs=progress.epochs,
        ),
    )
    audit.record(
        tx,
        audit.CLOCKWORK,
        "run.handed_on",
        ("run", run.id),
        reason=link.reason,
        from_reservation=from_row.id,
        to_reservation=target.id,
        epochs_done=attempt_end.epochs_done,
    )
    return target


def drop(tx: Tx, row: ReservationRow, why: str) -> None:
    """Give up where the run of ``row`` was to go on, because it has ended for good. Idempotent.

    Those who wait are served with what becomes free.  The caller has locked ``row``.
    """
    target = run_links.lock_planned(tx, row)
    if target is None:
        return
    target.end_reason = why
    if ReservationState(target.state).is_ahead:
        holding.give_up(tx, target)
    else:
        stopping.finish(tx, target)
    audit.record(
        tx, audit.CLOCKWORK, "reservation.cancelled", ("reservation", target.id), reason=why
    )
