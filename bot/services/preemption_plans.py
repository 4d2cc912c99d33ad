"""Who would lose what if a higher priority took GPUs back: found, and shown before it happens.

What is shown is what would happen: the same code writes it, and a savepoint takes it back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from bot.domain.errors import MayNotPreempt, NobodyToPreempt
from bot.domain.holdings import GpuOnHost
from bot.domain.people import Member, Role
from bot.domain.preemption import (
    Loss,
    Occupant,
    PreemptionPlan,
    PreemptionWish,
    RunAtStake,
    plan_preemption,
)
from bot.domain.preemption_views import PlanView, PreemptionState, VictimState, VictimView
from bot.domain.priority import Priority
from bot.domain.requests import ReserveRequest, request_to_json
from bot.domain.states import ReservationKind, ReservationState, RunState
from bot.domain.time_window import TimeWindow
from bot.services import holding, placing, plans, roles, run_links, stopping, team_defaults
from bot.services.continuation_windows import STARTUP_ALLOWANCE
from bot.services.preemption_moves import NoPlaceForVictim, carry_out
from bot.services.transaction import Tx, reads_only
from bot.services.views import run_progress
from bot.store import preemptions
from bot.store.claims import gpu_on_host, holdings_in, load_calendar, take_turns
from bot.store.file_tables import CheckpointRow
from bot.store.preemption_tables import PreemptionRow, PreemptionVictimRow
from bot.store.tables import ReservationRow

MOST_TRIES = 50
"""How many reservations without a place to go are left out, one after another."""


@dataclass(frozen=True, slots=True)
class Found:
    """A plan, the window it is for, and what it was made of."""

    plan: PreemptionPlan
    window: TimeWindow

    @property
    def gpus(self) -> tuple[GpuOnHost, ...]:
        """The GPUs that would be had, by id."""
        return tuple(sorted(self.plan.gpus, key=lambda gpu: gpu.gpu_id))


def preview(tx: Tx, member: Member, request: ReserveRequest) -> PlanView:
    """Return who would lose what if the request took GPUs back now; nothing is changed.

    It writes and takes it back: to be run as a use case that writes, not on a snapshot.

    Raises:
        NotPermitted: viewers may not book.
        MayNotPreempt: the priority may not take GPUs back.
        NobodyToPreempt: there is not enough that may be taken.
        InvalidGpuCount, UnknownGpu, UnknownGpuType, NoSingleHost: there are no such GPUs.
        PastStart, TooShort, TooLong, BeyondHorizon: the window breaks a limit.
        ClaimOverlap: somebody else won the race every time.
    """
    take_turns(tx.session)
    request = team_defaults.settle(tx, member, request)
    require_may_preempt(tx, member, request)
    excluded: set[int] = set()
    while True:
        found = find(tx, request, excluded)
        try:
            with _taken_back(tx):
                preemption = record(tx, member, hold_for(tx, member, request, found), request)
                victims = carry_out(tx, preemption, found.plan, found.window)
                return view_of(tx, found, request.rank, victims)
        except NoPlaceForVictim as nowhere:
            _leave_out(tx, request, excluded, nowhere.reservation_id)


@reads_only
def may_preempt(tx: Tx, member: Member, request: ReserveRequest) -> bool:
    """Tell whether a member may ask for others' GPUs at the priority of a request."""
    wanted = team_defaults.settle(tx, member, request).priority
    return member.role is not Role.VIEWER and wanted in tx.policy.preempting_priorities


def require_may_preempt(tx: Tx, member: Member, request: ReserveRequest) -> None:
    """Refuse whoever may not take GPUs back at that priority.

    Raises:
        NotPermitted: viewers may not book.
        MayNotPreempt: the priority may not.
    """
    roles.require_may_book(member)
    allowed = tx.policy.preempting_priorities
    if request.rank not in allowed:
        raise MayNotPreempt(request.rank.value, tuple(each.value for each in allowed))


@contextmanager
def _taken_back(tx: Tx) -> Iterator[None]:
    """Take back whatever is written inside, and forget what was read of it."""
    savepoint = tx.session.begin_nested()
    try:
        yield
    finally:
        savepoint.rollback()
        tx.session.expire_all()


