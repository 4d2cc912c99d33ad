"""Approvals: what breaks a rule waits for a lead or an admin, with its window held."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.domain.errors import MayNotApprove, NeedsItsPlan, OfferOver, UnknownApproval
from bot.domain.limits import Rule, RuleKind, may_approve, rules_to_json, rules_to_texts
from bot.domain.notices import ApprovalAsked, ApprovalDecided
from bot.domain.offers import OfferState
from bot.domain.people import Member
from bot.domain.policy import Policy
from bot.domain.priority import Priority
from bot.domain.states import ReservationState, move_reservation
from bot.domain.time_window import TimeWindow
from bot.domain.views import ReservationView
from bot.services import audit, due, holding, limits, outbox, run_links, series_approvals
from bot.services.people import member_of
from bot.services.transaction import Tx, reads_only
from bot.services.views import reservation_view
from bot.store import approvals, preemptions, reservations, series, timers
from bot.store.offer_tables import ApprovalRow
from bot.store.tables import MemberRow, ReservationRow

NOBODY_IN_TIME = "nobody approved it in time"


def book_or_ask(tx: Tx, member: Member, row: ReservationRow) -> None:
    """Book what is held for ``member``, or let it wait for approval where it breaks a rule.

    What was approved for a series holds for its occurrences to come.

    Who may approve and asks for themselves has approved it by asking.  The caller has taken a
    turn (`bot.store.claims.take_turns`), has written or locked the reservation, which is
    ``pending`` or ``offered``, and shows its card.
    """
    rules = _rules_of(tx, member, row)
    if not rules:
        _book(tx, row)
    elif may_approve(member, row.team_id):
        approval = _add(tx, row, rules, tx.now)
        _decide(tx, approval, OfferState.ACCEPTED, member.member_id, "")
        _book(tx, row)
        _record(tx, audit.by_member(member), "approval.given_by_asking", approval)
    elif (agreed := series_approvals.agreed_before(tx, row, rules)) is not None:
        approval = _add(tx, row, rules, tx.now)
        _decide(tx, approval, OfferState.ACCEPTED, agreed.decided_by_member_id, agreed.reason)
        _book(tx, row)
        _record(tx, audit.CLOCKWORK, "approval.given_for_the_series", approval)
    else:
        _ask(tx, row, rules)


def ask_with_plan(tx: Tx, row: ReservationRow) -> ApprovalRow:
    """Let a pending reservation wait for who decides it with the plan of whom it takes GPUs from.

    The caller has recorded that plan, and asks with a message of its own.
    """
    return _open(tx, row, _rules_of(tx, member_of(row.member), row))


def judge_again(tx: Tx, row: ReservationRow) -> None:
    """Let the request of a pending reservation, which has changed, show the rules it breaks now."""
    approval = approvals.newest_of(tx.session, row.id)
    if approval is not None and approval.state == OfferState.OPEN:
        approval.rules = rules_to_json(_rules_of(tx, member_of(row.member), row))


@reads_only
def require_open(tx: Tx, member: Member, approval_id: int) -> ReservationView:
    """Return the reservation of a request that this member may decide about now.

    Raises:
        UnknownApproval: there is none of that number.
        MayNotApprove: only a lead of the team or an admin may; carries who that is.
        OfferOver: it has been decided, withdrawn, or has expired.
    """
    approval = tx.session.get(ApprovalRow, approval_id)
    if approval is None:
        raise UnknownApproval(approval_id)
    _require_may_decide(tx, member, approval.reservation)
    _require_undecided(tx, approval)
    return reservation_view(approval.reservation)


def approve(
    tx: Tx, member: Member, approval_id: int, *, with_plan: bool = False
) -> ReservationView:
    """Approve a request: its reservation is booked, and the holder told.

    The quota is looked at again, and the request keeps what was found: whoever approves sees what
    they have agreed to.  Approving again what one has approved changes nothing.  What takes GPUs
    from others is approved ``with_plan`` alone (`bot.services.preemptions.approve`).

    Raises:
        NeedsItsPlan: it takes GPUs from others, and the plan that says from whom was not shown.
        UnknownApproval: there is none of that number.
        MayNotApprove: only a lead of the team or an admin may; carries who that is.
        OfferOver: it has been decided, withdrawn, or has expired.
    """
    approval, row = _lock(tx, member, approval_id)
    if _is_repeated(approval, OfferState.ACCEPTED, member):
        return reservation_view(row)
    _require_undecided(tx, approval)
    if not with_plan and preemptions.is_asked(tx.session, row.id):
        raise NeedsItsPlan(row.id)
    together = _waiting_together(tx, approval)
    for one in together:
        judge_again(tx, one.reservation)
        _decide(tx, one, OfferState.ACCEPTED, member.member_id, "")
        _book(tx, one.reservation)
        _record(tx, audit.by_member(member), "approval.approved", one)
    _tell_decided(tx, together, member.slack_user_id, occurrences=len(together))
    return reservation_view(row)


def decline(tx: Tx, member: Member, approval_id: int, reason: str) -> ReservationView:
    """Decline a request: its window is free again, and the holder told why.

    Declining again what one has declined changes nothing.

    Raises:
        UnknownApproval: there is none of that number.
        MayNotApprove: only a lead of the team or an admin may; carries who that is.
        OfferOver: it has been decided, withdrawn, or has expired.
    """
    approval, row = _lock(tx, member, approval_id)
    if _is_repeated(approval, OfferState.DECLINED, member):
        return reservation_view(row)
    _require_undecided(tx, approval)
    together = _waiting_together(tx, approval)
    for one in together:
        _decide(tx, one, OfferState.DECLINED, member.member_id, reason)
        one.reservation.end_reason = reason
        holding.give_up(tx, one.reservation)
        _record(tx, audit.by_member(member), "approval.declined", one)
    _tell_decided(tx, together, member.slack_user_id, occurrences=len(together))
    if row.series_id is not None:
        series_approvals.end_if_nothing_is_left(tx, member, row.series_id, reason)
    return reservation_view(row)


def expire(tx: Tx, row: ReservationRow) -> None:
    """Give up a reservation that nobody has approved in time. The reservation is locked."""
    approval = approvals.newest_of(tx.session, row.id)
    if approval is None or approval.state != OfferState.OPEN or tx.now < approval.expires_at:
        return
    _decide(tx, approval, OfferState.EXPIRED, None, "")
    row.end_reason = NOBODY_IN_TIME
    holding.give_up(tx, row)
    together = series_approvals.expiring_with(tx, approval)
    if together[0].id == approval.id:
        _tell_decided(tx, [approval], "", occurrences=len(together))
    else:
        outbox.show(tx, row)  # the first of them tells of all
    _record(tx, audit.CLOCKWORK, "approval.expired", approval)


def deadline(now: datetime, window: TimeWindow, policy: Policy) -> datetime:
    """Return until when a request for that window waits.

    Until the start at most; but what is wanted at once gets a moment in which somebody can look.
    """
    start = max(window.start, now + policy.approval_at_least)
    return min(now + policy.approval_within, start, window.end)


def _rules_of(tx: Tx, member: Member, row: ReservationRow) -> tuple[Rule, ...]:
    window = TimeWindow(row.starts_at, row.ends_at)
    priority = Priority(row.priority)
    rules = limits.judge(tx, member, window, len(row.claims), priority, besides=[row.id])
    if preemptions.is_asked(tx.session, row.id):
        return (Rule(RuleKind.PREEMPTION), *rules)
    return rules


def _book(tx: Tx, row: ReservationRow) -> None:
    row.state = move_reservation(ReservationState(row.state), ReservationState.BOOKED)
    row.version += 1
    timers.disarm(tx.session, row.id, (due.TimerKind.APPROVAL_EXPIRES,), tx.now)
    due.arm_reservation(tx, row)


def _open(tx: Tx, row: ReservationRow, rules: tuple[Rule, ...]) -> ApprovalRow:
    row.state = move_reservation(ReservationState(row.state), ReservationState.PENDING)
    row.version += 1
    until = deadline(tx.now, TimeWindow(row.starts_at, row.ends_at), tx.policy)
    approval = _add(tx, row, rules, until)
    timers.arm(tx.session, due.TimerKind.APPROVAL_EXPIRES, row.id, until)
    _record(tx, audit.by_member(member_of(row.member)), "approval.asked", approval)
    return approval


def _ask(tx: Tx, row: ReservationRow, rules: tuple[Rule, ...]) -> None:
    approval = _open(tx, row, rules)
    if series.id_of_key(row.request_key) is not None:
        return  # its series asks once for all of them
    approvers = approvals.approvers(tx.session, row.team_id)
    channel_id = row.team.approval_channel_id
    asked = ApprovalAsked(
        row.id,
        approval_id=approval.id,
        holder_slack_id=row.member.slack_user_id,
        team_name=row.team.name,
        gpu_count=len(row.claims),
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        expires_at=approval.expires_at,
        rules=rules_to_texts(rules),
        approver_slack_ids=approvers,
        note=row.note,
        # Where a run goes on has no card of its own on which it could be decided.
        with_buttons=bool(channel_id) or run_links.is_planned_target(tx, row),
    )
    if channel_id:
        outbox.tell_channel(tx, channel_id, row, asked)
    else:
        outbox.tell_thread(tx, row, asked)


def _add(tx: Tx, row: ReservationRow, rules: tuple[Rule, ...], until: datetime) -> ApprovalRow:
    approval = ApprovalRow(
        reservation_id=row.id,
        rules=rules_to_json(rules),
        state=OfferState.OPEN,
        created_at=tx.now,
        expires_at=until,
    )
    tx.session.add(approval)
    tx.session.flush()
    return approval


def _lock(tx: Tx, member: Member, approval_id: int) -> tuple[ApprovalRow, ReservationRow]:
    found = tx.session.get(ApprovalRow, approval_id)
    if found is None:
        raise UnknownApproval(approval_id)
    row = None
    for reservation_id in series_approvals.waiting_with(tx, found):
        locked = reservations.lock(tx.session, reservation_id)
        row = locked if reservation_id == found.reservation_id else row
    approval = approvals.lock(tx.session, approval_id)
    if row is None or approval is None:
        raise UnknownApproval(approval_id)
    _require_may_decide(tx, member, row)
    return approval, row


def _waiting_together(tx: Tx, approval: ApprovalRow) -> list[ApprovalRow]:
    """Return an open request with those of its series that wait, too; all of them are locked."""
    ids = series_approvals.waiting_with(tx, approval)
    rows = [approvals.newest_of(tx.session, reservation_id) for reservation_id in ids]
    return [row for row in rows if row is not None and row.state == OfferState.OPEN]


def _require_may_decide(tx: Tx, member: Member, row: ReservationRow) -> None:
    if not may_approve(member, row.team_id):
        who = approvals.approvers(tx.session, row.team_id)
        raise MayNotApprove(row.id, row.team.name, who)


def _require_undecided(tx: Tx, approval: ApprovalRow) -> None:
    if approval.state != OfferState.OPEN:
        raise OfferOver("request", approval.state)
    if tx.now >= approval.expires_at:
        # Its timer is about to say so; who comes at the very instant comes too late.
        raise OfferOver("request", OfferState.EXPIRED)


def _is_repeated(approval: ApprovalRow, answer: OfferState, member: Member) -> bool:
    return approval.state == answer and approval.decided_by_member_id == member.member_id


def _decide(
    tx: Tx, approval: ApprovalRow, state: OfferState, member_id: int | None, reason: str
) -> None:
    approval.state, approval.decided_at, approval.reason = state, tx.now, reason
    approval.decided_by = tx.session.get(MemberRow, member_id) if member_id else None


def _tell_decided(
    tx: Tx, together: Sequence[ApprovalRow], by_slack_id: str, *, occurrences: int
) -> None:
    approval, row = together[0], together[0].reservation
    notice = ApprovalDecided(
        row.id,
        holder_slack_id=row.member.slack_user_id,
        state=approval.state,
        by_slack_id=by_slack_id,
        reason=approval.reason,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        gpu_count=len(row.claims),
        occurrences=occurrences,
    )
    for one in together:
        outbox.show(tx, one.reservation)
    outbox.tell_thread(tx, row, notice)
    outbox.tell_holder(tx, row, notice)


def _record(tx: Tx, actor: audit.Actor, action: str, approval: ApprovalRow) -> None:
    audit.record(
        tx,
        actor,
        action,
        ("reservation", approval.reservation_id),
        reason=approval.reason,
        approval=approval.id,
        rules=approval.rules["rules"],
    )
