"""Who is told what about a preemption: those who decide, those who give up GPUs, their channels."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta

from bot.domain.notices import ReservationReleased
from bot.domain.people import Member
from bot.domain.preemption_notices import GpusTakenBack, PreemptionAsked, TeamLosesGpus
from bot.domain.preemption_views import (
    PlanView,
    VictimState,
    VictimView,
    plan_from_json,
    victim_to_text,
)
from bot.domain.states import ReservationState, RunState
from bot.domain.time_window import TimeWindow
from bot.services import audit, outbox, placing, run_links
from bot.services.transaction import Tx
from bot.services.views import run_progress
from bot.store import approvals, preemptions
from bot.store.claims import load_calendar
from bot.store.file_tables import CheckpointRow
from bot.store.offer_tables import ApprovalRow
from bot.store.preemption_tables import PreemptionRow, PreemptionVictimRow
from bot.store.tables import ReservationRow

CHOICES = 3


def tell_asked(tx: Tx, preemption: PreemptionRow, plan: PlanView, approval: ApprovalRow) -> None:
    """Ask whoever may approve, with the whole plan in view."""
    row = preemption.reservation
    notice = PreemptionAsked(
        row.id,
        preemption_id=preemption.id,
        approval_id=approval.id,
        digest=plan.digest,
        asked_by_slack_id=row.member.slack_user_id,
        team_name=row.team.name,
        priority=row.priority,
        gpu_names=plan.gpu_names,
        starts_at=plan.window.start,
        ends_at=plan.window.end,
        expires_at=approval.expires_at,
        victims=tuple(victim_to_text(victim) for victim in plan.victims),
        approver_slack_ids=approvals.approvers(tx.session, row.team_id),
        note=row.note,
    )
    if row.team.approval_channel_id:
        outbox.tell_channel(tx, row.team.approval_channel_id, row, notice)
    else:
        outbox.tell_thread(tx, row, notice)


def tell_agreed(tx: Tx, preemption: PreemptionRow, plan: PlanView, by: Member) -> None:
    """Tell every holder what is taken back from them and when, and the channel of each team."""
    by_channel: defaultdict[str, list[tuple[ReservationRow, VictimView]]] = defaultdict(list)
    shown = {victim.reservation_id: victim for victim in plan.victims}
    for victim in preemptions.victims_of(tx.session, preemption.id):
        row, view = victim.reservation, shown[victim.reservation_id]
        outbox.show(tx, row)
        notice = _taken_back(tx, preemption, victim, view)
        outbox.tell_holder(tx, row, notice)
        by_channel[row.team.channel_id].append((row, view))
        audit.record(
            tx,
            audit.by_member(by),
            "reservation.preempted",
            ("reservation", row.id),
            reason=f"R{preemption.reservation_id} takes its GPUs",
            preemption=preemption.id,
            takes_at=plan.takes_at,
            goes_on_in=view.next_id,
            goes_on_at=view.next_start,
        )
    for channel_id, met in by_channel.items():
        outbox.tell_channel(
            tx,
            channel_id,
            met[0][0],
            TeamLosesGpus(
                preemption.reservation_id,
                by_slack_id=preemption.reservation.member.slack_user_id,
                approved_by_slack_id=by.slack_user_id,
                priority=preemption.reservation.priority,
                takes_at=plan.takes_at,
                victims=tuple(victim_to_text(view) for _, view in met),
            ),
        )


def remind(tx: Tx, preemption: PreemptionRow, minutes: int) -> None:
    """Tell every holder who has not yielded yet how long it still is, at the cost of now."""
    shown = {each.reservation_id: each for each in plan_from_json(preemption.plan).victims}
    for victim in preemptions.victims_of(tx.session, preemption.id):
        row = victim.reservation
        if victim.state != VictimState.CUT or row.state != ReservationState.ACTIVE:
            continue
        view = now_at_stake(tx, victim, shown[row.id])
        outbox.tell_holder(tx, row, _taken_back(tx, preemption, victim, view, minutes))


def tell_withdrawn(tx: Tx, row: ReservationRow, by: Member, reason: str) -> None:
    """Tell whoever asked that it is called off, and why."""
    notice = ReservationReleased(row.id, by.slack_user_id, reason, was_running=False)
    outbox.tell_thread(tx, row, notice)
    if by.member_id != row.member_id:
        outbox.tell_holder(tx, row, notice)


def now_at_stake(tx: Tx, victim: PreemptionVictimRow, view: VictimView) -> VictimView:
    """Return a victim as it is now: its epoch, its checkpoint, and where it goes on."""
    row = victim.reservation
    target = victim.target or run_links.planned_for(tx, row) or row
    run = row.run
    if run is None or not run.attempts:
        return _with(view, target, view.epoch, view.checkpoint_at, view.lost_work_s)
    seen = tx.session.get(CheckpointRow, run.attempts[-1].id)
    checkpoint_at = seen.seen_at if seen is not None else view.checkpoint_at
    lost = tx.now - checkpoint_at if checkpoint_at else timedelta(seconds=view.lost_work_s)
    return _with(view, target, run_progress(run).epoch, checkpoint_at, lost.total_seconds())


def _with(
    view: VictimView,
    target: ReservationRow,
    epoch: int,
    checkpoint_at: object,
    lost_work_s: float,
) -> VictimView:
    values = {name: getattr(view, name) for name in VictimView.__dataclass_fields__}
    values |= {
        "epoch": epoch,
        "checkpoint_at": checkpoint_at,
        "lost_work_s": lost_work_s,
        "next_id": target.id,
        "next_start": target.starts_at,
        "next_end": target.ends_at,
    }
    return VictimView(**values)


def _taken_back(
    tx: Tx,
    preemption: PreemptionRow,
    victim: PreemptionVictimRow,
    view: VictimView,
    minutes: int = 0,
) -> GpusTakenBack:
    row, takes_at = preemption.reservation, preemption.takes_at
    assert takes_at is not None  # noqa: S101 - set when it was agreed to
    return GpusTakenBack(
        victim.reservation_id,
        preemption_id=preemption.id,
        for_reservation_id=row.id,
        by_slack_id=row.member.slack_user_id,
        priority=row.priority,
        reason=row.note,
        takes_at=takes_at,
        victim=victim_to_text(view),
        minutes=minutes,
        can_finish_epoch=epoch_fits(tx, victim),
        choices=_choices(tx, victim),
    )


def epoch_fits(tx: Tx, victim: PreemptionVictimRow) -> bool:
    """Tell whether the epoch that runs will be done before the GPUs are taken, by its pace."""
    row, run = victim.reservation, victim.reservation.run
    if run is None or RunState(run.state) is not RunState.RUNNING or victim.finish_epoch:
        return False
    epochs = [epoch for attempt in run.attempts for epoch in attempt.epochs]
    if not epochs:
        return False
    last = max(epochs, key=lambda epoch: epoch.at)
    done_at = last.at + timedelta(seconds=max(each.epoch_s for each in epochs[-5:]))
    return done_at <= row.ends_at - tx.policy.stop_lead


def _choices(tx: Tx, victim: PreemptionVictimRow) -> tuple[str, ...]:
    """Return later starts to which the rest can be moved, after the one that is booked."""
    target = victim.target if victim.state == VictimState.CUT else victim.reservation
    if target is None:
        return ()
    grid = tx.policy.grid
    begin = grid.floor(target.starts_at)
    models = {claim.gpu.model for claim in target.claims}
    calendar = load_calendar(tx.session, begin, placing.last_end(tx), without=target.id)
    found = calendar.only([gpu for gpu in calendar.gpus if gpu.model in models]).nearest_windows(
        len(target.claims),
        TimeWindow(begin, grid.ceil(begin + (target.ends_at - target.starts_at))),
        grid=grid,
        one_host=run_links.carries_run(tx, target),
        last_start=tx.now + tx.policy.horizon,
        limit=CHOICES,
    )
    return tuple(each.window.start.isoformat() for each in found)