def _leave_out(tx: Tx, request: ReserveRequest, excluded: set[int], reservation_id: int) -> None:
    if reservation_id in excluded or len(excluded) >= MOST_TRIES:
        raise nobody(tx, request)
    excluded.add(reservation_id)


def nobody(tx: Tx, request: ReserveRequest) -> NobodyToPreempt:
    """Return the refusal of a wish for which not enough can be taken back."""
    minutes = round(tx.policy.preemption_protected.total_seconds() / 60)
    wanted = len(request.gpu_names) or request.gpu_count
    return NobodyToPreempt(wanted, request.rank.value, minutes)


def try_again(tx: Tx, preemption: PreemptionRow, request: ReserveRequest) -> Found:
    """Return the plan as it is now, with a place for each of its victims.

    Raises:
        NobodyToPreempt: there is not enough that may be taken any more.
    """
    excluded: set[int] = set()
    while True:
        found = find(tx, request, excluded, besides=preemption.reservation_id)
        try:
            with _taken_back(tx):
                carry_out(tx, preemption, found.plan, found.window)
        except NoPlaceForVictim as nowhere:
            _leave_out(tx, request, excluded, nowhere.reservation_id)
        else:
            return found


def hold_for(tx: Tx, member: Member, request: ReserveRequest, found: Found) -> ReservationRow:
    """Write the reservation that names the GPUs which others still hold."""
    return holding.hold(
        tx, member, request, found.window, found.gpus, state=ReservationState.PENDING, live=False
    )


def record(tx: Tx, member: Member, row: ReservationRow, request: ReserveRequest) -> PreemptionRow:
    """Write that a reservation takes GPUs from others; its plan is filled in by the caller."""
    preemption = PreemptionRow(
        reservation=row,
        asked_by_member_id=member.member_id,
        request=request_to_json(request),
        plan={},
        digest="",
        state=PreemptionState.ASKED,
        created_at=tx.now,
    )
    tx.session.add(preemption)
    tx.session.flush()
    return preemption


def find(
    tx: Tx,
    request: ReserveRequest,
    excluded: Collection[int] = (),
    *,
    besides: int | None = None,
) -> Found:
    """Return the cheapest plan for a request, by what is known now.

    Args:
        tx: the transaction.
        request: what is wanted.
        excluded: reservations that may not be taken back.
        besides: the reservation that asks, if there is one.

    Raises:
        NobodyToPreempt: there is not enough that may be taken.
        InvalidGpuCount, UnknownGpu, UnknownGpuType, NoSingleHost: there are no such GPUs.
        PastStart, TooShort, TooLong, BeyondHorizon: the window breaks a limit.
    """
    window = _window(tx, request)
    calendar = load_calendar(tx.session, window.start, window.end, without=besides)
    wish = placing.Wish.of(request, calendar)
    usable = wish.narrow(calendar)
    gpu_ids = frozenset(gpu.gpu_id for gpu in usable.gpus)
    holders = holdings_in(tx.session, window, gpu_ids, without=besides)
    occupants = [
        _occupant(tx, tx.session.get_one(ReservationRow, each.reservation_id), excluded)
        for each in holders
    ]
    plan = plan_preemption(
        PreemptionWish(wish.count, window, request.rank, wish.one_host, gpu_ids),
        usable.free(window),
        occupants,
        now=tx.now,
        grace=tx.policy.preemption_grace,
        protected=tx.policy.preemption_protected,
    )
    if plan is None:
        raise nobody(tx, request)
    return Found(plan, window)


def _window(tx: Tx, request: ReserveRequest) -> TimeWindow:
    """Return the window from when on GPUs can be had: those who lose them get notice before."""
    earliest, grid = tx.now + tx.policy.preemption_grace, tx.policy.grid
    start = request.start
    if start is not None and start < tx.now:
        start = tx.now  # it was asked for in time; approving took a while
    asked = placing.window_of(tx, _starting(request, start))
    if asked.start >= earliest:
        return asked
    return TimeWindow(earliest, max(asked.end, grid.ceil(earliest + request.length)))


def _starting(request: ReserveRequest, start: datetime | None) -> ReserveRequest:
    return ReserveRequest(length=request.length, gpu_count=request.gpu_count, start=start)


