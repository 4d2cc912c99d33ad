"""Holding GPUs for a window, and giving them up before it starts."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.holdings import GpuOnHost
from bot.domain.people import Member
from bot.domain.requests import ReserveRequest
from bot.domain.states import (
    ReservationKind,
    ReservationState,
    RunState,
    move_reservation,
)
from bot.domain.time_window import TimeWindow
from bot.services import (
    audit,
    due,
    open_offers,
    preemption_restoring,
    run_ends,
    run_links,
    team_defaults,
)
from bot.services.transaction import Tx
from bot.services.views import spec_to_json
from bot.store import approvals, series
from bot.store.tables import ClaimRow, ReservationRow, RunRow


def hold(
    tx: Tx,
    member: Member,
    request: ReserveRequest,
    window: TimeWindow,
    gpus: Sequence[GpuOnHost],
    *,
    state: ReservationState = ReservationState.BOOKED,
    kind: ReservationKind = ReservationKind.WORK,
    live: bool = True,
) -> ReservationRow:
    """Write a reservation that holds those GPUs for the window, with its run waiting.

    Without ``live`` it only names GPUs that others still hold, until they are taken back.
    The caller arms its timers and tells of it.
    """
    request = team_defaults.settle(tx, member, request)
    preemptible = request.preemptible
    row = ReservationRow(
        team_id=member.team_id,
        member_id=member.member_id,
        priority=request.rank,
        preemptible=request.rank.preemptible_by_default if preemptible is None else preemptible,
        state=state,
        kind=kind,
        starts_at=window.start,
        ends_at=window.end,
        note=request.note,
        request_key=request.request_key,
        created_at=tx.now,
    )
    # In the order of their ids, so that two bookings that race for several never wait crosswise.
    row.claims = [
        ClaimRow(gpu_id=gpu.gpu_id, starts_at=window.start, ends_at=window.end, live=live)
        for gpu in gpus
    ]
    if request.run is not None:
        row.run = RunRow(spec=spec_to_json(request.run), state=RunState.WAITING, created_at=tx.now)
    tx.session.add(row)
    tx.session.flush()
    tx.session.refresh(row)
    return row


def give_up(tx: Tx, row: ReservationRow) -> None:
    """Cancel a reservation that has not started: it never was, and those who wait are served.

    The caller has locked it, and tells of it.

    Raises:
        IllegalMove: it has started or is over.
    """
    row.state = move_reservation(ReservationState(row.state), ReservationState.CANCELLED)
    row.ended_at = tx.now
    row.version += 1
    for claim in row.claims:
        claim.live = False
    target = run_links.lock_planned(tx, row)
    for booked_for_it in preemption_restoring.close(tx, row):
        booked_for_it.end_reason = f"R{row.id} was cancelled"
        give_up(tx, booked_for_it)
    preemption_restoring.restore(tx, row)
    if row.run is not None:
        run_ends.end_unstarted(tx, row.run, cancelled=True)
    approvals.withdraw_open(tx.session, row.id, tx.now)
    _leave_out_of_its_series(tx, row)
    run_links.let_go(tx, row, row.end_reason or "it was cancelled")
    open_offers.withdraw_all(tx, row, audit.CLOCKWORK, "it was cancelled")
    due.disarm_reservation(tx, row)
    due.arm_serve_waiting(tx)
    if target is not None:
        target.end_reason = f"R{row.id} was cancelled"
        give_up(tx, target)


def _leave_out_of_its_series(tx: Tx, row: ReservationRow) -> None:
    """Keep the day of an occurrence free of it: what was given up is not booked again."""
    on_date = series.day_of(row)
    if row.series_id is not None and on_date is not None:
        reason = f"cancelled: {row.end_reason}"
        series.leave_out(tx.session, row.series_id, on_date, reason, tx.now)
