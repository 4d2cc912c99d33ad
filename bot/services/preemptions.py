"""Preemption: GPUs that a higher priority takes back, asked for, approved, taken or called off.

Nothing happens before somebody approves the very plan that they have seen.  From then on until the
GPUs are taken everybody who gives something up has their notice, and a cancellation undoes it all.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select

from bot.domain.errors import (
    MayNotApprove,
    OfferOver,
    OwnPreemption,
    PreemptionOver,
    UnknownPreemption,
)
from bot.domain.limits import may_approve
from bot.domain.offers import OfferState
from bot.domain.people import Member, Role
from bot.domain.preemption_views import (
    PlanView,
    PreemptionState,
    PreemptionView,
    VictimState,
    plan_from_json,
    plan_to_json,
)
from bot.domain.requests import ReserveRequest, request_from_json
from bot.domain.states import ReservationState
from bot.domain.time_window import TimeWindow
from bot.services import (
    approvals,
    audit,
    due,
    holding,
    outbox,
    preemption_plans,
    preemption_restoring,
    preemption_telling,
    team_defaults,
)
from bot.services.due import TimerKind
from bot.services.preemption_moves import carry_out
from bot.services.transaction import Tx, reads_only
from bot.store import approvals as approval_rows
from bot.store import preemptions, reservations, timers
from bot.store.claims import bookable_gpus, holdings_in, take_turns
from bot.store.preemption_tables import PreemptionRow
from bot.store.tables import ReservationRow

REMINDERS = (timedelta(minutes=15), timedelta(minutes=5))


def ask(tx: Tx, member: Member, request: ReserveRequest) -> PreemptionView:
    """Ask for GPUs that others hold: they are named, and nothing happens until it is approved.

    Asking again with the same ``request_key`` changes nothing.

    Raises:
        NotPermitted: viewers may not book.
        MayNotPreempt: the priority may not take GPUs back.
        NobodyToPreempt: there is not enough that may be taken.
        InvalidGpuCount, UnknownGpu, UnknownGpuType, NoSingleHost: there are no such GPUs.
        PastStart, TooShort, TooLong, BeyondHorizon: the window breaks a limit.
        ClaimOverlap: somebody else won the race every time.
    """
    take_turns(tx.session)
    earlier = _asked_before(tx, member, request.request_key)
    if earlier is not None:
        return _view(tx, earlier)
    request = team_defaults.settle(tx, member, request)
    plan = _without_ids(preemption_plans.preview(tx, member, request))
    found = preemption_plans.find(tx, request)
    row = preemption_plans.hold_for(tx, member, request, found)
    preemption = preemption_plans.record(tx, member, row, request)
    preemption.plan, preemption.digest = plan_to_json(plan), plan.digest
    approval = approvals.ask_with_plan(tx, row)
    outbox.show(tx, row)
    preemption_telling.tell_asked(tx, preemption, plan, approval)
    audit.record(
        tx,
        audit.by_member(member),
        "preemption.asked",
        ("reservation", row.id),
        reason=request.note,
        preemption=preemption.id,
        victims=[victim.reservation_id for victim in plan.victims],
        gpus=list(plan.gpu_names),
    )
    tx.session.flush()
    return _view(tx, preemption)


def _without_ids(plan: PlanView) -> PlanView:
    """Return a plan without the numbers of reservations that were only tried out."""
    moved = {victim.reservation_id for victim in plan.victims}
    victims = tuple(
        victim if victim.next_id in moved else replace(victim, next_id=0) for victim in plan.victims
    )
    return replace(plan, victims=victims)


def _asked_before(tx: Tx, member: Member, request_key: str | None) -> PreemptionRow | None:
    if request_key is None:
        return None
    return tx.session.scalar(
        select(PreemptionRow)
        .join(ReservationRow, ReservationRow.id == PreemptionRow.reservation_id)
        .where(
            ReservationRow.request_key == request_key,
            ReservationRow.member_id == member.member_id,
        )
    )


def approve(tx: Tx, member: Member, preemption_id: int, digest: str) -> PreemptionView:
    """Approve a preemption whose plan one has seen: whoever gives something up is told at once.

    The plan is made anew under lock.  If it is another one by now nothing happens, and the new
    plan is returned as ``changed``: whoever decides looks at it and approves again.  Approving
    again what one has approved changes nothing.

    Raises:
        UnknownPreemption: there is none of that number.
        MayNotApprove: only a lead of the team or an admin may.
        OwnPreemption: whoever asks does not approve it, unless an admin.
        OfferOver: it has been decided, withdrawn, or has expired.
        NobodyToPreempt: there is not enough that may be taken any more.
        ClaimOverlap: somebody else won the race every time.
    """
    take_turns(tx.session)
    preemption = _find(tx, preemption_id)
    request = request_from_json(preemption.request)
    _lock_for(tx, preemption, request.length)
    approval = approval_rows.newest_of(tx.session, preemption.reservation_id)
    if preemption.state == PreemptionState.AGREED and _is_by(preemption, member):
        return _view(tx, preemption)
    require_may_decide(tx, member, preemption)
    if approval is None or preemption.state != PreemptionState.ASKED:
        raise OfferOver("request", approval.state if approval else OfferState.WITHDRAWN)
    if tx.now >= approval.expires_at:
        raise OfferOver("request", OfferState.EXPIRED)
    found = preemption_plans.try_again(tx, preemption, request)
    savepoint = tx.session.begin_nested()
    victims = carry_out(tx, preemption, found.plan, found.window)
    plan = preemption_plans.view_of(tx, found, request.rank, victims)
    if plan.digest != digest:
        savepoint.rollback()
        tx.session.expire_all()
        plan = _without_ids(plan)
        preemption.plan, preemption.digest = plan_to_json(plan), plan.digest
        tx.session.flush()
        return replace(_view(tx, preemption), changed=True)
    savepoint.commit()
    _agree(tx, member, preemption, plan)
    approvals.approve(tx, member, approval.id, with_plan=True)
    preemption_telling.tell_agreed(tx, preemption, plan, member)
    return _view(tx, preemption)


def _agree(tx: Tx, member: Member, preemption: PreemptionRow, plan: PlanView) -> None:
    takes_at = plan.takes_at
    preemption.plan, preemption.digest = plan_to_json(plan), plan.digest
    preemption.takes_at = takes_at
    preemption.state = PreemptionState.AGREED
    preemption.decided_at, preemption.decided_by_member_id = tx.now, member.member_id
    tx.session.flush()
    timers.arm(tx.session, TimerKind.PREEMPTION_TAKES, preemption.id, takes_at)
    _arm_reminder(tx, preemption)
    audit.record(
        tx,
        audit.by_member(member),
        "preemption.agreed",
        ("reservation", preemption.reservation_id),
        preemption=preemption.id,
        takes_at=takes_at,
        victims=[victim.reservation_id for victim in plan.victims],
    )


def _arm_reminder(tx: Tx, preemption: PreemptionRow) -> None:
    if preemption.takes_at is None:
        return
    later = [preemption.takes_at - each for each in REMINDERS]
    following = min((each for each in later if each > tx.now), default=None)
    if following is not None:
        timers.arm(tx.session, TimerKind.PREEMPTION_REMINDS, preemption.id, following)


def _is_by(preemption: PreemptionRow, member: Member) -> bool:
    return preemption.decided_by_member_id == member.member_id


def _lock_for(tx: Tx, preemption: PreemptionRow, length: timedelta) -> None:
    """Lock the reservation and whoever stands in its way, in the order of their ids."""
    row = preemption.reservation
    gpu_ids = [gpu.gpu_id for gpu in bookable_gpus(tx.session)]
    span = TimeWindow(tx.now, max(row.ends_at, tx.now + tx.policy.preemption_grace))
    span = TimeWindow(span.start, tx.policy.grid.ceil(span.end + length))
    in_the_way = holdings_in(tx.session, span, gpu_ids)
    numbers = {row.id, *(each.reservation_id for each in in_the_way)}
    for number in sorted(numbers):
        reservations.lock(tx.session, number)
    tx.session.refresh(preemption)


def require_may_decide(tx: Tx, member: Member, preemption: PreemptionRow) -> None:
    """Let leads of the team that asks and admins decide, but not who asks, unless an admin.

    Raises:
        MayNotApprove: only a lead of the team or an admin may; carries who that is.
        OwnPreemption: whoever asks does not approve it.
    """
    row = preemption.reservation
    if not may_approve(member, row.team_id):
        who = approval_rows.approvers(tx.session, row.team_id)
        raise MayNotApprove(row.id, row.team.name, who)
    own = member.member_id in (row.member_id, preemption.asked_by_member_id)
    if own and member.role is not Role.ADMIN:
        raise OwnPreemption(row.id)


def withdraw(tx: Tx, member: Member, preemption_id: int, reason: str) -> PreemptionView:
    """Call a preemption off before the GPUs are taken: everything goes on as if nothing had been.

    For its holder, a lead of the team, an admin, and who has approved it.  Idempotent.

    Raises:
        UnknownPreemption: there is none of that number.
        MayNotApprove: only those may.
        PreemptionOver: its GPUs have been taken.
    """
    take_turns(tx.session)
    preemption = _find(tx, preemption_id)
    preemption_restoring.lock_all(tx, preemption.reservation_id)
    row = reservations.lock(tx.session, preemption.reservation_id)
    tx.session.refresh(preemption)
    assert row is not None  # noqa: S101 - a preemption refers to its reservation
    may = member.may_change(holder_member_id=row.member_id, team_id=row.team_id)
    if not may and not _is_by(preemption, member):
        raise MayNotApprove(row.id, row.team.name, approval_rows.approvers(tx.session, row.team_id))
    if preemption.state in (PreemptionState.UNDONE, PreemptionState.CLOSED):
        return _view(tx, preemption)
    over = preemption.takes_at is not None and tx.now >= preemption.takes_at
    if over or not ReservationState(row.state).is_ahead:
        raise PreemptionOver(preemption.id, PreemptionState.TAKEN)
    row.end_reason = reason
    holding.give_up(tx, row)
    outbox.show(tx, row)
    preemption_telling.tell_withdrawn(tx, row, member, reason)
    audit.record(
        tx,
        audit.by_member(member),
        "preemption.withdrawn",
        ("reservation", row.id),
        reason=reason,
        preemption=preemption.id,
    )
    return _view(tx, preemption)


def lock_all(tx: Tx, preemption_id: int) -> None:
    """Lock all that a preemption is about, in the order of their ids, for one of its timers."""
    preemption = tx.session.get(PreemptionRow, preemption_id)
    if preemption is not None:
        for number in preemptions.reservations_of(tx.session, preemption):
            reservations.lock(tx.session, number)


def take(tx: Tx, preemption_id: int) -> None:
    """Take the GPUs: what was kept for the victims is free now.

    Before its time it looks whether everybody has yielded already: then the GPUs are taken at
    once.  The caller has taken a turn and has locked all of them.
    """
    preemption = tx.session.get(PreemptionRow, preemption_id, populate_existing=True)
    if preemption is None or preemption.state != PreemptionState.AGREED:
        return
    assert preemption.takes_at is not None  # noqa: S101 - set when it was agreed to
    if tx.now < preemption.takes_at and not _begin_early(tx, preemption):
        timers.arm(tx.session, TimerKind.PREEMPTION_TAKES, preemption.id, preemption.takes_at)
        return
    preemption.state = PreemptionState.TAKEN
    timers.disarm(tx.session, preemption.id, (TimerKind.PREEMPTION_REMINDS,), tx.now)
    for victim in preemptions.victims_of(tx.session, preemption.id):
        victim.state = VictimState.GONE
        if victim.kept is not None and ReservationState(victim.kept.state).is_ahead:
            victim.kept.end_reason = "the GPUs have been taken back"
            holding.give_up(tx, victim.kept)
    due.arm_serve_waiting(tx)
    audit.record(
        tx,
        audit.CLOCKWORK,
        "preemption.taken",
        ("reservation", preemption.reservation_id),
        preemption=preemption.id,
    )


def _begin_early(tx: Tx, preemption: PreemptionRow) -> bool:
    """Let the GPUs be had at once if nobody holds any of them any more; tell whether it is so."""
    row = preemption.reservation
    if ReservationState(row.state) is not ReservationState.BOOKED or row.starts_at <= tx.now:
        return False
    wanted = request_from_json(preemption.request).start
    if wanted is not None and wanted > tx.now:
        return False
    gpu_ids = [claim.gpu_id for claim in row.claims]
    if holdings_in(tx.session, TimeWindow(tx.now, row.starts_at), gpu_ids, without=row.id):
        return False
    row.starts_at = tx.now
    for claim in row.claims:
        claim.starts_at = tx.now
    row.version += 1
    tx.session.flush()
    due.arm_reservation(tx, row)
    outbox.show(tx, row)
    return True


def remind(tx: Tx, preemption_id: int) -> None:
    """Tell everybody again how long it still is, and what they would lose now."""
    preemption = tx.session.get(PreemptionRow, preemption_id, populate_existing=True)
    if preemption is None or preemption.state != PreemptionState.AGREED:
        return
    assert preemption.takes_at is not None  # noqa: S101 - set when it was agreed to
    minutes = round((preemption.takes_at - tx.now).total_seconds() / 60)
    if minutes > 0:
        preemption_telling.remind(tx, preemption, minutes)
    _arm_reminder(tx, preemption)


@reads_only
def show(tx: Tx, preemption_id: int) -> PreemptionView:
    """Return a preemption with the plan that was shown last.

    Raises:
        UnknownPreemption: there is none of that number.
    """
    return _view(tx, _find(tx, preemption_id))


def _find(tx: Tx, preemption_id: int) -> PreemptionRow:
    found = tx.session.get(PreemptionRow, preemption_id)
    if found is None:
        raise UnknownPreemption(preemption_id)
    return found


def _view(tx: Tx, preemption: PreemptionRow) -> PreemptionView:
    approval = approval_rows.newest_of(tx.session, preemption.reservation_id)
    return PreemptionView(
        preemption_id=preemption.id,
        reservation_id=preemption.reservation_id,
        state=PreemptionState(preemption.state),
        asked_by_slack_id=preemption.asked_by.slack_user_id,
        approval_id=approval.id if approval else 0,
        plan=plan_from_json(preemption.plan),
        takes_at=preemption.takes_at,
    )