def _occupant(tx: Tx, row: ReservationRow, excluded: Collection[int]) -> Occupant:
    attempt = stopping.live_attempt(row.run)
    takeable = (
        row.kind != ReservationKind.MAINTENANCE
        and row.state in (ReservationState.BOOKED, ReservationState.ACTIVE)
        and row.id not in excluded
        and preemptions.open_victim(tx.session, row.id) is None
        # Its agent could not be told, and would train on.
        and (attempt is None or (attempt.host.online and attempt.stop_reason is None))
    )
    return Occupant(
        reservation_id=row.id,
        version=row.version,
        holder_member_id=row.member_id,
        holder_slack_id=row.member.slack_user_id,
        team_name=row.team.name,
        priority=Priority(row.priority),
        preemptible=row.preemptible and takeable,
        gpus=tuple(gpu_on_host(claim.gpu) for claim in row.claims),
        window=TimeWindow(row.starts_at, row.ends_at),
        run=_run_at_stake(tx, row),
    )


def _run_at_stake(tx: Tx, row: ReservationRow) -> RunAtStake | None:
    run, attempt = row.run, stopping.live_attempt(row.run)
    if run is None:
        return None
    progress = run_progress(run)
    started_at = attempt.trainer_started_at or attempt.assigned_at if attempt else None
    seen = tx.session.get(CheckpointRow, attempt.id) if attempt else None
    return RunAtStake(
        run_id=run.id,
        model=str(run.spec["model"]),
        epoch=progress.epoch,
        epochs=progress.epochs,
        started_at=started_at,
        checkpoint_at=seen.seen_at if seen is not None else None,
    )


def view_of(
    tx: Tx, found: Found, priority: Priority, victims: Collection[PreemptionVictimRow]
) -> PlanView:
    """Return what has been carried out as it is shown."""
    by_id = {victim.reservation_id: victim for victim in victims}
    shown = tuple(
        _victim_view(tx, loss, by_id[loss.occupant.reservation_id], found.window.start)
        for loss in found.plan.losses
    )
    names = tuple(gpu.name for gpu in found.gpus)
    parts = [found.plan.digest, *(f"{each.reservation_id}>{each.next_start}" for each in shown)]
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
    return PlanView(digest, priority, names, found.window, shown)


def _victim_view(tx: Tx, loss: Loss, victim: PreemptionVictimRow, takes_at: datetime) -> VictimView:
    one, run = loss.occupant, loss.occupant.run
    begun = victim.state == VictimState.CUT
    target = victim.target or _goes_on(tx, victim) or victim.reservation
    return VictimView(
        reservation_id=one.reservation_id,
        holder_slack_id=one.holder_slack_id,
        team_name=one.team_name,
        priority=one.priority,
        gpu_names=tuple(gpu.name for gpu in one.gpus),
        ends_at=one.window.end,
        begun=begun,
        run_id=run.run_id if run else None,
        model=run.model if run else "",
        epoch=run.epoch if run else 0,
        epochs=run.epochs if run else 0,
        checkpoint_at=run.checkpoint_at if run else None,
        lost_work_s=loss.lost_work.total_seconds() if begun else 0.0,
        next_id=target.id,
        next_start=target.starts_at,
        next_end=target.ends_at,
        finishes_at=_finishes_at(tx, victim, target, takes_at),
    )


def _goes_on(tx: Tx, victim: PreemptionVictimRow) -> ReservationRow | None:
    return run_links.planned_for(tx, victim.reservation)


def _finishes_at(
    tx: Tx, victim: PreemptionVictimRow, target: ReservationRow, takes_at: datetime
) -> datetime | None:
    """Return when its run will be done there, None while that is not known."""
    run = victim.reservation.run
    if run is None or RunState(run.state).is_over:
        return None
    left = run_progress(run).left
    if left is not None:
        has_had = takes_at - tx.now if victim.state == VictimState.CUT else takes_at - takes_at
        return target.starts_at + STARTUP_ALLOWANCE + max(left - has_had, left * 0)
    known = plans.expected_finish(tx, victim.reservation_id)
    return None if known is None else target.starts_at + known.option.length.likely
